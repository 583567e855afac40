"""The real `nomos-mcp` over stdio, stopped at a chosen moment of an order, and what it leaves behind.

Upstream is the simulator on a loopback port of the test's own event loop, so that a request can be held while the
process that sent it is ended.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import anyio
import anyio.abc
import anyio.lowlevel
import uvicorn
from anyio.streams.text import TextReceiveStream
from mcp import Client, MCPError
from mcp.client.session import ClientRequestContext
from mcp.shared.message import SessionMessage
from mcp.types import ElicitRequestParams, ElicitResult, jsonrpc_message_adapter

from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.simulator_server import bound, url_of
from tests.ordering.campaign.judge import CANCELLED, MADE_NOTHING
from tests.ordering.campaign.schedules import Era
from tests.ordering.campaign.trial import TOOL, recorded
from tests.ordering.campaign.upstream import SUBSCRIPTION, Message, Receive, Scope, Send, body_of

Moment = Literal[
    "during the last look",
    "the request arrived, and is lost",
    "the request arrived, and the order is made afterwards",
    "the order is made, and not answered",
    "looking, and there is none",
    "looking, and it is there",
    "looking, and it cannot be seen",
]
End = Literal["SIGKILL", "SIGTERM", "stdin closed", "cancelled"]
MOMENTS: Final[tuple[Moment, ...]] = (
    "during the last look",
    "the request arrived, and is lost",
    "the request arrived, and the order is made afterwards",
    "the order is made, and not answered",
    "looking, and there is none",
    "looking, and it is there",
    "looking, and it cannot be seen",
)
Confirm = Literal["none", "form", "code"]
CONFIRMS: Final[tuple[Confirm, ...]] = ("none", "form", "code")
ENDS: Final[tuple[End, ...]] = ("SIGKILL", "SIGTERM", "stdin closed", "cancelled")

_LAST_LOOK: Final = 2  # which list of orders that is: the first belongs to the look before a person is asked
_HOLDS: Final = 10.0  # seconds within which a process that is told to stop lets go of what it waits for
PATIENCE: Final = 120.0
"""Seconds within which a calm order is through, on a very busy machine too."""
BOUND: Final = 180.0
"""Seconds until a process is given up; more than an order ever takes."""


@dataclass(frozen=True)
class Ending:
    """How one process is ended.

    Attributes:
        moment: When.
        end: How.
        era: The protocol era of its client.
        confirm: How a yes is given.
    """

    moment: Moment
    end: End
    era: Era = "auto"
    confirm: Confirm = "none"


@dataclass
class Remains:
    """What a process and the one after it left behind.

    Attributes:
        ending: How the first was ended.
        met: Whether the moment was met.
        ended: Whether the process ended by itself after it had been told to.
        requests: How many requests to order reached upstream from the first process.
        before: How many of them before it was ended.
        made: The IDs of the orders that they made.
        ledger: The IDs of all orders of the subscription.
        lines: What the first put on record.
        broken: Its lines that say nothing.
        answer: What its caller was told, if anything.
        second: What the caller of the second process was told, if there was one.
        said: What the first wrote on stderr.
    """

    ending: Ending
    met: bool = False
    ended: bool = True
    requests: int = 0
    before: int = 0
    made: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    lines: list[dict[str, str]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    second: dict[str, Any] | None = None
    said: str = ""


class HeldUpstream:
    """The simulator, whose requests can be held, lost, and hidden from reads.

    Args:
        moment: Where to stop.
        stopped: What to do there; called once.
    """

    def __init__(self, moment: Moment, stopped: Callable[[], Awaitable[None]]) -> None:
        self.simulator = Simulator(orders=0)
        self.requests = 0
        self.made: list[str] = []
        self.met = False
        self._moment = moment
        self._stopped = stopped
        self._lists = 0
        self._hides = moment == "looking, and it cannot be seen"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        orders = scope["path"] == "/meter-orders"
        if orders and scope["method"] == "POST":
            await self._post(scope, receive, send)
            return
        if orders:
            self._lists += 1
            if self.requests and self._moment.startswith("looking"):
                await self._stop()
            elif self._moment == "during the last look" and self._lists == _LAST_LOOK:
                await self._stop()
                with anyio.move_on_after(_HOLDS):
                    await _let_go(receive)
        if orders and self._hides and self.made:
            send = _without_orders(send)
        await self.simulator(scope, receive, send)

    def show(self) -> None:
        """Let reads show what is there."""
        self._hides = False

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        moment, first = self._moment, self.requests == 1
        body = await body_of(receive)
        if first and moment.startswith("the request arrived"):
            await self._stop()
        if first and moment in {"the request arrived, and is lost", "looking, and there is none"}:
            await _bad_gateway(send)
            return
        answer: list[Message] = []

        async def replay() -> Message:
            return {"type": "http.request", "body": body}

        async def keep(message: Message) -> None:
            answer.append(message)

        before = len(self.simulator.ledger)
        await self.simulator(scope, replay, keep)
        self.made += [entry.order_id for entry in self.simulator.ledger[before:]]
        if first and moment == "the order is made, and not answered":
            await self._stop()
        if first and moment in {"looking, and it is there", "looking, and it cannot be seen"}:
            await _bad_gateway(send)
            return
        for message in answer:
            await send(message)

    async def _stop(self) -> None:
        if not self.met:
            self.met = True
            await self._stopped()


async def end_one(ending: Ending, folder: Path, *, again: bool = True) -> Remains:
    """End a process while it orders, and have a second one order again."""
    remains = Remains(ending)
    server = Process(folder, ending.confirm)
    gone = anyio.CancelScope()

    async def stop() -> None:
        remains.before = upstream.requests
        if ending.end == "cancelled":
            gone.cancel()
        else:
            await server.stop(ending.end)
        if ending.end == "SIGKILL":
            await server.ended.wait()

    upstream = HeldUpstream(ending.moment, stop)
    async with listening(upstream) as url:
        with anyio.move_on_after(BOUND) as bound_:
            async with Client(server.connected(url), mode=ending.era, elicitation_callback=_yes(ending)) as client:
                with gone, suppress(MCPError, RuntimeError):
                    remains.answer = await _ordered(client, ending)
                if ending.end == "cancelled":
                    await server.close_stdin()
                await server.ended.wait()
        remains.ended = not bound_.cancelled_caught
        remains.met, remains.requests, remains.made = upstream.met, upstream.requests, list(upstream.made)
        remains.lines, remains.broken = recorded(server.audit_file)
        remains.said = server.said
        upstream.show()
        if again:
            second = Process(folder / "second", "none")
            async with Client(second.connected(url), mode=ending.era) as client:
                remains.second = await _ordered(client, replace(ending, confirm="none"))
    remains.ledger = [entry.order_id for entry in upstream.simulator.ledger if entry.subscription_id == SUBSCRIPTION]
    return remains


RULES: Final = frozenset(
    {
        "two orders",
        "the moment was not met",
        "it did not end",
        "a request to order after the end",
        "a line on record that says nothing",
        "a request to order that is not on record",
        "a false line on record",
        "a false answer",
        "a false answer of the second process",
    }
)


def judge_remains(remains: Remains) -> list[str]:
    """Return what must not be found and was: for each a rule, and its details after a colon."""
    return list(_flaws(remains))


def _flaws(remains: Remains) -> Iterator[str]:
    if len(remains.ledger) > 1:
        yield f"two orders: {remains.ledger}"
    if not remains.met:
        yield f"the moment was not met: {remains.answer}, {remains.said[-300:]}"
    if not remains.ended:
        yield "it did not end"
    if remains.before == 0 and remains.requests:
        yield f"a request to order after the end: {remains.requests}"
    yield from _record_flaws(remains)
    if remains.answer is not None:
        order = (remains.answer.get("order") or {}).get("id", "")
        if _is_false(remains.answer.get("outcome", ""), order, remains):
            yield f"a false answer: {remains.answer}"
    if remains.second is not None:
        expected = "already_ordered" if remains.made else "ordered"
        order = (remains.second.get("order") or {}).get("id", "")
        if remains.second.get("outcome") != expected or [order] != remains.ledger:
            yield f"a false answer of the second process: {remains.second.get('outcome')}, {order!r}"


def _record_flaws(remains: Remains) -> Iterator[str]:
    for text in remains.broken:
        yield f"a line on record that says nothing: {text.strip()[:80]!r}"
    named = {"time", "caller", "subscription", "outcome"}
    whole = [line for line in remains.lines if named <= line.keys() and line["subscription"] == SUBSCRIPTION]
    yes = [line for line in whole if line["outcome"] != "confirmation_required"]
    if remains.requests and not yes:
        yield f"a request to order that is not on record: {remains.lines}"
    for line in yes:
        if _is_false(line["outcome"], line.get("order", ""), remains):
            yield f"a false line on record: {line}, and the ledger holds {remains.made}"


def _is_false(outcome: str, order: str, remains: Remains) -> bool:
    if outcome == "ordered":
        return order not in remains.made
    return (outcome in MADE_NOTHING | {CANCELLED} and bool(remains.made)) or (
        outcome == "outcome_unknown" and not remains.requests
    )


class Process:
    """`nomos-mcp` over stdio, in a process of its own.

    Args:
        folder: Where its audit file is.
        confirm: How a yes is given.
        stderr: A file descriptor instead of a file that is read afterwards; -1 for none at all.
    """

    def __init__(self, folder: Path, confirm: str, stderr: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.audit_file = folder / "audit.jsonl"
        self.ended = anyio.Event()
        self._log = folder / "stderr.txt"
        self._stderr = stderr
        self._confirm = "none" if confirm == "none" else "auto"
        self._process: anyio.abc.Process | None = None

    @property
    def said(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    async def stop(self, end: End) -> None:
        """End the process, or tell it to end."""
        assert self._process is not None
        if end == "stdin closed":
            await self.close_stdin()
        else:
            self._process.send_signal(signal.SIGKILL if end == "SIGKILL" else signal.SIGTERM)

    async def close_stdin(self) -> None:
        """Close its stdin, which may be closed already."""
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, anyio.BrokenResourceError):
            await self._process.stdin.aclose()

    @asynccontextmanager
    async def connected(self, url: str) -> AsyncIterator[Any]:
        """Start it, and connect the SDK's client to its pipes; at the end its stdin is closed."""
        environment = {
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_BASE_URL": url,
            "NOMOS_MCP_CONFIRM": self._confirm,
            "NOMOS_MCP_AUDIT_FILE": str(self.audit_file),
        }
        command = [sys.executable, "-m", "nomos_mcp"]
        if self._stderr == -1:
            command = ["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command]
        with self._log.open("wb") as log:
            stderr = log if self._stderr in {None, -1} else self._stderr
            self._process = await anyio.open_process(command, stderr=stderr, env={**os.environ, **environment})
        to_client, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        to_server, from_client = anyio.create_memory_object_stream[SessionMessage](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(self._reads, to_client))
            tasks.start_soon(partial(self._writes, from_client))
            try:
                yield from_server, to_server
            finally:
                with anyio.CancelScope(shield=True):
                    await self.close_stdin()
                    with anyio.move_on_after(_HOLDS):
                        await self.ended.wait()
                    if not self.ended.is_set():
                        self._process.kill()
                        await self.ended.wait()
                    from_server.close()
                    to_server.close()
                tasks.cancel_scope.cancel()

    async def _reads(self, to_client: Any) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        buffer = ""
        async with to_client:
            async for chunk in TextReceiveStream(self._process.stdout):
                *lines, buffer = (buffer + chunk).split("\n")
                for line in lines:
                    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                        await to_client.send(SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False)))
            await self._process.wait()
            self.ended.set()

    async def _writes(self, from_client: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        async with from_client:
            async for item in from_client:
                line = item.message.model_dump_json(by_alias=True, exclude_unset=True) + "\n"
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
                    await self._process.stdin.send(line.encode())


async def order_with_broken_stderr(
    kind: str, folder: Path
) -> tuple[dict[str, Any] | None, list[str], list[dict[str, str]]]:
    """Order with a stderr that nobody can write to; return the answer, the ledger and the record."""
    answer: dict[str, Any] | None = None
    upstream = HeldUpstream("during the last look", anyio.lowlevel.checkpoint)
    upstream.met = True  # nothing is held
    with broken_stderr(kind) as stderr:
        server = Process(folder, "none", stderr)
        async with listening(upstream) as url:
            with anyio.move_on_after(PATIENCE):
                async with Client(server.connected(url)) as client:
                    answer = await _ordered(client, Ending("during the last look", "stdin closed"))
    return answer, list(upstream.made), recorded(server.audit_file)[0]


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serve an application on a loopback port, in this event loop."""
    with bound(0) as listener:
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(server._serve, sockets=[listener]))
            yield url_of(listener)
            server.should_exit = True


async def _ordered(client: Client, ending: Ending) -> dict[str, Any] | None:
    arguments = {"subscription_id": SUBSCRIPTION}
    result = await client.call_tool(TOOL, arguments)
    if ending.confirm == "code":
        code = (result.structured_content or {})["confirmation_code"]
        result = await client.call_tool(TOOL, arguments | {"confirmation_code": code})
    return result.structured_content or {"outcome": str(result.content)[:200]}


def _yes(ending: Ending) -> Any:
    async def yes(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001  the SDK's
        return ElicitResult(action="accept", content={"order": True})

    return yes if ending.confirm == "form" else None


def _without_orders(send: Send) -> Send:
    async def hiding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
            message = {**message, "headers": headers}
        else:
            page = json.loads(message["body"])
            message = {**message, "body": json.dumps({**page, "items": []}).encode()}
        await send(message)

    return hiding


async def _let_go(receive: Receive) -> None:
    """Wait until the sender of a request waits for its answer no more."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _bad_gateway(send: Send) -> None:
    await send({"type": "http.response.start", "status": 502, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<html></html>"})


@contextmanager
def broken_stderr(kind: str) -> Iterator[int]:
    """Make a file descriptor that nobody can write to."""
    if kind == "closed":
        yield -1
        return
    if kind == "full disk":
        with Path("/dev/full").open("wb") as full:
            yield full.fileno()
        return
    reading, writing = os.pipe()
    try:
        if kind == "broken pipe":
            os.close(reading)
        else:
            os.set_blocking(writing, False)
            with suppress(BlockingIOError):
                while True:
                    os.write(writing, b"x" * 4096)
            os.set_blocking(writing, True)
        yield writing
    finally:
        os.close(writing)
        if kind != "broken pipe":
            os.close(reading)
