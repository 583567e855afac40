"""How many requests one caller may have under way, and that nobody else notices."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.types import Message, Receive, Scope, Send

from nomos_mcp.server.request_context import Caller, CallerToken
from nomos_mcp.service import concurrency_limit
from nomos_mcp.service.concurrency_limit import AnonymousRateLimit, ConcurrencyLimit
from nomos_mcp.service.http_limits import MAX_REQUESTS_PER_CALLER, MAX_STREAMS_PER_CALLER
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from tests.service.running import Running, running
from tests.service.wire import call


@pytest.fixture(autouse=True)
def _nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency_limit, "MAX_WAIT", 0.05)


class Held:
    """An application whose answers wait until they are let go, and what is answered instead of it."""

    def __init__(self, per_second: float = 1e9) -> None:
        self.let_go = anyio.Event()
        self.limit = ConcurrencyLimit(self._answer, per_second)

    async def _answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.let_go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answer"})

    async def hold(self, tasks: Any, count: int, caller: str, method: str = "tools/call") -> None:
        for _ in range(count):
            tasks.start_soon(self.status, caller, method)
        await anyio.wait_all_tasks_blocked()

    async def status(self, caller: str, method: str = "tools/call") -> int:
        """Return the status of the answer to a caller; to one without a token if its name is empty."""
        statuses: list[int] = []

        async def send(message: Message) -> None:
            statuses.append(message.get("status", 0))

        await self.limit(scope_of(caller, method), no_body, send)
        return statuses[0]


def scope_of(caller: str, method: str) -> Scope:
    token = CallerToken(token="", client_id=caller, scopes=[], caller=Caller(name=caller))
    user = {"user": AuthenticatedUser(token)} if caller else {}
    return {"type": "http", "headers": [(b"mcp-method", method.encode())], **user}


async def no_body() -> Message:
    return {"type": "http.disconnect"}


async def test_a_caller_has_so_many_requests_under_way_and_nobody_else_notices() -> None:
    held = Held()
    async with anyio.create_task_group() as tasks:
        await held.hold(tasks, MAX_REQUESTS_PER_CALLER, "greedy")
        assert await held.status("greedy") == 429
        await held.hold(tasks, 1, "modest")
        held.let_go.set()
    assert await held.status("greedy") == 200


async def test_one_request_too_many_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency_limit, "MAX_WAIT", 30)
    held, statuses = Held(), []

    async def wait() -> None:
        statuses.append(await held.status("busy"))

    async with anyio.create_task_group() as tasks:
        await held.hold(tasks, MAX_REQUESTS_PER_CALLER, "busy")
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert not statuses
        held.let_go.set()
    assert statuses == [200]


async def test_where_too_many_wait_the_next_one_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency_limit, "MAX_WAIT", 30)
    monkeypatch.setattr(concurrency_limit, "MAX_WAITING", 1)
    held = Held()
    async with anyio.create_task_group() as tasks:
        await held.hold(tasks, MAX_REQUESTS_PER_CALLER + 1, "busy")
        assert await held.status("busy") == 429
        held.let_go.set()


async def test_answers_that_come_at_once_do_not_let_a_caller_ask_without_an_end() -> None:
    held = Held(per_second=MAX_REQUESTS_PER_CALLER / 60)  # each counts for a minute
    held.let_go.set()
    statuses = [await held.status("quick") for _ in range(MAX_REQUESTS_PER_CALLER + 1)]
    assert statuses == [200] * MAX_REQUESTS_PER_CALLER + [429]
    assert await held.status("other") == 200


async def test_streams_count_for_themselves() -> None:
    held = Held()
    async with anyio.create_task_group() as tasks:
        await held.hold(tasks, MAX_STREAMS_PER_CALLER, "listener", "subscriptions/listen")
        assert await held.status("listener", "subscriptions/listen") == 429
        await held.hold(tasks, MAX_REQUESTS_PER_CALLER, "listener")
        assert await held.status("listener") == 429
        held.let_go.set()


async def test_whoever_has_no_token_is_bounded_by_what_is_served_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency_limit, "MAX_REQUESTS", MAX_REQUESTS_PER_CALLER + 1)
    held = Held()
    async with anyio.create_task_group() as tasks:
        await held.hold(tasks, MAX_REQUESTS_PER_CALLER + 1, "")
        assert await held.status("") == 503
        assert await held.status("somebody") == 503
        held.let_go.set()


async def test_a_request_counts_until_its_answer_has_been_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency_limit, "MAX_REQUESTS_PER_CALLER", 1)
    held, taken = Held(), anyio.Event()
    held.let_go.set()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("body"):
            await taken.wait()  # as a server lets the next part wait while the last one has not been taken

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(held.limit, scope_of("slow", "tools/call"), no_body, send)
        await anyio.wait_all_tasks_blocked()
        assert await held.status("slow") == 429
        taken.set()
    assert await held.status("slow") == 200


async def test_callers_without_a_token_wait_for_their_turn_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, waited = [0.0], []

    async def sleep(seconds: float) -> None:
        waited.append(round(seconds, 3))

    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})

    async def send(_: Message) -> None:
        pass

    monkeypatch.setattr(anyio, "sleep", sleep)
    limit = AnonymousRateLimit(refuse, 100, lambda: now[0])

    async def refused(caller: str, times: int) -> list[float]:
        waited.clear()
        for _ in range(times):
            await limit(scope_of(caller, "tools/call"), no_body, send)
        return waited.copy()

    assert await refused("", 100) == [0.0] * 100
    assert await refused("", 2) == [0.01, 0.02]
    assert await refused("somebody", 1) == []
    assert max(await refused("", 2000)) == 10.0
    now[0] = 10.0
    assert await refused("", 1) == [0.01]
    now[0] = 60.0
    assert await refused("", 101) == [0.0] * 100 + [0.01]


async def test_where_too_many_without_a_token_wait_the_next_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency_limit, "MAX_ANONYMOUS_WAITING", 1)
    sent: list[Message] = []

    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})

    async def send(message: Message) -> None:
        sent.append(message)

    limit = AnonymousRateLimit(refuse, 0.5, lambda: 0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(limit, scope_of("", "tools/call"), no_body, send)
        await anyio.wait_all_tasks_blocked()
        assert not sent
        await limit(scope_of("", "tools/call"), no_body, send)
        assert [message["status"] for message in sent] == [401]
        tasks.cancel_scope.cancel()


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    file = TokenFile(tmp_path / "tokens")
    return {name: file.add(name, ("orders:read", "org")) for name in ("greedy", "modest")}


@pytest.fixture
def service(tokens: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    assert tokens
    with running(Settings(demo=True, http=HttpSettings(tokens_file=str(tmp_path / "tokens")))) as server:
        yield server


def test_half_a_body_counts_from_its_first_byte(service: Running, tokens: dict[str, str]) -> None:
    half = (
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {tokens['greedy']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
    ).encode()
    with contextlib.ExitStack() as connections:
        for _ in range(400):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", service.port)))
            connection.sendall(half)
        refused = call(service.url, token=tokens["greedy"])
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert call(service.url, token=tokens["modest"]).status_code == 200
    while call(service.url, token=tokens["greedy"]).status_code == 429:
        pass  # until the server has noticed that the connections are gone
