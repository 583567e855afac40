"""An assistant: a model that has a server's tools. One conversation with it, written down as it happened."""

import time
from collections.abc import Iterator, Sequence, Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from mcp import Client, MCPError
from mcp.types import TextContent, Tool as McpTool
from pydantic import BaseModel
from pydantic_ai import Agent, ModelMessage, ModelResponse, Tool, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RunUsage, UsageLimits

from evals.cases import OPERATOR, Conversation
from evals.world import Peer, another, ours, simulated, today

_MOST_REQUESTS: Final = 12  # of the model for one question; past that it goes in circles
_FOR_OPERATOR: Final = """\
You help an employee of an energy supplier. Today is {today}. Answer in the language of the question, briefly."""
_FOR_CUSTOMER: Final = """\
You are the support chatbot of an energy supplier and talk to a customer, whose ID is {customer}. You see only this \
customer's data. Today is {today}. Answer in the language of the question, briefly."""


class Call(BaseModel):
    """One call of a tool, and what came back.

    Attributes:
        turn: The question that it belongs to, from 0.
        tool: Its name.
        arguments: As the model gave them.
        result: The text of the result, as the model read it.
        failed: Whether the result was an error.
    """

    turn: int
    tool: str
    arguments: dict[str, Any]
    result: str
    failed: bool


class Run(BaseModel):
    """What happened in one conversation.

    Attributes:
        answers: One for each question.
        calls: All calls, in order.
        definitions: The tools' definitions and the server's instructions, as the model read them.
        orders: How many orders were created for each subscription, whatever the answers said.
        input_tokens: That the model read, in all its requests, as its provider counts; 0 if it does not say.
        output_tokens: That the model wrote.
        cost: In US dollars, by the price list that pydantic-ai brings; None where it knows no price.
        seconds: From the first question to the last answer.
    """

    answers: list[str] = []
    calls: list[Call] = []
    definitions: str = ""
    orders: dict[str, int] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0


class CutOffError(Exception):
    """The model could not finish an answer: what there is of it is not judged."""


async def hold(conversation: Conversation, model: Model | str, peer: Peer | None = None, run: Run | None = None) -> Run:
    """Hold a conversation in a world of its own and return what happened.

    Args:
        conversation: What is asked.
        model: Who answers: a model, or its name as pydantic-ai knows it.
        peer: Whose tools it has; ours by default.
        run: Where it is written down as it happens: all that is left of a conversation that breaks off.
    """
    run = Run() if run is None else run
    simulator = simulated(conversation)
    connected: AbstractAsyncContextManager[Client] = (
        another(peer, conversation, simulator) if peer else ours(conversation, simulator)
    )
    try:
        async with connected as client:
            await _ask(conversation, model, client, run)
    except ExceptionGroup as group:
        raise _first(group) from group
    finally:
        for entry in simulator.ledger:
            run.orders[entry.subscription_id] = run.orders.get(entry.subscription_id, 0) + 1
    return run


async def _ask(conversation: Conversation, model: Model | str, client: Client, run: Run) -> None:
    offered = (await client.list_tools()).tools
    run.definitions = _definitions(client.instructions or "", offered)
    agent = Agent(
        model,
        instructions=f"{_role(conversation)}\n\n{client.instructions or ''}",
        tools=[_tool(client, tool, run) for tool in offered],
    )
    usage = RunUsage()
    messages: list[ModelMessage] = []
    started = time.monotonic()
    try:
        for turn in conversation.turns:
            limits = UsageLimits(request_limit=usage.requests + _MOST_REQUESTS)
            answered = await agent.run(turn.ask, message_history=messages, usage=usage, usage_limits=limits)
            messages = answered.all_messages()
            if (reason := answered.response.finish_reason) in {"length", "content_filter"}:
                raise CutOffError(f"The answer was cut off by the provider: {reason}.")
            run.calls += _calls_of_nothing(answered.new_messages(), {tool.name for tool in offered}, len(run.answers))
            run.answers.append(answered.output)
    finally:
        run.seconds = time.monotonic() - started
        if not isinstance(model, FunctionModel):  # it reads none, and its usage is a guess
            run.input_tokens, run.output_tokens = usage.input_tokens, usage.output_tokens
        run.cost = None if usage.cost is None else float(usage.cost)


def _first(error: Exception) -> Exception:
    """Return the error that the client's task group has wrapped."""
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _role(conversation: Conversation) -> str:
    role = _FOR_OPERATOR if conversation.caller == OPERATOR else _FOR_CUSTOMER
    day = today(conversation)
    return role.format(customer=conversation.caller, today=f"{day.day} {day:%B %Y}")


def _tool(client: Client, tool: McpTool, run: Run) -> Tool[object]:
    async def call(**arguments: Any) -> str:
        try:
            result = await client.call_tool(tool.name, arguments)
            text = "".join(block.text for block in result.content if isinstance(block, TextContent))
            failed = bool(result.is_error)
        except (MCPError, RuntimeError) as error:  # the server refused, or the client what it sent: models are told
            text, failed = str(error), True
        run.calls.append(Call(turn=len(run.answers), tool=tool.name, arguments=arguments, result=text, failed=failed))
        return f"Error: {text}" if failed else text

    return Tool.from_schema(call, tool.name, tool.description, dict(tool.input_schema), sequential=True)


def _calls_of_nothing(messages: Sequence[ModelMessage], offered: AbstractSet[str], turn: int) -> Iterator[Call]:
    """Find calls of tools that are not offered: pydantic-ai refuses them, and no server hears of them."""
    for message in messages:
        for part in message.parts if isinstance(message, ModelResponse) else ():
            if isinstance(part, ToolCallPart) and part.tool_name not in offered:
                arguments = part.args_as_dict()
                yield Call(turn=turn, tool=part.tool_name, arguments=arguments, result="No such tool.", failed=True)


def _definitions(instructions: str, tools: Sequence[McpTool]) -> str:
    shown = [tool.model_dump_json(include={"name", "description", "input_schema"}, by_alias=True) for tool in tools]
    return "\n".join([instructions, *shown])
