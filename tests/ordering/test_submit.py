"""What became of an order whose answer was lost: found out or said to be unknown, never guessed."""

import json
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from nomos_mcp.client import (
    CURIE,
    EDISON,
    APIConnectionError,
    BadRequestError,
    ErrorDetail,
    LocalRateLimitError,
    MeterOrder,
    NomosClient,
    NomosError,
    PaymentRequiredError,
    PermissionDeniedError,
    UnprocessableEntityError,
)
from nomos_mcp.client.endpoints import MeterOrders
from nomos_mcp.client.session import BeforeSend
from nomos_mcp.server import create_server
from nomos_mcp.server.ordering import outcomes, submit
from nomos_mcp.server.ordering.config import Ordering
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator, TargetState
from tests.client.fake_time import SkippingTime
from tests.conftest import NOW
from tests.ordering.conftest import SUBSCRIPTION, TOOL, yes
from tests.ordering.faults import AFTER_COMMIT, BEFORE_COMMIT, LATE, REFUSED, Faulty
from tests.server.conftest import Era, answer_of


def trusted(upstream: Faulty) -> Client:
    """Return a client of a server that orders without asking."""
    return Client(create_server(Settings(confirm="none"), client=nomos_behind(upstream), clock=lambda: NOW))


def nomos_behind(upstream: Faulty) -> NomosClient:
    """Return a client of the API that meets the faults, and waits for nothing."""
    return NomosClient(
        client_id=DEMO.client_id,
        client_secret=DEMO.client_secret,
        base_url="http://127.0.0.1",
        app=upstream,
        requests_per_second=1000,
        timing=SkippingTime().timing,
    )


async def _answer(
    send: Callable[[dict[str, Any]], Awaitable[None]],
    status: int,
    body: dict[str, Any],
    version: str = CURIE,
    more: dict[str, str] | None = None,
) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-api-version", version.encode())]
    headers += [(name.encode(), value.encode()) for name, value in (more or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


class Lagging(Faulty):
    """An upstream whose reads do not show the order until so many of them were answered after the first POST."""

    blind = 0

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
        if scope["path"] == "/meter-orders" and scope["method"] == "GET" and self.posted and self.blind:
            self.blind -= 1
            await _answer(send, 200, {"object": "list", "items": [], "has_more": False})
            return
        await super().__call__(scope, receive, send)


def lagging(simulator: Simulator, posts: list[str], *, blind: int) -> Lagging:
    upstream = Lagging(simulator, posts=posts)
    upstream.blind = blind
    return upstream


async def answer_from(upstream: Faulty) -> dict[str, Any]:
    async with trusted(upstream) as client:
        return answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))


async def outcome_of(upstream: Faulty) -> str:
    return str((await answer_from(upstream))["outcome"])


async def test_an_order_that_is_answered_is_made_by_this_call(simulator: Simulator) -> None:
    answer = await answer_from(Faulty(simulator))
    assert (answer["outcome"], answer["made_by"]) == ("ordered", "this_call")


@pytest.mark.parametrize("fault", AFTER_COMMIT)
async def test_an_order_whose_answer_was_lost_is_found_and_nobody_knows_whose_it_is(
    simulator: Simulator, fault: str
) -> None:
    upstream = Faulty(simulator, posts=[fault])
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["made_by"]) == ("ordered", "unknown")
    assert "somebody else's request may have made this order" in answer["message"]
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


@pytest.mark.parametrize("blind", [1, 4, 7])
async def test_reads_that_lag_behind_the_write_are_waited_for_before_anything_is_repeated(
    simulator: Simulator, blind: int
) -> None:
    upstream = lagging(simulator, ["reset_after"], blind=blind)
    assert await outcome_of(upstream) == "ordered"
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


