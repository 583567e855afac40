"""The checks: right answers in other words than ours pass, and wrong ones in other words are caught."""

import pytest

from evals.assistant import Call, Run
from evals.cases import Actor, Conversation, Expectation, Language, Turn, World
from evals.checks import problems


def found(
    answer: str,
    *,
    actor: Actor | None = None,
    language: Language = "en",
    caller: str = "operator",
    result: str = "",
    check: str = "actor",
) -> list[str]:
    conversation = Conversation(language=language, caller=caller, turns=(Turn(ask="?", actor=actor),))
    calls = [Call(turn=0, tool="get_meter_order", arguments={}, result=result, failed=False)]
    run = Run(answers=[answer], calls=calls, definitions="", orders={})
    return problems(conversation, Expectation(kind="when", tools={"get_meter_order": 1}), run)[check]


@pytest.mark.parametrize(
    ("language", "actor", "answer"),
    [
        ("en", "grid_operator", "Your order is waiting for your local grid operator, who has to confirm it."),
        ("en", "grid_operator", "You do not have to do anything. You can only wait."),
        ("en", "grid_operator", "There is nothing you need to do."),
        ("en", "grid_operator", "You just have to wait for the grid operator."),
        ("en", "grid_operator", "It is the grid operator's turn, not the customer's."),
        ("en", "grid_operator", "Once the grid operator has answered, the partner has to arrange a date."),
        ("en", "grid_operator", "Do you have to do anything?"),
        ("en", "customer", "The customer has to send a photo. Then the installation partner has to review it."),
        ("en", "customer", "The order is with the installation partner. It is waiting for the customer's check."),
        ("en", "installation_partner", "Please make sure someone is at home; you have to give access to the meter."),
        ("en", "installation_partner", "If you have been asked for details, please send them."),
        ("en", "installation_partner", "You should keep the appointment free."),
        ("en", "unknown", "Ask the customer whether the installer came. Please tell us whether somebody came."),
        ("en", "nomos", "Your order is being reviewed by us: Nomos has to approve it."),
        ("de", "grid_operator", "Ihre Bestellung wartet auf Ihren örtlichen Netzbetreiber."),
        ("de", "grid_operator", "Sie müssen nichts tun. Sie können nur warten."),
        ("de", "grid_operator", "Wir müssen auf den Netzbetreiber warten."),
        (
            "de",
            "grid_operator",
            "Der Netzbetreiber muss die Anmeldung bestätigen. Danach muss der Partner den Termin nennen.",
        ),
        ("de", "installation_partner", "Die Bestellung liegt beim Partner. Sie muss noch geprüft werden."),
        ("de", "installation_partner", "Falls Sie um Angaben gebeten werden, müssen Sie diese schicken."),
        ("de", "installation_partner", "Bitte sorgen Sie dafür, dass jemand zu Hause ist. Sie müssen zu Hause sein."),
        (
            "de",
            "customer",
            "Die Bestellung liegt jetzt bei unserem Partner für den Einbau. Sie müssen ein Foto schicken.",
        ),
        ("de", "nomos", "Jetzt sind wir an der Reihe: Nomos muss die Bestellung freigeben."),
    ],
)
def test_a_right_answer_claims_nobody_elses_turn(language: Language, actor: Actor, answer: str) -> None:
    assert found(answer, actor=actor, language=language) == []


