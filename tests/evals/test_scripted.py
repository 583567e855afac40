"""The model that plays transcripts: placeholders, what is missing, what is malformed, and recording."""

from pathlib import Path
from typing import Any, Final

import pytest

from evals import cases
from evals.assistant import Run, hold
from evals.cases import Conversation, Turn
from evals.scripted import BY_HAND, Step, Transcript, load, load_planted, recorded, save, scripted

SUBSCRIPTION: Final = "sub_canorder0000000000000000"


def transcript(*steps: dict[str, Any]) -> Transcript:
    """Return a transcript, as the files write it."""
    return [Step.model_validate(step) for step in steps]


def talk(*questions: str, caller: str = cases.OPERATOR) -> Conversation:
    """Return a conversation with these questions."""
    return Conversation(language="en", caller=caller, turns=tuple(Turn(ask=each) for each in questions))


ORDERING: Final = transcript(
    {"call": "order_smart_meter", "with": {"subscription_id": SUBSCRIPTION}},
    {"say": "Shall I?"},
    {
        "call": "order_smart_meter",
        "with": {"subscription_id": SUBSCRIPTION, "confirmation_code": "<confirmation_code>"},
    },
    {"say": "Ordered."},
)


async def test_a_placeholder_is_the_field_of_the_last_result_that_has_it() -> None:
    run = await hold(talk("Order it.", "Yes."), scripted(ORDERING))
    assert run.orders == {SUBSCRIPTION: 1}
    assert run.calls[1].arguments["confirmation_code"] in run.calls[0].result


async def test_each_page_is_asked_for_with_the_cursor_of_the_one_before() -> None:
    page = {"status": "all", "limit": 5}
    steps = transcript(
        {"call": "list_meter_orders_by_status", "with": page},
        {"call": "list_meter_orders_by_status", "with": {**page, "cursor": "<next_cursor>"}},
        {"call": "list_meter_orders_by_status", "with": {**page, "cursor": "<next_cursor>"}},
        {"say": "Fifteen."},
    )
    run = await hold(talk("All orders?"), scripted(steps))
    assert not any(call.failed for call in run.calls)
    assert len({call.result for call in run.calls}) == len(run.calls)


@pytest.mark.parametrize("text", ["<confirmation_code>", "<nonsense>", "<"])
async def test_a_placeholder_that_no_result_fills_stays_as_it_is(text: str) -> None:
    steps = transcript(
        {"call": "order_smart_meter", "with": {"subscription_id": SUBSCRIPTION, "confirmation_code": text}},
        {"say": "Refused."},
    )
    run = await hold(talk("Order it."), scripted(steps))
    assert run.calls[0].arguments["confirmation_code"] == text
    assert run.orders == {}


async def test_a_transcript_that_ends_before_the_conversation_is_an_error() -> None:
    run = Run()
    with pytest.raises(ValueError, match="ends before the conversation does"):
        await hold(talk("One?", "Two?"), scripted(transcript({"say": "One."})), run=run)
    assert run.answers == ["One."]


def test_every_case_has_a_transcript_and_every_transcript_a_case() -> None:
    assert load(BY_HAND).keys() == {case.name for case in cases.load()}


def test_a_planted_answer_is_to_a_case() -> None:
    assert {planted.case for planted in load_planted().values()} <= {case.name for case in cases.load()}


def test_a_folder_without_files_has_no_transcripts(tmp_path: Path) -> None:
    assert load(tmp_path) == load(tmp_path / "missing") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("when_en_one:\n- say: 5\n", "when_en_one.0.say"),
        ("when_en_one:\n- say: Yes.\n  call: get_meter_order\n", "when_en_one.0"),
        ("when_en_one:\n- with: {order_id: prdo_1}\n", "either `call` or `say`"),
        ("when_en_one:\n- says: Yes.\n", "when_en_one.0.says"),
        ("when_en_one:\n- call: [a\n", "line"),
        ("- say: Yes.\n", "dict"),
        ("", "dict"),
        ("when_en_one:\n- say: Yes.\nwhen_en_one:\n- say: No.\n", "when_en_one is there twice"),
    ],
)
def test_what_is_malformed_is_told_with_the_file_and_the_case(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "when.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"^when\.yaml: ") as caught:
        load(tmp_path)
    assert told in str(caught.value)


def test_the_transcript_of_a_case_is_in_one_file_only(tmp_path: Path) -> None:
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text("when_en_one:\n- say: Yes.\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"two\.yaml: there is a transcript of when_en_one already"):
        load(tmp_path)


@pytest.mark.parametrize("caught_by", ["[]", "{}", "actor"])
def test_a_planted_answer_names_the_checks_that_catch_it(tmp_path: Path, caught_by: str) -> None:
    (tmp_path / "when.yaml").write_text(
        f"when_wrong:\n  case: when_en_one\n  caught_by: {caught_by}\n  steps: [{{say: Soon.}}]\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"^when\.yaml: (.|\n)*when_wrong\.caught_by"):
        load_planted(tmp_path)


async def test_a_recorded_run_replayed_gives_the_same_run(tmp_path: Path) -> None:
    conversation = talk("Order it.", "Yes.", caller="cus_canorder0000000000000000")
    first = await hold(conversation, scripted(ORDERING))
    save(tmp_path / "recorded" / "when.yaml", {"when_en_one": recorded(first)})
    again = load(tmp_path / "recorded")["when_en_one"]
    assert again == ORDERING
    second = await hold(conversation, scripted(again))
    assert second.answers == first.answers
    assert second.orders == first.orders
    assert [(call.turn, call.tool, call.failed) for call in second.calls] == [
        (call.turn, call.tool, call.failed) for call in first.calls
    ]
    assert recorded(second) == again


async def test_a_code_of_an_earlier_run_is_not_in_a_recording() -> None:
    run = await hold(talk("Order it.", "Yes."), scripted(ORDERING))
    code = run.calls[1].arguments["confirmation_code"]
    assert code not in str(recorded(run))
    assert SUBSCRIPTION in str(recorded(run))
