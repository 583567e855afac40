"""Whose turn an answer says that it is: "your" and "sie" are not always the customer."""

import pytest

from evals.assistant import Run
from evals.cases import Actor, Conversation, Expectation, Language, Turn
from evals.checks import problems


def found(check: str, answer: str, *, language: Language = "de", actor: Actor | None = None) -> list[str]:
    """Return what a check finds in an answer."""
    conversation = Conversation(language=language, turns=(Turn(ask="?", actor=actor),))
    run = Run(answers=[answer], calls=[], definitions="", orders={})
    return problems(conversation, Expectation(kind="when"), run)[check]


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("de", "Ihre Bestellung wartet auf Ihren örtlichen Netzbetreiber."),
        ("de", "Die Bestellung wartet auf Ihren Netzbetreiber."),
        ("en", "Your order is waiting for your local grid operator."),
        ("en", "It is waiting for your grid operator."),
    ],
)
def test_that_somebody_is_the_customers_own_does_not_make_it_the_customers_turn(
    language: Language, answer: str
) -> None:
    assert not found("actor", answer, language=language, actor="grid_operator")
    assert found("actor", answer, language=language, actor="nomos")


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("de", "Die Bestellung wartet auf Ihr Foto."),
        ("de", "Der Partner wartet auf Ihre Angaben."),
        ("en", "The partner is waiting for your photo."),
        ("en", "We are waiting for you."),
    ],
)
def test_who_waits_for_something_of_the_customers_says_that_it_is_the_customers_turn(
    language: Language, answer: str
) -> None:
    assert found("actor", answer, language=language, actor="grid_operator")


def test_german_sie_with_a_verb_in_the_singular_is_the_order() -> None:
    assert not found("actor", "Sie muss noch geprüft werden.", actor="nomos")
    assert found("actor", "Sie müssen ein Foto schicken.", actor="nomos")