async def test_looks_go_on_for_ten_seconds_with_growing_pauses(simulator: Simulator) -> None:
    time = SkippingTime()
    upstream = lagging(simulator, ["reset_after", "reset_before"], blind=1000)
    nomos = NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=upstream, timing=time.timing)
    server = create_server(Settings(confirm="none"), client=nomos, clock=lambda: NOW)
    async with nomos, Client(server) as client:
        await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    half = len(time.slept) // 2
    for pauses in (time.slept[:half], time.slept[half:]):
        assert sum(pauses) == pytest.approx(submit.LOOK_FOR, abs=0.5)
        assert pauses[:5] == sorted(pauses[:5])
        assert pauses[0] < 1 < pauses[4]


async def test_a_conflict_on_the_repeat_means_an_order_that_is_looked_for_on(simulator: Simulator) -> None:
    upstream = lagging(simulator, ["reset_after"], blind=12)
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["made_by"]) == ("ordered", "unknown")
    assert (upstream.posted, len(simulator.ledger)) == (2, 1)


async def test_an_order_that_stays_unseen_after_a_conflict_on_the_repeat_is_unknown(simulator: Simulator) -> None:
    upstream = lagging(simulator, ["reset_after"], blind=1000)
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["reason"]) == ("outcome_unknown", "not_visible")
    assert (upstream.posted, len(simulator.ledger)) == (2, 1)


@pytest.mark.parametrize("fault", [fault for fault in BEFORE_COMMIT if not fault.startswith(("429", "401"))])
async def test_a_request_that_got_lost_is_repeated_once(simulator: Simulator, fault: str) -> None:
    upstream = Faulty(simulator, posts=[fault])
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["made_by"]) == ("ordered", "this_call")
    assert (upstream.posted, len(simulator.ledger)) == (2, 1)


async def test_a_token_that_is_refused_is_renewed_and_the_order_sent_again(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["401_before"])
    assert await outcome_of(upstream) == "ordered"
    assert (upstream.posted, len(simulator.ledger)) == (2, 1)


async def test_a_429_that_arrived_is_a_refusal_and_no_lost_answer(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["429_before"])
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["reason"]) == ("refused", "rate_limited")
    assert (upstream.posted, len(simulator.ledger)) == (1, 0)


