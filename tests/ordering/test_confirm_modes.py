"""Real clients that answer badly, or not at all, under each `NOMOS_MCP_CONFIRM`: over stdio and HTTP, in both eras."""

import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.variables import ConfirmMode
from tests.ordering.conftest import SUBSCRIPTION, TOOL
from tests.server.conftest import Era, answer_of
from tests.service.processes import process
from tests.serving import served

Transport = Literal["stdio", "http"]
ARGUMENTS = {"subscription_id": SUBSCRIPTION}
ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "declines at once": ({"action": "decline"}, "answered_no"),
    "cancels at once": ({"action": "cancel"}, "closed"),
    "leaves the tick out": ({"action": "accept", "content": {"order": False}}, "not_ticked"),
    "sends an empty form": ({"action": "accept", "content": {}}, "not_ticked"),
    "answers nonsense": ({"action": "accept", "content": {"order": "yes", "confirm": "true"}}, "not_ticked"),
}


class Headless:
    """A client that declares forms, and answers as told; None: never, having said that the question is there."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | None = None
        self.asked = anyio.Event()

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002  the SDK's
        self.asked.set()
        if self.answer is None:
            await anyio.sleep_forever()
        return ElicitResult.model_validate(self.answer)


@contextmanager
def environment(simulator: Simulator, mode: ConfirmMode, audit: Path) -> Iterator[dict[str, str]]:
    with served(simulator) as upstream:
        yield {
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_BASE_URL": upstream,
            "NOMOS_MCP_CONFIRM": mode,
            "NOMOS_MCP_AUDIT_FILE": str(audit),
        }


@asynccontextmanager
async def connected(
    transport: Transport, era: Era, settings: dict[str, str], person: Headless
) -> AsyncIterator[Client]:
    """Start the server as a process, and connect to it."""
    if transport == "stdio":
        server = StdioServerParameters(command=sys.executable, args=["-m", "nomos_mcp"], env={**os.environ, **settings})
        async with Client(server, mode=era, elicitation_callback=person) as client:
            yield client
    else:
        with process(**settings) as service:
            async with Client(f"{service.url}/mcp", mode=era, elicitation_callback=person) as client:
                yield client


def can_be_asked(transport: Transport, era: Era) -> bool:
    """Over stateless HTTP no question reaches a client of the older era."""
    return (transport, era) != ("http", "legacy")


@pytest.mark.slow
@pytest.mark.parametrize("mode", get_args(ConfirmMode))
@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("transport", get_args(Transport))
async def test_a_client_that_gives_no_yes_orders_nothing_and_gets_no_code(
    simulator: Simulator, tmp_path: Path, transport: Transport, era: Era, mode: ConfirmMode
) -> None:
    asks = mode in {"auto", "elicit"} and can_be_asked(transport, era)
    person, audit, answers = Headless(), tmp_path / "audit.jsonl", []
    with environment(simulator, mode, audit) as settings, anyio.fail_after(120):
        async with connected(transport, era, settings, person) as client:
            for given, _ in ANSWERS.values():
                person.answer = given
                answers.append(answer_of(await client.call_tool(TOOL, ARGUMENTS)))
            if asks:
                await _given_up(client, person)
        assert person.asked.is_set() == asks
        if asks:
            await _gone(transport, era, settings, person)
    assert len(simulator.ledger) == (1 if mode == "none" else 0)
    assert [_outcome(answer) for answer in answers] == _expected(mode, asks=asks)
    hands_out = mode == "code" or (mode == "auto" and not asks)
    assert [("confirmation_code" in answer) for answer in answers] == [hands_out] * len(answers)
    if asks:
        lines = [json.loads(line) for line in audit.read_text().splitlines()]
        reasons = {line["reason"]: line["decision"] for line in lines if line["outcome"] == "declined"}
        assert reasons.pop("not_answered", "none") == "none"  # of the server that was left, if it lived to tell
        assert reasons == {"answered_no": "no", "not_ticked": "no", "closed": "none"}
        assert not [line for line in lines if line["decision"] == "yes"]


async def _given_up(client: Client, person: Headless) -> None:
    """Give a call up whose question is never answered."""
    person.answer, person.asked = None, anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(client.call_tool, TOOL, ARGUMENTS)
        await person.asked.wait()
        group.cancel_scope.cancel()


async def _gone(transport: Transport, era: Era, settings: dict[str, str], person: Headless) -> None:
    """Leave the server, which then ends, while the question is open."""
    person.answer, person.asked = None, anyio.Event()
    with anyio.CancelScope() as left:
        async with connected(transport, era, settings, person) as client, anyio.create_task_group() as group:
            group.start_soon(client.call_tool, TOOL, ARGUMENTS)
            await person.asked.wait()
            left.cancel()


def _outcome(answer: dict[str, Any]) -> tuple[str, str | None]:
    return answer["outcome"], answer.get("reason")


def _expected(mode: ConfirmMode, *, asks: bool) -> list[tuple[str, str | None]]:
    if asks:
        return [("declined", reason) for _, reason in ANSWERS.values()]
    if mode == "none":
        return [("ordered", None), *[("already_ordered", None)] * (len(ANSWERS) - 1)]
    same = ("refused", "not_confirmable") if mode == "elicit" else ("confirmation_required", None)
    return [same] * len(ANSWERS)
