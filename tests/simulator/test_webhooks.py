"""Webhooks: signed, repeated, at least once, and out of order on request."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from nomos_mcp.simulator import DEMO, Simulator, TargetState
from nomos_mcp.simulator.webhooks import WebhookEndpoint

URL = "http://127.0.0.1:9/hook"
PLACED = DEMO.orders["placed"]


class Receiver:
    """Takes deliveries in process; answers with `status`."""

    def __init__(self) -> None:
        self.status: int | None = 204
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        assert url == URL
        self.bodies.append(body)
        self.headers.append(headers)
        return self.status

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


@pytest.fixture
def receiver(sim: Simulator) -> Receiver:
    receiver = Receiver()
    sim.webhooks.send = receiver
    return receiver


async def test_an_event_is_delivered_as_the_api_writes_it(
    sim: Simulator, receiver: Receiver, curie: httpx.AsyncClient
) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL))
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    await sim.webhooks.deliver()
    (event,) = receiver.events
    assert event["topic"] == "meter_order.check_submitted"
    assert event == (await curie.get(f"/events/{event['id']}")).json()


async def test_the_signature_follows_the_documented_scheme(sim: Simulator, receiver: Receiver, clock: Any) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL, secret="whsec_invented"))
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    await sim.webhooks.deliver()
    timestamp, signature = (part.partition("=")[2] for part in receiver.headers[0]["X-Nomos-Signature"].split(","))
    signed = timestamp.encode() + b"." + receiver.bodies[0]
    assert signature == hmac.new(b"whsec_invented", signed, hashlib.sha256).hexdigest()
    assert int(timestamp) == int(clock.moment.timestamp())


async def test_the_signature_is_dated_by_the_clock_of_the_receiver(
    sim: Simulator, receiver: Receiver, clock: Any
) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL))
    sim.advance(30)
    await sim.webhooks.deliver()
    assert receiver.headers[-1]["X-Nomos-Signature"].startswith(f"t={int(clock.moment.timestamp())},")


async def test_a_failed_delivery_is_repeated_on_the_published_schedule(sim: Simulator, receiver: Receiver) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL, topics=frozenset({"meter_order.check_submitted"})))
    receiver.status = None
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    start = sim.now
    sim.advance(4)
    attempts = [attempt for attempt in await sim.webhooks.deliver() if attempt.event_id == receiver.events[0]["id"]]
    assert [attempt.number for attempt in attempts] == list(range(1, 14))
    assert attempts[0].due == start
    waits = [(later.due - earlier.due) // timedelta(minutes=1) for earlier, later in pairwise(attempts)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 120, 240, 480, 960, 1920]
    sim.advance(4)
    assert attempts[0].event_id not in {attempt.event_id for attempt in await sim.webhooks.deliver()}


async def test_a_retry_waits_for_the_clock_and_ends_with_success(sim: Simulator, receiver: Receiver) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL))
    receiver.status = 500
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    assert [attempt.delivered for attempt in await sim.webhooks.deliver()] == [False]
    assert await sim.webhooks.deliver() == []
    receiver.status = 200
    sim.advance(1 / 24 / 60)
    assert [(attempt.number, attempt.delivered) for attempt in await sim.webhooks.deliver()] == [(2, True)]
    assert sim.webhooks.waiting == 0


async def test_an_interrupted_delivery_is_made_the_next_time(sim: Simulator, receiver: Receiver) -> None:
    async def lost(_url: str, _body: bytes, _headers: Mapping[str, str]) -> int | None:
        raise TimeoutError

    sim.webhooks.add(WebhookEndpoint(url=URL))
    for status in ("check_submitted", "check_reviewed"):
        sim.put_order(PLACED, TargetState.model_validate({"status": status}))
    sim.webhooks.send = lost
    with pytest.raises(TimeoutError):
        await sim.webhooks.deliver()
    sim.webhooks.send = receiver
    await sim.webhooks.deliver()
    assert [event["topic"] for event in receiver.events] == [
        "meter_order.check_submitted",
        "meter_order.check_reviewed",
    ]


async def test_only_the_topics_that_were_asked_for_are_delivered(sim: Simulator, receiver: Receiver) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL, topics=frozenset({"meter_order.blocked", "subscription.activated"})))
    sim.advance(30)
    await sim.webhooks.deliver()
    assert {event["topic"] for event in receiver.events} == {"meter_order.blocked", "subscription.activated"}


async def test_another_organisations_events_are_not_delivered(sim: Simulator) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL))
    sim.put_order(DEMO.orders["other_organisation"], TargetState(status="installed"))
    assert await sim.webhooks.deliver() == []


async def test_deliveries_can_be_out_of_order_and_doubled(clock: Any) -> None:
    async def delivered(seed: int, *, unruly: bool) -> list[str]:
        sim, receiver = Simulator(seed, now=clock), Receiver()
        sim.webhooks.send = receiver
        sim.webhooks.add(WebhookEndpoint(url=URL, out_of_order=unruly, duplicates=unruly))
        sim.advance(20)
        await sim.webhooks.deliver()
        return [event["id"] for event in receiver.events]

    orderly, unruly = await delivered(1, unruly=False), await delivered(1, unruly=True)
    assert sorted(unruly) == sorted(orderly * 2)
    assert list(dict.fromkeys(unruly)) != orderly
    assert unruly == await delivered(1, unruly=True)


async def test_a_late_delivery_is_due_after_its_time_and_can_be_overtaken(sim: Simulator, receiver: Receiver) -> None:
    endpoint_id = sim.webhooks.add(WebhookEndpoint(url=URL, late_minutes=30))
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    assert await sim.webhooks.deliver() == []
    sim.webhooks.change(endpoint_id, WebhookEndpoint(url=URL))
    sim.put_order(PLACED, TargetState(status="check_reviewed"))
    await sim.webhooks.deliver()
    sim.advance(30 / 24 / 60)
    await sim.webhooks.deliver()
    topics = [event["topic"] for event in receiver.events if event["context"].get("meter_order") == PLACED]
    assert topics == ["meter_order.check_reviewed", "meter_order.check_submitted"]


async def test_lost_deliveries_are_never_sent(sim: Simulator, receiver: Receiver) -> None:
    sim.webhooks.add(WebhookEndpoint(url=URL, lost=1))
    sim.advance(30)
    assert (await sim.webhooks.deliver(), sim.webhooks.waiting) == ([], 0)
    assert not receiver.bodies


async def test_a_share_of_the_deliveries_is_lost_the_same_in_every_run(clock: Any) -> None:
    async def delivered(lost: float) -> list[str]:
        sim, receiver = Simulator(7, now=clock), Receiver()
        sim.webhooks.send = receiver
        sim.webhooks.add(WebhookEndpoint(url=URL, lost=lost))
        sim.advance(60)
        await sim.webhooks.deliver()
        return [event["id"] for event in receiver.events]

    everything, some = await delivered(0), await delivered(0.5)
    assert 0 < len(some) < len(everything)
    assert set(some) < set(everything)
    assert some == await delivered(0.5)


async def test_a_delivery_with_a_wrong_signature_is_repeated_with_the_right_one(
    sim: Simulator, receiver: Receiver
) -> None:
    endpoint_id = sim.webhooks.add(WebhookEndpoint(url=URL, secret="whsec_invented", wrong_signatures=1))
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    receiver.status = 401
    await sim.webhooks.deliver()
    sim.webhooks.change(endpoint_id, WebhookEndpoint(url=URL))  # keeps its secret
    sim.advance(1 / 24 / 60)
    await sim.webhooks.deliver()

    def is_right(headers: Mapping[str, str], body: bytes) -> bool:
        timestamp, signature = (part.partition("=")[2] for part in headers["X-Nomos-Signature"].split(","))
        return signature == hmac.new(b"whsec_invented", timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()

    assert [is_right(*sent) for sent in zip(receiver.headers, receiver.bodies, strict=True)] == [False, True]


async def test_a_test_event_has_an_empty_context(sim: Simulator, receiver: Receiver) -> None:
    endpoint_id = sim.webhooks.add(WebhookEndpoint(url=URL, topics=frozenset({"meter_order.blocked"})))
    sent = [sim.webhooks.send_test_event(endpoint_id) for _ in range(2)]
    await sim.webhooks.deliver()
    assert [event["id"] for event in receiver.events] == sent
    assert [(event["topic"], event["context"]) for event in receiver.events] == [("test.event", {})] * 2
    assert len(set(sent)) == 2


async def test_over_http_a_receiver_is_changed_and_tested(anonymous: httpx.AsyncClient) -> None:
    taken: list[bytes] = []
    with receiving(taken) as url:
        await anonymous.post("/_simulator/webhooks", json={"url": url, "secret": "s"})
        changed = await anonymous.put("/_simulator/webhooks/endpoint_1", json={"url": url, "lost": True})
        assert (changed.json()["secret"], changed.json()["lost"]) == ("s", 1)
        assert (await anonymous.post("/_simulator/webhooks/endpoint_1/test")).json()["deliveries"] == []
        await anonymous.put("/_simulator/webhooks/endpoint_1", json={"url": url})
        tested = (await anonymous.post("/_simulator/webhooks/endpoint_1/test")).json()
    assert [attempt["event_id"] for attempt in tested["deliveries"]] == [tested["event"]]
    assert [json.loads(body)["id"] for body in taken] == [tested["event"]]
    for path in ("endpoint_2", "endpoint_2/test"):
        method = "POST" if path.endswith("test") else "PUT"
        assert (await anonymous.request(method, f"/_simulator/webhooks/{path}", json={"url": URL})).status_code == 404


async def test_an_endpoint_that_is_removed_gets_nothing_more(sim: Simulator, receiver: Receiver) -> None:
    endpoint_id = sim.webhooks.add(WebhookEndpoint(url=URL, out_of_order=True))
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    sim.webhooks.remove(endpoint_id)
    assert await sim.webhooks.deliver() == []
    assert not receiver.bodies


async def test_a_receiver_that_asks_for_deliveries_causes_no_loop(sim: Simulator, receiver: Receiver) -> None:
    nested: list[object] = []

    async def asks_again(url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
        nested.append(await sim.webhooks.deliver())
        return await receiver(url, body, headers)

    sim.webhooks.send = asks_again
    sim.webhooks.add(WebhookEndpoint(url=URL))
    sim.put_order(PLACED, TargetState(status="check_submitted"))
    await sim.webhooks.deliver()
    assert (nested, len(receiver.bodies)) == ([[]], 1)


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "http://example.com/", "http://10.0.0.1/", "ftp://localhost/", "http:///", "localhost:80"],
)
def test_a_receiver_elsewhere_is_refused_with_the_reason(url: str) -> None:
    with pytest.raises(ValidationError, match="on loopback only"):
        WebhookEndpoint(url=url)


@pytest.mark.parametrize("url", ["http://localhost:80/x", "http://127.0.0.2/", "http://[::1]:8000/"])
def test_a_receiver_on_this_machine_is_fine(url: str) -> None:
    assert WebhookEndpoint(url=url).url == url


@contextmanager
def receiving(taken: list[bytes]) -> Iterator[str]:
    """Receive on a real socket, from a library of its own; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()
        thread.join()