async def test_a_connection_that_was_never_made_is_no_lost_answer(simulator: Simulator) -> None:
    class Closed(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["method"] == "POST" and scope["path"] == "/meter-orders":
                raise httpx.ConnectError("refused")
            await super().__call__(scope, receive, send)

    answer = await answer_from(Closed(simulator))
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_sent")
    assert not simulator.ledger


async def test_two_requests_that_got_lost_are_not_followed_by_a_third(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_before"] * 3)
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["reason"]) == ("outcome_unknown", "answer_lost")
    assert (upstream.posted, len(simulator.ledger)) == (2, 0)


async def test_a_request_that_comes_through_late_is_found_after_the_repeat(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=[LATE])
    assert await outcome_of(upstream) == "ordered"
    assert (upstream.posted, len(simulator.ledger)) == (2, 1)


async def test_a_repeat_that_is_refused_does_not_hide_the_first_request_that_came_through_late(
    simulator: Simulator,
) -> None:
    upstream = Faulty(simulator, posts=[LATE, REFUSED])
    assert await outcome_of(upstream) == "ordered"
    assert len(simulator.ledger) == 1


@pytest.mark.parametrize("refusal", [REFUSED, "429_before", "500_before", "503_before", "401_before"])
async def test_a_refusal_of_the_repeat_says_nothing_of_the_first_request(simulator: Simulator, refusal: str) -> None:
    upstream = Faulty(simulator, posts=["reset_before", refusal, refusal])
    assert await outcome_of(upstream) == "outcome_unknown"
    assert not simulator.ledger


async def test_where_looking_fails_too_the_outcome_is_unknown_and_nothing_is_repeated(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_after"], reads=["reset_before"] * 1000)
    answer = await answer_from(upstream)
    assert (answer["outcome"], answer["reason"]) == ("outcome_unknown", "look_failed")
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


async def test_a_deadline_that_passes_before_the_order_leaves_is_a_refusal(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "DEADLINE", -1.0)
    answer = await answer_from(Faulty(simulator))
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_sent")
    assert not simulator.ledger


async def test_a_deadline_that_passes_while_the_order_is_looked_for_leaves_the_outcome_unknown(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr(submit.Submission, "_find", never)
    monkeypatch.setattr(submit, "DEADLINE", 0.2)
    answer = await answer_from(Faulty(simulator, posts=["reset_after"]))
    assert (answer["outcome"], answer["reason"]) == ("outcome_unknown", "answer_lost")


async def test_a_conflict_at_once_is_already_ordered_even_if_the_order_cannot_be_seen(simulator: Simulator) -> None:
    async with NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=simulator) as other:
        order = await other.meter_orders.create(SUBSCRIPTION)
    blind = Lagging(simulator)
    blind.posted, blind.blind = 1, 1000
    answer = await answer_from(blind)
    assert answer["outcome"] == "already_ordered"
    assert "order" not in answer
    late = Lagging(simulator)
    late.posted, late.blind = 1, 6  # the preflight, the last look and the first two after the conflict
    assert (await answer_from(late))["order"]["id"] == order.id
    assert len(simulator.ledger) == 1


async def test_somebody_elses_order_at_the_last_moment_is_already_ordered(simulator: Simulator) -> None:
    async def order_first() -> None:
        async with NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=simulator) as other:
            await other.meter_orders.create(SUBSCRIPTION)

    class Overtaken(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["method"] == "POST" and scope["path"] == "/meter-orders":
                await order_first()
            await super().__call__(scope, receive, send)

    upstream = Overtaken(simulator)
    assert await outcome_of(upstream) == "already_ordered"
    assert len(simulator.ledger) == 1


async def test_two_calls_at_a_time_send_one_request(simulator: Simulator) -> None:
    upstream = Faulty(simulator)
    answers: list[str] = []

    async def call(client: Client) -> None:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
        answers.append(str(answer["outcome"]))

    async with trusted(upstream) as client, anyio.create_task_group() as calls:
        for _ in range(5):
            calls.start_soon(partial(call, client))
    assert sorted(answers) == ["already_ordered"] * 4 + ["ordered"]
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


async def test_a_yes_that_comes_after_somebody_elses_order_sends_no_second_request(
    simulator: Simulator, era: Era
) -> None:
    upstream = Faulty(simulator)
    asked, ordered = anyio.Event(), anyio.Event()

    async def slow_person(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001  the SDK's
        asked.set()
        await ordered.wait()
        return ElicitResult(action="accept", content={"order": True})

    answers: list[str] = []

    async def call(client: Client) -> None:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
        answers.append(str(answer["outcome"]))

    async with nomos_behind(upstream) as nomos:
        server = create_server(Settings(), client=nomos, clock=lambda: NOW)
        async with (
            Client(server, mode=era, elicitation_callback=slow_person) as slow,
            Client(server, mode=era, elicitation_callback=yes()) as quick,
            anyio.create_task_group() as calls,
        ):
            calls.start_soon(call, slow)
            await asked.wait()
            await call(quick)
            ordered.set()
    assert answers == ["ordered", "already_ordered"]
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


async def test_a_last_look_that_fails_orders_nothing(simulator: Simulator) -> None:
    upstream = Faulty(simulator)

    async def last_look_fails(*_: object) -> None:
        raise APIConnectionError("No answer.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submit, "read_state", last_look_fails)
        async with trusted(upstream) as client:
            answer = (await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})).structured_content or {}
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_checked")
    assert (upstream.posted, len(simulator.ledger)) == (0, 0)


async def test_a_caller_that_goes_away_while_the_order_is_under_way_does_not_stop_its_record(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = anyio.CancelScope()
    upstream = Faulty(simulator, posts=["reset_after"], on_post=gone.cancel)
    async with trusted(upstream) as client:
        with gone:
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert gone.cancel_called
    assert len(simulator.ledger) == 1
    assert '"outcome":"ordered"' in capfd.readouterr().err


async def test_nothing_is_repeated_for_a_caller_that_has_gone_away(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = anyio.CancelScope()
    upstream = Faulty(simulator, posts=["reset_before"], on_post=gone.cancel)
    async with trusted(upstream) as client:
        with gone:
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert (upstream.posted, len(simulator.ledger)) == (1, 0)
    assert '"outcome":"outcome_unknown"' in capfd.readouterr().err


async def test_whoever_withdraws_while_waiting_for_their_turn_gets_no_installer(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    first_is_out, second_may_end = anyio.Event(), anyio.Event()

    class Slow(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["method"] == "POST" and scope["path"] == "/meter-orders":
                first_is_out.set()
                await second_may_end.wait()
                await _answer(send, 403, {"code": "FORBIDDEN"})
                self.posted += 1
                return
            await super().__call__(scope, receive, send)

    upstream = Slow(simulator)
    async with trusted(upstream) as client, anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, TOOL, {"subscription_id": SUBSCRIPTION})
        await first_is_out.wait()
        with anyio.move_on_after(0.2) as withdrawn:
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
        assert withdrawn.cancelled_caught
        second_may_end.set()
    assert (upstream.posted, len(simulator.ledger)) == (1, 0)
    assert '"outcome":"cancelled"' in capfd.readouterr().err


async def test_whoever_withdraws_while_waiting_for_the_rate_limit_gets_no_installer(simulator: Simulator) -> None:
    upstream = Faulty(simulator)
    nomos = NomosClient(
        access_token=DEMO.access_token, base_url="http://127.0.0.1", app=upstream, requests_per_second=4
    )
    server = create_server(Settings(confirm="none"), client=nomos, clock=lambda: NOW)
    async with nomos, Client(server) as client:
        with anyio.move_on_after(0.5) as withdrawn:  # four reads take the whole second; the order waits for the next
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert withdrawn.cancelled_caught
    assert (upstream.posted, len(simulator.ledger)) == (0, 0)


def _start(tasks: TaskGroup, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
    tasks.start_soon(task)


async def test_a_server_that_is_stopping_sends_no_order_and_waits_for_those_that_left(simulator: Simulator) -> None:
    upstream = Faulty(simulator)
    async with nomos_behind(upstream) as nomos:
        server = create_server(Settings(confirm="none"), client=nomos, clock=lambda: NOW)
        async with Client(server) as client:
            stopped: list[int] = []

            async def stop() -> None:
                server.begin_shutdown()
                await server.orders_finished()
                stopped.append(len(simulator.ledger))

            async with anyio.create_task_group() as tasks:
                upstream.on_post = partial(_start, tasks, stop)
                first = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
            other = DEMO.subscriptions["can_order_metrify"]
            second = answer_of(await client.call_tool(TOOL, {"subscription_id": other}))
    assert first["outcome"] == "ordered"
    assert stopped == [1]
    assert (second["outcome"], second["reason"]) == ("refused", "not_sent")
    assert "The server is stopping" in second["message"]
    assert len(simulator.ledger) == 1


@pytest.mark.parametrize("part", ["explain", "order_fields", "times_told"])
async def test_an_order_is_told_of_even_if_explaining_it_fails(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(f"nomos_mcp.server.tools.get_meter_order.{part}", fail)
    answer = await answer_from(Faulty(simulator))
    assert answer["outcome"] == "ordered"
    assert [answer["order"]["id"]] == [entry.order_id for entry in simulator.ledger]
    assert "explanation" not in answer


async def test_an_order_is_told_of_even_if_its_answer_is_too_large(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def huge(order: MeterOrder) -> dict[str, str]:
        return {"id": order.id, "status": order.status, "provider": "x" * 30_000}

    monkeypatch.setattr("nomos_mcp.server.tools.get_meter_order.order_fields", huge)
    answer = await answer_from(Faulty(simulator))
    assert answer["outcome"] == "ordered"
    assert [answer["order"]["id"]] == [entry.order_id for entry in simulator.ledger]


async def test_a_mistake_of_ours_after_the_order_left_leaves_the_outcome_unknown(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit.Submission, "_find", None)
    assert await outcome_of(Faulty(simulator, posts=["reset_after"])) == "outcome_unknown"


async def test_what_cannot_be_looked_at_is_an_error_that_says_why_and_orders_nothing(simulator: Simulator) -> None:
    class Unreachable(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["path"] != "/oauth/token":
                raise httpx.ConnectError("refused")
            await super().__call__(scope, receive, send)

    async with trusted(Unreachable(simulator)) as client:
        result = await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert result.is_error
    assert result.structured_content is not None
    assert (result.structured_content["outcome"], result.structured_content["reason"]) == ("refused", "not_checked")
    assert "Nomos could not be reached." in result.structured_content["message"]
    assert not simulator.ledger


async def test_whoever_waited_and_cannot_look_has_ordered_nothing(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_after"], reads=["reset_before"] * 1000)
    answers: list[str] = []

    async def call(client: Client) -> None:
        answer = (await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})).structured_content or {}
        answers.append(str(answer["outcome"]))

    async with trusted(upstream) as client, anyio.create_task_group() as calls:
        for _ in range(2):
            calls.start_soon(call, client)
    assert sorted(answers) == ["outcome_unknown", "refused"]
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (LocalRateLimitError(2.0), "not_sent", "2"),
        (PaymentRequiredError(402), "payment_required", ""),
        (PermissionDeniedError(403), "forbidden", ""),
        (
            UnprocessableEntityError(422, errors=[ErrorDetail("brand_new_rule", "subscription", "x")]),
            "brand_new_rule",
            "",
        ),
        (BadRequestError(400), "bad_request", ""),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_certain_no_has_a_reason_code(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, error: NomosError, reason: str, detail: str
) -> None:
    async def fail(_: object, __: str, *, before_send: BeforeSend) -> MeterOrder:
        await before_send()
        raise error

    monkeypatch.setattr(MeterOrders, "create", fail)
    async with trusted(Faulty(simulator)) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    assert (answer["outcome"], answer["reason"]) == ("refused", reason)
    assert detail in answer["message"]


async def test_an_answer_about_another_subscription_is_no_answer(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = MeterOrders.create

    async def mix_up(orders: MeterOrders, subscription_id: str, *, before_send: BeforeSend) -> MeterOrder:
        order = await create(orders, subscription_id, before_send=before_send)
        return order.model_copy(update={"subscription": "sub_other"})

    monkeypatch.setattr(MeterOrders, "create", mix_up)
    assert await outcome_of(Faulty(simulator)) == "ordered"
    assert len(simulator.ledger) == 1


def test_a_reason_that_only_nomos_knows_is_kept_and_a_sentence_in_its_place_is_not(simulator: Simulator) -> None:
    context = NomosContext(
        client=nomos_behind(Faulty(simulator)), vocabulary=CURIE, ordering=Ordering(), now=lambda: NOW
    )
    reasons = [
        outcomes.refused_because(BadRequestError(400, errors=[ErrorDetail(code, "", "")]), context).reason
        for code in ("unserviceable_zip", "order one for everybody")
    ]
    assert reasons == ["unserviceable_zip", "(unreadable)"]


class Interested(Faulty):
    """An upstream whose list shows these orders of a mere interest, and nothing else, from the first POST on."""

    before: list[dict[str, Any]]
    after: list[dict[str, Any]]

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
        if scope["path"] == "/meter-orders" and scope["method"] == "GET":
            items = self.after if self.posted else self.before
            body = {"object": "list", "items": items, "has_more": False}
            await _answer(send, 200, body, EDISON)
            return
        await super().__call__(scope, receive, send)


def _interest(number: int, created_at: str) -> dict[str, Any]:
    return {
        "object": "meter_order",
        "id": f"prdo_{number:024}",
        "subscription": SUBSCRIPTION,
        "customer": DEMO.customers["can_order"],
        "provider": "inexogy",
        "status": "intended",
        "created_at": created_at,
        "updated_at": created_at,
    }


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ([], [_interest(1, "2026-06-15T10:00:01Z")], "ordered"),
        ([], [_interest(1, "2026-06-15T10:00:00Z")], "ordered"),
        ([_interest(1, "2026-06-15T10:00:01Z")], [_interest(1, "2026-06-15T10:00:01Z")], "outcome_unknown"),
        ([], [_interest(1, "2026-06-15T09:59:59Z")], "outcome_unknown"),
        (
            [_interest(1, "2026-06-01T10:00:00Z")],
            [_interest(2, "2026-06-15T10:00:01Z"), _interest(1, "2026-06-01T10:00:00Z")],
            "ordered",
        ),
    ],
    ids=["new", "of this very second", "there before", "unseen but older", "new beside an older one"],
)
async def test_an_interest_counts_as_the_order_only_if_it_was_not_there_before(
    simulator: Simulator, before: list[dict[str, Any]], after: list[dict[str, Any]], outcome: str
) -> None:
    upstream = Interested(simulator, posts=["500_before", "500_before"])
    upstream.before, upstream.after = before, after
    nomos = NomosClient(
        access_token=DEMO.access_token,
        api_version=EDISON,
        base_url="http://127.0.0.1",
        app=upstream,
        timing=SkippingTime().timing,
    )
    now = NOW.replace(microsecond=400_000)  # upstream's times have no fractions
    server = create_server(Settings(confirm="none"), client=nomos, clock=lambda: now)
    async with nomos, Client(server) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    assert answer["outcome"] == outcome
    if outcome == "ordered":
        assert answer["order"]["id"] == after[0]["id"]
        assert "explanation" not in answer  # its texts say that nothing was ordered
        assert "an interest that is not completed yet" in answer["message"]


async def test_an_order_that_is_found_cancelled_is_not_told_as_ordered(simulator: Simulator) -> None:
    class Cancelling(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["method"] == "GET" and self.posted and simulator.ledger:
                simulator.put_order(
                    simulator.ledger[0].order_id, TargetState(status="cancelled", cancelled_reason="pre_existing")
                )
            await super().__call__(scope, receive, send)

    answer = await answer_from(Cancelling(simulator, posts=["reset_after"]))
    assert answer["outcome"] == "ordered"
    assert "its status is cancelled already" in answer["message"]
    assert "Tell the customer that it is ordered" not in answer["next"]


async def test_a_conflict_after_a_401_may_be_with_the_order_of_this_call(simulator: Simulator) -> None:
    class WrongRefusal(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["path"] == "/meter-orders" and scope["method"] == "POST" and not self.posted:
                self.posted += 1
                await self.simulator(scope, receive, _drop)
                await _answer(send, 401, {"code": "UNAUTHORIZED"})
                return
            await super().__call__(scope, receive, send)

    answer = await answer_from(WrongRefusal(simulator))
    assert (answer["outcome"], answer["made_by"]) == ("ordered", "unknown")
    assert len(simulator.ledger) == 1


async def test_an_upstream_that_makes_all_wait_is_waited_for(simulator: Simulator) -> None:
    class Holding(Faulty):
        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["path"] == "/meter-orders" and scope["method"] == "POST":
                self.posted += 1
                await self.simulator(scope, receive, _drop)
                hold = {"ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "60"}
                await _answer(send, 503, {"code": "INTERNAL_SERVER_ERROR"}, more=hold)
                return
            await super().__call__(scope, receive, send)

    assert (await answer_from(Holding(simulator)))["outcome"] == "ordered"


async def test_a_list_that_does_not_end_is_not_read_for_ever(simulator: Simulator) -> None:
    class Endless(Faulty):
        asked = 0

        async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  ASGI
            if scope["path"] == "/meter-orders" and scope["method"] == "GET":
                self.asked += 1
                page = {"object": "list", "items": [], "has_more": True, "next_page": f"page{self.asked}"}
                await _answer(send, 200, page)
                return
            await super().__call__(scope, receive, send)

    upstream = Endless(simulator)
    async with trusted(upstream) as client:
        answer = (await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})).structured_content or {}
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_checked")
    assert upstream.asked == 100


async def _drop(_: object) -> None:
    """Lose an answer."""
