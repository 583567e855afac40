"""`POST /webhooks/nomos`: signed deliveries are kept once, everything else gets the same 401 and leaves nothing."""

import asyncio
import hmac
import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
from pydantic import SecretStr

from nomos_mcp.database import database
from nomos_mcp.history.store import History
from nomos_mcp.service import create_http_app, webhook_receiver
from nomos_mcp.service.http_limits import MAX_WEBHOOK_BYTES, MAX_WEBHOOKS
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.simulator_server import served
from tests.databases import Clock
from tests.service import wire
from tests.service.processes import process
from tests.service.running import Running, running
from tests.service.wire import call

SECRET, NEXT_SECRET = "whsec_invented_0123", "whsec_invented_4567"
PLACED = DEMO.orders["placed"]
PATH = "/webhooks/nomos"


def event(event_id: str = "evt_1", topic: str = "meter_order.placed", **more: Any) -> bytes:
    context = {"meter_order": PLACED, "subscription": "sub_1"}
    known = {"id": event_id, "topic": topic, "timestamp": "2026-06-15T10:00:00Z", "context": context}
    return json.dumps(known | more).encode()


def signature(body: bytes, secret: str = SECRET, late: float = 0) -> str:
    return wire.signature(body, secret, late)


def headers(*values: str) -> list[tuple[str, str]]:
    return [("X-Nomos-Signature", value) for value in values]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with served(Simulator()) as url:
        yield url


def settings_for(upstream: str, file: Path | str, **http: Any) -> Settings:
    return Settings(
        client_id=DEMO.client_id,
        client_secret=SecretStr(DEMO.client_secret),
        base_url=upstream,
        database=SecretStr(str(file)),
        http=HttpSettings(webhook_secrets=(SecretStr(NEXT_SECRET), SecretStr(SECRET)), **http),
    )


@pytest.fixture
def server(upstream: str, file: Path) -> Iterator[Running]:
    with running(settings_for(upstream, file)) as server:
        yield server


def deliver(server: Any, body: bytes, *values: str) -> httpx.Response:
    sent = values or (signature(body),)
    return httpx.post(server.url + PATH, content=body, headers=headers(*sent), timeout=30)


