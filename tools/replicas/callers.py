"""MCP clients of the official SDK, each with a token of its own, and a record of how each of their calls ended.

A caller makes one call at a time, without end, and waits after a refusal as long as that says. One that loses its
connection makes a new one. `HUNG` and `UNREADABLE` are ways for a call to end that should never happen.
"""

import random
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

from tools.replicas.nginx import Nginx

ANSWERED: Final = "answered"
RATE: Final = "refused, rate limit"
BUDGET: Final = "refused, caller's budget"
UNAVAILABLE: Final = "refused, other reason"
HTTP: Final = "HTTP"
"""And the status."""
BROKEN: Final = "connection lost"
HUNG: Final = "hung"
UNREADABLE: Final = "unreadable error"

READ, ORDER, EXPLAIN = "get_meter_order", "order_smart_meter", "explain_status"

_DEADLINES: Final = {READ: 60.0, EXPLAIN: 30.0, ORDER: 200.0}
"""Seconds for a call. The server gives up a read after 45; an order has to leave within 150."""
_PAUSE: Final = 1.0  # where a refusal does not say how long to wait
_AGAIN: Final = 0.3  # until the next try to connect
_SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?) ?s(?:econds?)?\b")
_KINDS: Final = {"budget of calls": BUDGET, "the rate limit of nomos": RATE, "too many": RATE}
_INNARDS: Final = ("traceback", "asyncpg", "sqlalchemy", "psycopg", "exception", "0x")


@dataclass
class Call:
    """One call.

    Attributes:
        caller: Who made it.
        tool: Which one.
        subject: The ID that it is about.
        began: When, by the monotonic clock.
        ended: When, by the same.
        kind: How it ended.
        text: What an error said.
        answer: The structured answer to an order.
    """

    caller: int
    tool: str
    subject: str
    began: float
    ended: float = 0.0
    kind: str = BROKEN
    text: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """Of an order, in the tool's word; empty if the tool did not get to say anything."""
        return str(self.answer.get("outcome", ""))


class Caller:
    """One client.

    Args:
        number: Whose calls they are. Odd ones speak an older revision of the protocol.
        nginx: Where to connect to.
        token: To send.
        calls: Where to put on record how each call ended.
    """

    def __init__(self, number: int, nginx: Nginx, token: str, calls: list[Call]) -> None:
        self._number = number
        self._nginx = nginx
        self._token = token
        self._calls = calls
        self._stopped = anyio.Event()
        self._status = 0

    def stop(self) -> None:
        """Make no other call after the one that is under way."""
        self._stopped.set()

    async def read(self, orders: Sequence[str]) -> None:
        """Read orders, picked at random, until stopped."""
        picked = random.Random(self._number)  # noqa: S311  spreads load

        def arguments() -> Iterator[dict[str, str]]:
            while True:
                yield {"order_id": picked.choice(orders)}

        await self._call_for_each(READ, arguments())

    async def explain(self) -> None:
        """Ask what a status means, which needs no upstream, until stopped."""
        await self._call_for_each(EXPLAIN, iter(lambda: {"status": "blocked"}, None))

    async def order(self, subscriptions: Iterable[str]) -> None:
        """Order a smart meter for each subscription, and say yes when asked, until stopped."""
        await self._call_for_each(ORDER, ({"subscription_id": each} for each in subscriptions))

    async def _call_for_each(self, tool: str, arguments: Iterator[dict[str, str]]) -> None:
        ended = False
        while not (ended or self._stopped.is_set()):
            with self._losing_the_connection():
                async with self._connected() as client:
                    for each in arguments:
                        call = await self._call(client, tool, each)
                        if code := call.answer.get("confirmation_code"):
                            await self._call(client, tool, {**each, "confirmation_code": code})
                        if self._stopped.is_set():
                            break
                    ended = True
            if not ended:
                await self._wait(_AGAIN)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {self._token}"}
        hooks = {"response": [self._note_status]}
        mode = "legacy" if self._number % 2 else "auto"
        http = httpx2.AsyncClient(
            headers=headers, timeout=max(_DEADLINES.values()), event_hooks=hooks, verify=self._nginx.verify
        )
        transport = streamable_http_client(self._nginx.url, http_client=http)
        async with http, Client(transport, mode=mode, elicitation_callback=_say_yes) as client:
            yield client

    @contextmanager
    def _losing_the_connection(self) -> Iterator[None]:
        """Keep the SDK's error from ending the caller, and put it on record with the call that it ended."""
        try:
            yield
        except* (httpx2.HTTPError, MCPError) as failures:
            last = next((call for call in reversed(self._calls) if call.caller == self._number), None)
            if last and last.kind == BROKEN and not last.text:
                last.text = _first(failures)

    async def _call(self, client: Client, tool: str, arguments: dict[str, str]) -> Call:
        call = Call(self._number, tool, next(iter(arguments.values())), time.monotonic())
        self._status = 0
        try:
            with anyio.move_on_after(_DEADLINES[tool]) as waiting:
                _settle(call, await client.call_tool(tool, arguments))
            if waiting.cancelled_caught:
                call.kind = HUNG
        except MCPError as error:
            call.kind = f"{HTTP} {self._status}" if self._status >= httpx2.codes.BAD_REQUEST else BROKEN
            call.text = str(error)
        finally:  # the SDK cancels a call whose connection breaks
            call.ended = time.monotonic()
            self._calls.append(call)
        if call.kind != ANSWERED:
            found = _SECONDS.search(call.text) if call.kind in {RATE, BUDGET} else None
            await self._wait(float(found[1]) if found else _PAUSE)
        return call

    async def _wait(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._stopped.wait()

    async def _note_status(self, response: httpx2.Response) -> None:
        self._status = response.status_code


async def _say_yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001  by name
    return ElicitResult(action="accept", content={"order": True})


def _settle(call: Call, result: CallToolResult) -> None:
    """Put on record how a call ended that the tool answered."""
    if call.tool == ORDER and result.structured_content:
        call.answer = result.structured_content
        call.text = str(call.answer.get("message", ""))
    if not result.is_error:
        call.kind = ANSWERED
        return
    call.text = "".join(block.text for block in result.content if block.type == "text")
    call.kind = next((kind for words, kind in _KINDS.items() if words in call.text.lower()), UNAVAILABLE)
    if not call.text.strip() or any(word in call.text.lower() for word in _INNARDS):
        call.kind = UNREADABLE


def _first(failures: BaseExceptionGroup[Exception]) -> str:
    first: BaseException = failures
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return f"{type(first).__name__} {first}".strip()
