"""What became of an order whose answer was lost: found out, never guessed, never sent twice blindly."""

from functools import partial

import anyio
import httpx
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult

from nomos_mcp.client import (
    CURIE,
    APIConnectionError,
    BadRequestError,
    ErrorDetail,
    ForbiddenError,
    MeterOrder,
    NomosClient,
    NomosError,
    PaymentRequiredError,
    RateBudgetError,
    UnprocessableEntityError,
)
from nomos_mcp.client.meter_orders import MeterOrders
from nomos_mcp.server import create_server
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.ordering import outcomes, placing
from nomos_mcp.server.ordering.means import Ordering
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.client.times import SkippingTime
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


async def outcome_of(upstream: Faulty) -> str:
    async with trusted(upstream) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    return str(answer["outcome"])


@pytest.mark.parametrize("fault", AFTER_COMMIT)
async def test_an_order_whose_answer_was_lost_is_found(simulator: Simulator, fault: str) -> None:
    upstream = Faulty(simulator, posts=[fault])
    assert await outcome_of(upstream) == "ordered"
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


@pytest.mark.parametrize("fault", BEFORE_COMMIT)
async def test_a_request_that_got_lost_is_repeated_once(simulator: Simulator, fault: str) -> None:
    upstream = Faulty(simulator, posts=[fault])
    assert await outcome_of(upstream) == "ordered"
    assert (upstream.posted, len(simulator.ledger)) == (2, 1)


async def test_two_requests_that_got_lost_are_not_followed_by_a_third(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_before"] * 3)
    assert await outcome_of(upstream) == "refused"
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


async def test_a_repeat_that_is_refused_is_refused_if_there_is_no_order(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_before", REFUSED])
    assert await outcome_of(upstream) == "refused"
    assert (upstream.posted, len(simulator.ledger)) == (2, 0)


async def test_where_looking_fails_too_the_outcome_is_unknown_and_nothing_is_repeated(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_after"], reads=["reset_before"] * 20)
    assert await outcome_of(upstream) == "outcome_unknown"
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


async def test_past_the_deadline_the_outcome_is_unknown(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "DEADLINE", -1.0)
    assert await outcome_of(Faulty(simulator)) == "outcome_unknown"


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
        patch.setattr(placing, "order_of", last_look_fails)
        async with trusted(upstream) as client:
            answer = (await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})).structured_content or {}
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_checked")
    assert (upstream.posted, len(simulator.ledger)) == (0, 0)


async def test_a_caller_that_goes_away_does_not_stop_the_order_or_its_record(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = anyio.CancelScope()
    upstream = Faulty(simulator, posts=["reset_before"], on_post=gone.cancel)
    async with trusted(upstream) as client:
        with gone:
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert gone.cancel_called
    assert len(simulator.ledger) == 1
    assert '"outcome":"ordered"' in capfd.readouterr().err


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
    assert "Nothing was ordered. Nomos could not be reached." in result.structured_content["message"]
    assert not simulator.ledger


async def test_whoever_waited_and_cannot_look_does_not_know(simulator: Simulator) -> None:
    upstream = Faulty(simulator, posts=["reset_after"], reads=["reset_before"] * 50)
    answers: list[str] = []

    async def call(client: Client) -> None:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
        answers.append(str(answer["outcome"]))

    async with trusted(upstream) as client, anyio.create_task_group() as calls:
        for _ in range(2):
            calls.start_soon(call, client)
    assert answers == ["outcome_unknown"] * 2
    assert (upstream.posted, len(simulator.ledger)) == (1, 1)


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (RateBudgetError(2.0), "not_sent", "2"),
        (PaymentRequiredError(402), "payment_required", ""),
        (ForbiddenError(403), "forbidden", ""),
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
    async def fail(_: object, __: str) -> MeterOrder:
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

    async def mix_up(orders: MeterOrders, subscription_id: str) -> MeterOrder:
        return (await create(orders, subscription_id)).model_copy(update={"subscription": "sub_other"})

    monkeypatch.setattr(MeterOrders, "create", mix_up)
    assert await outcome_of(Faulty(simulator)) == "ordered"
    assert len(simulator.ledger) == 1


def test_a_reason_that_only_nomos_knows_is_kept_and_a_sentence_in_its_place_is_not(simulator: Simulator) -> None:
    desk = Desk(client=nomos_behind(Faulty(simulator)), vocabulary=CURIE, ordering=Ordering(), now=lambda: NOW)
    reasons = [
        outcomes.refused_because(BadRequestError(400, errors=[ErrorDetail(code, "", "")]), desk).reason
        for code in ("unserviceable_zip", "order one for everybody")
    ]
    assert reasons == ["unserviceable_zip", "(unreadable)"]