def rows(file: Path, table: str = "events") -> list[dict[str, Any]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return []
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608  ours


def wait_for(file: Path, table: str, count: int) -> list[dict[str, Any]]:
    ends = time.monotonic() + 60
    while len(found := rows(file, table)) < count:
        assert time.monotonic() < ends, found
        time.sleep(0.02)  # nothing tells it
    return found


def exchange(server: Any, head: str, *parts: bytes) -> bytes:
    """Send a request part by part, and return the answer until the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
        answer = b""
        try:
            for part in parts:
                connection.sendall(part)
            while received := connection.recv(65536):
                answer += received
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def test_a_signed_event_is_on_disk_when_it_is_answered(server: Running, file: Path) -> None:
    answer = deliver(server, event())
    assert (answer.status_code, answer.content) == (200, b"")
    (row,) = rows(file)
    assert (row["event_id"], row["topic"], row["order_id"]) == ("evt_1", "meter_order.placed", PLACED)


def test_the_order_is_read_and_recorded(server: Running, file: Path) -> None:
    deliver(server, event())
    (look,) = wait_for(file, "observations", 1)
    assert (look["order_id"], look["seen_by"], look["event_id"]) == (PLACED, "webhook", "evt_1")


def test_the_same_delivery_again_is_accepted_and_kept_once(server: Running, file: Path) -> None:
    body = event()
    sent = signature(body)
    assert [deliver(server, body, sent).status_code for _ in range(3)] == [200, 200, 200]
    assert len(rows(file)) == 1


@pytest.mark.parametrize("secret", [SECRET, NEXT_SECRET])
def test_each_of_several_secrets_is_valid_while_they_are_rotated(server: Running, secret: str) -> None:
    body = event()
    assert deliver(server, body, signature(body, secret)).status_code == 200


def test_one_right_signature_of_several_is_enough(server: Running) -> None:
    body = event()
    moment, right = signature(body).split(",")
    sent = f"{moment},v0=old,v1={'0' * 64},{right},v1={'f' * 64},v2=new,later"
    assert deliver(server, body, sent).status_code == 200


def refused() -> dict[str, tuple[bytes, list[str]]]:
    body = event()
    right = signature(body)
    moment, valid = right.split(",")
    return {
        "none": (body, []),
        "empty": (body, [""]),
        "two headers": (body, [right, right]),
        "another secret": (body, [signature(body, "whsec_of_somebody_else")]),
        "another body": (body + b" ", [right]),
        "half the body": (body[: len(body) // 2], [right]),
        "signed without the time": (body, [f"{moment},v1={hmac.digest(SECRET.encode(), body, 'sha256').hex()}"]),
        "another time": (body, [right.replace("t=", "t=1")]),
        "no time": (body, [valid]),
        "two times": (body, [f"{moment},{right}"]),
        "a time in words": (body, [f"t=now,{valid}"]),
        "a time in other digits": (body, [f"t=\u0661,{valid}".encode().decode("latin-1")]),
        "an endless time": (body, [f"t={'9' * 5000},{valid}"]),
        "no signature": (body, [moment]),
        "half a signature": (body, [right[:-32]]),
        "too many signatures": (body, [right + f",v1={'0' * 64}" * 100]),
        "six minutes old": (body, [signature(body, late=360)]),
        "six minutes ahead": (body, [signature(body, late=-360)]),
    }


@pytest.mark.parametrize("case", refused())
def test_without_a_valid_signature_every_answer_is_the_same_and_nothing_is_kept(
    server: Running, file: Path, case: str
) -> None:
    body, sent = refused()[case]
    raw_headers = [(name.encode(), value.encode("latin-1")) for name, value in headers(*sent)]
    answer = httpx.post(server.url + PATH, content=body, headers=raw_headers, timeout=30)
    told = {name for name in answer.headers if name not in {"date", "x-request-id"}}
    assert (answer.status_code, answer.content, told) == (401, b"", {"connection", "content-length"})
    assert not rows(file)


@pytest.mark.parametrize("late", [280, -280])
def test_clocks_may_differ_by_almost_five_minutes(server: Running, late: float) -> None:
    body = event()
    assert deliver(server, body, signature(body, late=late)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"not JSON", b"\xff\xfe", b"[]", b'"evt_1"', b"{}", event("../evt"), event(topic="a\nb"), b"[" * 9999]
)
def test_a_signed_body_that_is_no_event_is_not_asked_for_again(server: Running, file: Path, body: bytes) -> None:
    assert deliver(server, body).status_code == 200
    assert not rows(file)


@pytest.mark.parametrize("topic", ["test.event", "meter_order.unheard_of", "something.new"])
def test_every_signed_topic_is_accepted_and_kept(server: Running, file: Path, topic: str) -> None:
    assert deliver(server, event(topic=topic, context={})).status_code == 200
    assert [row["topic"] for row in rows(file)] == [topic]


def test_nothing_but_ids_and_times_reaches_the_disk(server: Running, file: Path) -> None:
    assert deliver(server, event(customer={"name": "Ada Lovelace"}, iban="DE02")).status_code == 200
    wait_for(file, "observations", 1)
    kept = b"".join(path.read_bytes() for path in file.parent.glob("history.db*"))
    assert b"Lovelace" not in kept
    assert b"DE02" not in kept


def test_the_largest_signed_body_is_accepted_and_a_larger_one_is_not(server: Running) -> None:
    bare = len(event(more=""))
    for size, status in ((MAX_WEBHOOK_BYTES, 200), (MAX_WEBHOOK_BYTES + 1, 401)):
        assert deliver(server, event(more="x" * (size - bare))).status_code == status


def test_of_five_mebibytes_with_a_length_nothing_is_read(server: Running, file: Path) -> None:
    body = event(more="x" * 5 * 1024 * 1024)
    head = f"Content-Length: {len(body)}\r\nX-Nomos-Signature: {signature(body)}\r\n"
    assert exchange(server, head).startswith(b"HTTP/1.1 401")  # before any of the body was sent
    assert not rows(file)


def test_a_body_in_chunks_is_read_up_to_the_limit(server: Running, file: Path) -> None:
    def chunks(body: bytes) -> Iterator[bytes]:
        yield from (body[start : start + 1000] for start in range(0, len(body), 1000))

    small, large = event(more="x" * 5000), event(more="x" * 5 * 1024 * 1024)
    sent = dict(headers(signature(small)))
    assert httpx.post(server.url + PATH, content=chunks(small), headers=sent).status_code == 200
    head = f"Transfer-Encoding: chunked\r\nX-Nomos-Signature: {signature(large)}\r\n"
    parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in chunks(large)]
    answer = exchange(server, head, *parts[: MAX_WEBHOOK_BYTES // 1000 + 2])  # far from the end
    assert answer.startswith(b"HTTP/1.1 401")
    assert len(rows(file)) == 1


def test_a_body_that_takes_too_long_is_refused(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_receiver, "WEBHOOK_BODY_DEADLINE", 0.05)
    body = event()
    head = f"Content-Length: {len(body)}\r\nX-Nomos-Signature: {signature(body)}\r\n"
    assert exchange(server, head, body[:10]).startswith(b"HTTP/1.1 401")


def test_many_bodies_that_never_end_keep_no_delivery_out(server: Running) -> None:
    head = f"Content-Length: 100\r\nX-Nomos-Signature: {signature(b'')}\r\n"
    begun = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode()
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(MAX_WEBHOOKS + 20)]
    for connection in slow:
        connection.sendall(begun)
    assert [deliver(server, event(f"evt_{number}")).status_code for number in range(5)] == [200] * 5
    for connection in slow:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_another_method_is_not_allowed(server: Running, method: str) -> None:
    answer = httpx.request(method, server.url + PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_another_host_is_refused_as_at_mcp(server: Running) -> None:
    body = event()
    sent = {"host": "elsewhere.example", **dict(headers(signature(body)))}
    assert httpx.post(server.url + PATH, content=body, headers=sent).status_code == 421


def test_without_secrets_there_is_no_such_path(upstream: str, file: Path) -> None:
    with running(Settings(base_url=upstream, database=SecretStr(str(file)))) as server:
        assert deliver(server, event()).status_code == 404


def test_no_token_is_needed_where_mcp_needs_one(upstream: str, file: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("")
    with running(settings_for(upstream, file, tokens_file=str(tokens))) as server:
        assert call(server.url).status_code == 401
        assert deliver(server, event()).status_code == 200


def test_while_the_database_is_locked_the_vendor_is_asked_to_repeat(
    upstream: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY", 0.05)
    monkeypatch.setattr(database, "_AWAY", 0)
    with running(settings_for(upstream, file)) as server:
        assert deliver(server, event("evt_0")).status_code == 200
        wait_for(file, "observations", 1)
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answer = deliver(server, event())
            assert (answer.status_code, answer.content) == (503, b"")
            assert call(server.url).status_code == 200
        assert [row["event_id"] for row in rows(file)] == ["evt_0"]
        assert deliver(server, event()).status_code == 200
        assert [row["event_id"] for row in rows(file)] == ["evt_0", "evt_1"]


def test_a_database_that_never_answers_is_not_waited_for(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> bool:
        await anyio.sleep_forever()
        return True

    monkeypatch.setattr("nomos_mcp.history.events.WebhookEvents.add", never)
    monkeypatch.setattr(webhook_receiver, "WEBHOOK_DEADLINE", 0.05)
    assert deliver(server, event()).status_code == 503


def test_a_database_file_that_cannot_be_opened_is_a_503(upstream: str, tmp_path: Path) -> None:
    with running(settings_for(upstream, tmp_path)) as server:  # a folder
        assert deliver(server, event()).status_code == 503


def test_a_database_server_that_is_away_is_a_503(upstream: str) -> None:
    with running(settings_for(upstream, "postgresql://nobody@127.0.0.1:1/none")) as server:
        assert deliver(server, event()).status_code == 503
        assert call(server.url).status_code == 200


@pytest.mark.slow
def test_on_a_full_disk_the_vendor_is_asked_to_repeat_and_what_was_accepted_stays(
    upstream: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(settings_for(upstream, file)) as server:
        deliver(server, event("evt_first", "test.event"))
    with closing(sqlite3.connect(file)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    prepare = database._prepare_sqlite

    def prepare_full(connection: Any, record: object) -> None:
        prepare(connection, record)
        connection.cursor().execute(f"PRAGMA max_page_count={pages}")

    monkeypatch.setattr(database, "_prepare_sqlite", prepare_full)
    with running(settings_for(upstream, file)) as server:
        statuses: list[int] = []
        while 503 not in statuses:
            assert len(statuses) < 1000
            statuses.append(deliver(server, event(f"evt_{len(statuses)}", "test.event")).status_code)
    assert len(rows(file)) == statuses.count(200) + 1


async def test_an_event_is_kept_and_its_order_recorded_on_each_database(
    upstream: str, database_url: str, clock: Clock
) -> None:
    with running(settings_for(upstream, database_url)) as server:
        posts = [await anyio.to_thread.run_sync(deliver, server, event()) for _ in range(2)]
        assert [post.status_code for post in posts] == [200, 200]
        history = History(database_url, clock)
        with anyio.fail_after(60):
            while not (looks := await history.looks(PLACED)):  # noqa: ASYNC110  nothing tells it
                await anyio.sleep(0.02)
        await history.aclose()
    assert [(look.seen_by, look.event_id) for look in looks] == [("webhook", "evt_1")]


@pytest.mark.slow
def test_during_a_flood_of_unsigned_deliveries_calls_and_deliveries_are_answered(server: Running, file: Path) -> None:
    ended = threading.Event()
    counted: list[int] = []

    def flood() -> None:
        with httpx.Client(timeout=30) as client:
            while not ended.is_set():
                body = event("evt_forged")
                answer = client.post(server.url + PATH, content=body, headers=headers(signature(body, "x" * 20)))
                counted.append(answer.status_code)

    threads = [threading.Thread(target=flood) for _ in range(8)]
    for thread in threads:
        thread.start()
    calls = [call(server.url).status_code for _ in range(20)]
    deliveries = [deliver(server, event(f"evt_{number}")).status_code for number in range(20)]
    ended.set()
    for thread in threads:
        thread.join()
    assert (calls, deliveries) == ([200] * 20, [200] * 20)
    assert set(counted) == {401}
    assert len(rows(file)) == 20


@pytest.mark.slow
def test_during_a_flood_of_signed_deliveries_calls_are_answered(server: Running, file: Path) -> None:
    ended = threading.Event()
    counted: list[int] = []

    def flood(name: int) -> None:
        with httpx.Client(timeout=30) as client:
            while not ended.is_set():
                body = event(f"evt_{name}_{len(counted)}", "invoice.paid")
                answer = client.post(server.url + PATH, content=body, headers=headers(signature(body)))
                counted.append(answer.status_code)

    threads = [threading.Thread(target=flood, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    calls = [call(server.url, "get_meter_order", {"order_id": PLACED}).json() for _ in range(20)]
    ended.set()
    for thread in threads:
        thread.join()
    assert not [answer for answer in calls if answer["result"].get("isError")]
    assert set(counted) == {200}
    assert len(rows(file)) == len(counted)


@pytest.mark.slow
async def test_ending_while_the_database_is_opened_leaves_no_task_behind(upstream: str, tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    for number in range(40):  # moments of the opening; a task that is left would keep the process from ending
        file = tmp_path / f"{number}.db"
        app = create_http_app(settings_for(upstream, file))
        async with app.router.lifespan_context(app):
            while not file.exists():
                await anyio.lowlevel.checkpoint()
            for _ in range(number * 5):
                await anyio.lowlevel.checkpoint()
        assert asyncio.all_tasks() == before


def environment(upstream: str, file: Path) -> dict[str, str]:
    return {
        "NOMOS_BASE_URL": upstream,
        "NOMOS_CLIENT_ID": DEMO.client_id,
        "NOMOS_CLIENT_SECRET": DEMO.client_secret,
        "NOMOS_MCP_DATABASE": str(file),
        "NOMOS_MCP_WEBHOOK_SECRETS": f"{NEXT_SECRET}, {SECRET}",
    }


@pytest.mark.slow
def test_what_the_simulator_delivers_is_recorded_by_a_server_process_also_after_it_was_killed(file: Path) -> None:
    with served(Simulator()) as upstream, httpx.Client(base_url=upstream + "/_simulator") as control:
        with process(**environment(upstream, file)) as server:
            control.post("/webhooks", json={"url": server.url + PATH, "secret": SECRET, "duplicates": True})
            control.put(f"/orders/{PLACED}", json={"status": "check_submitted"})
            wait_for(file, "observations", 1)
            control.post("/faults", json={"kind": "status", "status": 503, "path": f"/meter-orders/{PLACED}"})
            control.put(f"/orders/{PLACED}", json={"status": "check_reviewed"})
            wait_for(file, "events", 2)
            server.end(signal.SIGKILL)
        assert [row["status"] for row in rows(file, "observations")] == ["check_submitted"]
        control.delete("/faults")
        with closing(sqlite3.connect(file)) as connection, connection:  # as if the time of a takeover had passed
            connection.execute("UPDATE events SET due_at = '2026-01-01 00:00:00' WHERE due_at IS NOT NULL")
        with process(**environment(upstream, file)):
            looks = wait_for(file, "observations", 2)
    assert [look["status"] for look in looks] == ["check_submitted", "check_reviewed"]
    assert len(rows(file)) == 2


@pytest.mark.slow
def test_of_several_processes_exactly_one_reads_the_order_of_an_event(file: Path) -> None:
    simulator = Simulator()
    ids = list(DEMO.orders.values())[:4]
    key = {"NOMOS_MCP_STATE_KEY": "x" * 32}
    with served(simulator) as upstream, process("--workers", "2", **environment(upstream, file), **key) as server:
        for number, order_id in enumerate(ids):
            body = event(f"evt_{number}", "meter_order.created", context={"meter_order": order_id})
            assert deliver(server, body).status_code == 200
        wait_for(file, "observations", len(ids))
        reads = [request.path for request in simulator.requests if request.path.startswith("/meter-orders/")]
    assert sorted(reads) == sorted(f"/meter-orders/{order_id}" for order_id in ids)


@pytest.mark.slow
def test_each_delivery_leaves_one_log_line_without_secrets_or_body(upstream: str, file: Path) -> None:
    with process(**environment(upstream, file)) as server:
        deliver(server, event(iban="DE02"))
        deliver(server, event(iban="DE02"))
        deliver(server, b"nothing")
        deliver(server, event(), signature(event(), late=400))
    lines = [json.loads(line) for line in server.said.splitlines() if '"webhook"' in line]
    assert [line["outcome"].partition(" seconds")[0] for line in lines[:3]] == ["kept", "known", "not an event"]
    assert lines[0]["event_id"] == "evt_1"
    assert lines[0]["topic"] == "meter_order.placed"
    assert lines[3]["outcome"].startswith("refused: signed 40")
    assert len(lines) == 4
    assert SECRET not in server.said
    assert "DE02" not in server.said