async def test_over_http_a_receiver_is_registered_served_and_removed(anonymous: httpx.AsyncClient) -> None:
    taken: list[bytes] = []
    with receiving(taken) as url:
        added = await anonymous.post("/_simulator/webhooks", json={"url": url, "secret": "s"})
        assert added.json() == {
            "id": "endpoint_1",
            "url": url,
            "secret": "s",
            "out_of_order": False,
            "duplicates": False,
            "late_minutes": 0,
            "lost": 0,
            "wrong_signatures": 0,
            "topics": None,
        }
        await anonymous.put(f"/_simulator/orders/{PLACED}", json={"status": "installed"})
        delivered = (await anonymous.post("/_simulator/webhooks/deliver")).json()["deliveries"]
    assert [attempt["status"] for attempt in delivered] == [204]
    assert len(taken) == 1
    shown = (await anonymous.get("/_simulator/webhooks")).json()
    assert (shown["attempts"], shown["waiting"]) == (delivered, 0)
    assert (await anonymous.delete("/_simulator/webhooks/endpoint_1")).status_code == 204


async def test_a_receiver_that_is_not_there_is_no_error(sim: Simulator) -> None:
    with receiving([]) as url:
        pass  # the port is free again
    for nowhere in (url, "http://localhost/\0"):
        sim.webhooks.add(WebhookEndpoint(url=nowhere))
    sim.put_order(PLACED, TargetState(status="installed"))
    await sim.tend()
    assert [attempt.status for attempt in sim.webhooks.attempts] == [None, None]


async def test_topics_are_shown_as_they_were_given(anonymous: httpx.AsyncClient) -> None:
    topics = ["meter_order.blocked", "meter_order.cancelled"]
    added = await anonymous.post("/_simulator/webhooks", json={"url": URL, "topics": topics})
    assert added.json()["topics"] == topics
