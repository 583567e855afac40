"""One conversation with an assistant: what the model is told, what it reads, and what is written down."""

import json
from typing import Final

import pytest
from pydantic_ai import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.exceptions import UsageLimitExceeded
from pydantic_ai.messages import FinishReason
from pydantic_ai.models.function import AgentInfo, FunctionModel

from evals.assistant import CutOffError, Run, hold
from evals.cases import Conversation, Turn

CUSTOMER: Final = "cus_overdue00000000000000000"
OPERATOR: Final = Conversation(language="en", turns=(Turn(ask="Where is it?"),))


def calls_once(tool: str, **arguments: str) -> FunctionModel:
    """Return a model that calls a tool and says what it read."""

    def respond(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        read = [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]
        results = [str(part.content) for part in read if isinstance(part, ToolReturnPart)]
        return ModelResponse([TextPart(results[-1]) if results else ToolCallPart(tool, dict(arguments))])

    return FunctionModel(respond)


async def test_the_model_reads_the_text_of_the_result() -> None:
    run = await hold(OPERATOR, calls_once("get_meter_order", order_id="prdo_overdue00000000000000000"))
    (call,) = run.calls
    assert not call.failed
    assert run.answers == [call.result]
    assert json.loads(call.result)["order"]["status"] == "placed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"order_id": "prdo_nobody0000000000000000"}, "NOT_FOUND"),
        ({"order_id": "nonsense"}, "not a valid meter order"),
        ({}, "'order_id' is missing"),
        ({"order_id": "prdo_overdue00000000000000000", "language": "fr"}, "'en' or 'de'"),
    ],
)
async def test_a_tools_error_reaches_the_model_as_an_error(arguments: dict[str, str], told: str) -> None:
    run = await hold(OPERATOR, calls_once("get_meter_order", **arguments))
    (call,) = run.calls
    assert call.failed
    assert run.answers == [f"Error: {call.result}"]
    assert told in call.result


async def test_a_call_of_a_tool_that_is_not_offered_is_written_down() -> None:
    def respond(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        return ModelResponse([TextPart("Done.") if len(messages) > 1 else ToolCallPart("cancel_order", {"id": "1"})])

    run = await hold(OPERATOR, FunctionModel(respond))
    (call,) = run.calls
    assert (call.turn, call.tool, call.arguments, call.failed) == (0, "cancel_order", {"id": "1"}, True)


async def test_a_model_that_goes_in_circles_is_stopped() -> None:
    def respond(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        return ModelResponse([ToolCallPart("explain_status", {"status": "MaLo"})])

    run = Run()
    with pytest.raises(UsageLimitExceeded):
        await hold(OPERATOR, FunctionModel(respond), run=run)
    assert len(run.calls) == 12
    assert run.answers == []


async def test_the_limit_is_for_each_question() -> None:
    """A long conversation is not stopped: each of its questions may take as many requests as any."""
    requests = 0

    def respond(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        nonlocal requests
        requests += 1
        done = requests % 8 == 0
        return ModelResponse([TextPart("Done.") if done else ToolCallPart("explain_status", {"status": "MaLo"})])

    run = await hold(Conversation(language="en", turns=(Turn(ask="?"),) * 3), FunctionModel(respond))
    assert run.answers == ["Done."] * 3
    assert [sum(call.turn == turn for call in run.calls) for turn in range(3)] == [7, 7, 7]


async def test_a_later_question_comes_with_what_was_said_and_read_before() -> None:
    seen: list[str] = []

    def respond(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        seen.append(str(messages))
        return ModelResponse([TextPart(f"Answer {len(seen)}.")])

    turns = tuple(Turn(ask=f"Question {number}?") for number in (1, 2, 3))
    run = await hold(Conversation(language="en", turns=turns), FunctionModel(respond))
    assert run.answers == ["Answer 1.", "Answer 2.", "Answer 3."]
    assert "Question 2?" not in seen[0]
    assert all(said in seen[2] for said in ("Question 1?", "Answer 1.", "Question 2?", "Answer 2.", "Question 3?"))


@pytest.mark.parametrize("caller", ["operator", CUSTOMER])
async def test_the_model_is_told_who_asks_what_day_it_is_and_what_the_server_says(caller: str) -> None:
    told: list[str] = []

    def respond(_: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        told.append(info.instructions or "")
        return ModelResponse([TextPart("Yes.")])

    run = await hold(Conversation(language="en", caller=caller, turns=(Turn(ask="?"),)), FunctionModel(respond))
    assert "15 June 2026" in told[0]
    assert (CUSTOMER in told[0]) is (caller == CUSTOMER)
    assert "Never promise a date" in told[0]
    assert "Never promise a date" in run.definitions
    assert '"get_meter_order"' in run.definitions


async def test_what_a_broken_conversation_ordered_is_counted() -> None:
    subscription_id = "sub_canorder0000000000000000"

    def respond(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        read = [part for message in messages if isinstance(message, ModelRequest) for part in message.parts]
        results = [json.loads(str(part.content)) for part in read if isinstance(part, ToolReturnPart)]
        if len(results) == 2:
            raise ConnectionError("gone")
        code = {"confirmation_code": results[0]["confirmation_code"]} if results else {}
        return ModelResponse([ToolCallPart("order_smart_meter", {"subscription_id": subscription_id, **code})])

    run = Run()
    with pytest.raises(ConnectionError, match="gone"):
        await hold(OPERATOR, FunctionModel(respond), run=run)
    assert run.orders == {subscription_id: 1}


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_an_answer_that_is_cut_off_is_none(reason: FinishReason) -> None:
    model = FunctionModel(lambda _, __: ModelResponse([TextPart("It is blocked, because")], finish_reason=reason))
    run = Run()
    with pytest.raises(CutOffError, match=reason):
        await hold(OPERATOR, model, run=run)
    assert run.answers == []
