"""Claims: what answers say that was done, and how far they say an order is."""

from typing import Final

import pytest

from evals.assistant import Call, Run
from evals.cases import Conversation, Expectation, Language, Turn, World, as_pattern
from evals.checks import problems

PAST: Final = "prdo_appointmentpast000000000"  # scheduled, and nobody knows whether the installer came


def found(
    check: str, answer: str, language: Language = "en", result: str = PAST, world: World | None = None
) -> list[str]:
    conversation = Conversation(language=language, world=world or World(), turns=(Turn(ask="?"),))
    calls = [Call(turn=0, tool="get_meter_order", arguments={}, result=result, failed=False)]
    run = Run(answers=[answer], calls=calls)
    return problems(conversation, Expectation(kind="when", tools={"get_meter_order": 1}), run)[check]


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "I can't cancel it, but I've forwarded your request to our team."),
        ("en", "The customer has already been reminded."),
        ("en", "We have contacted your grid operator."),
        ("en", "The grid operator rejected the registration."),
        ("de", "Das kann ich nicht selbst, habe Ihren Wunsch aber an unser Team weitergeleitet."),
        ("de", "Ich habe den Partner gebeten, sich zu melden."),
        ("de", "Der Kunde wurde schon erinnert."),
        ("de", "Ihre Fotos sind eingegangen."),
    ],
)
def test_what_no_tool_does_was_not_done(language: Language, answer: str) -> None:
    assert found("deeds", answer, language)


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "I have not forwarded anything."),
        ("en", "If you have been asked for details, please send them."),
        ("en", "Once the partner has informed us, we let you know."),
        ("de", "Ich habe niemanden informiert."),
        ("de", "Falls Sie um Angaben gebeten wurden, schicken Sie sie bitte."),
        ("de", "Bitte informieren Sie den Kunden."),
    ],
)
def test_a_denied_deed_and_a_condition_are_none(language: Language, answer: str) -> None:
    assert found("deeds", answer, language) == []


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "The meter was installed on 12 June."),
        ("en", "Most likely the installation was successful."),
        ("en", "It is already active."),
        ("en", "The order has been cancelled."),
        ("de", "Der Smart Meter ist eingebaut, aber noch nicht aktiv."),
        ("de", "Er ist jetzt aktiv."),
        ("de", "Ihre Bestellung wurde leider storniert."),
    ],
)
def test_a_state_that_the_order_has_not_is_found_in_everyday_words(language: Language, answer: str) -> None:
    assert len(found("state", answer, language)) == 1
    assert found("state", answer, language, result="of no order") == []


@pytest.mark.parametrize(
    ("language", "answer"),
    [
        ("en", "It does not show whether the meter was installed."),
        ("en", "It is not active. Once it is active, prices change."),
        ("en", "The subscription is active."),
        ("en", "Has it been cancelled?"),
        ("de", "Ob er eingebaut ist, ist nicht bekannt."),
        ("de", "Sobald er eingebaut ist, geht es weiter."),
        ("de", "Der Vertrag ist aktiv."),
    ],
)
def test_what_is_denied_asked_or_said_of_something_else_is_no_state(language: Language, answer: str) -> None:
    assert found("state", answer, language) == []


def test_a_state_is_that_of_the_world_whatever_a_server_shows_of_it() -> None:
    world = World.model_validate({"orders": {PAST: {"status": "activated"}}})
    assert found("state", "It was installed and is active.", world=world) == []
    assert found("state", "It is already installed.", result="prdo_preexisting0000000000000") == []


def test_phrases_are_looked_for_by_name() -> None:
    assert as_pattern("<nothing_to_do>").search("You don't have to do anything.")
    assert as_pattern("<nothing_to_do>").search("Es gibt nichts zu tun.")
    with pytest.raises(ValueError, match="no phrases <nothing>"):
        as_pattern("<nothing>")