@pytest.mark.parametrize(
    ("language", "actor", "answer"),
    [
        ("en", "customer", "Now the grid operator has to confirm the registration."),
        ("en", "customer", "We are waiting for your local grid operator."),
        ("en", "customer", "It is waiting for the confirmation of the grid operator."),
        ("en", "customer", "No, it's the grid operator's turn."),
        ("en", "customer", "It is up to the **installation partner** now."),
        ("en", "customer", "It is the grid operator's turn, not the customer's."),
        ("en", "grid_operator", "The customer still has to complete the check."),
        ("en", "grid_operator", "Please send a photo of your meter."),
        ("en", "grid_operator", "The registration has not arrived, so you have to call the grid operator."),
        ("en", "grid_operator", "It is your turn."),
        ("en", "grid_operator", "We are waiting for your photo."),
        ("en", "nobody", "The installer must come again."),
        ("en", "installation_partner", "Nomos needs to approve it first."),
        ("de", "grid_operator", "Sie müssen noch ein Foto schicken."),
        ("de", "grid_operator", "Dafür müssen Sie noch ein Foto schicken."),
        ("de", "grid_operator", "Bitte schicken Sie ein Foto."),
        ("de", "grid_operator", "Jetzt ist der Kunde am Zug."),
        ("de", "grid_operator", "Es liegt jetzt an Ihnen."),
        ("de", "customer", "Jetzt muss der Netzbetreiber die Anmeldung bestätigen."),
        ("de", "customer", "Wir warten auf die Bestätigung vom Netzbetreiber."),
        ("de", "customer", "Ihre Bestellung wartet auf Ihren örtlichen Netzbetreiber."),
        ("de", "customer", "Am Zug ist der Installationspartner."),
        ("de", "grid_operator", "Der Installationspartner muss noch prüfen."),
        ("de", "customer", "Nomos muss die Bestellung noch freigeben."),
    ],
)
def test_a_wrong_answer_claims_the_turn_of_somebody_else(language: Language, actor: Actor, answer: str) -> None:
    assert found(answer, actor=actor, language=language) != []


EN = "The order is with the installation partner, and it is waiting for your photo of the meter."
DE = "Die Bestellung ist beim Partner für den Einbau und wartet noch auf ein Foto von Ihrem Zähler."


@pytest.mark.parametrize(("language", "answer"), [("en", EN), ("de", DE), ("de", "Ja."), ("en", "On 27 June, 11:00.")])
def test_an_answer_in_the_language_of_the_question_is_right(language: Language, answer: str) -> None:
    assert found(answer, language=language, check="language") == []


@pytest.mark.parametrize(
    ("language", "answer"), [("en", DE), ("de", EN), ("en", f"{EN} {EN}\n\n{DE}"), ("de", f"{DE} {DE}\n{EN}")]
)
def test_an_answer_or_a_paragraph_in_another_language_is_wrong(language: Language, answer: str) -> None:
    assert found(answer, language=language, check="language") != []


@pytest.mark.parametrize(
    "leak",
    [
        "Goran",
        "Hasel",
        "DE00581864333201104089",
        "DE00 5818 6433 3201 1040 89",
        "42218896736",
        "cus_created00000000000000000@example.com",
        "1DEMO434794718",
        "Probegasse 63",
    ],
)
@pytest.mark.parametrize("where", ["answer", "result"])
def test_personal_data_is_found_in_answers_and_in_results(leak: str, where: str) -> None:
    answer, result = (f"It is {leak}.", "") if where == "answer" else ("", f'{{"is":"{leak}"}}')
    assert found(answer, result=result, check="privacy") != []


def test_ids_of_others_are_for_operators_only() -> None:
    answer = "There are prdo_created00000000000000000 and cus_placed000000000000000000."
    assert found(answer, check="privacy") == []
    assert len(found(answer, caller="cus_placed000000000000000000", check="privacy")) == 1


def test_days_are_counted_from_the_day_of_the_question() -> None:
    conversation = Conversation(language="en", world=World(days=3), turns=(Turn(ask="?"),))
    calls = [Call(turn=0, tool="get_meter_order", arguments={}, result="Ordered 9 Jun 2026", failed=False)]
    for answer, wrong in (("Ordered nine days ago.", []), ("Ordered six days ago.", ["the amount 6.0 day -1"])):
        run = Run(answers=[answer], calls=calls, definitions="", orders={})
        problem = problems(conversation, Expectation(kind="when"), run)["facts"]
        assert problem == [f"{each} was not read" for each in wrong]
