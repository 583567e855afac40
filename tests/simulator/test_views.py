"""One order in curie's words and in edison's, and putting an order into any state in either."""

from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import pytest
from pydantic import ValidationError

from nomos_mcp.simulator import DEMO, Simulator, TargetState
from nomos_mcp.simulator.views import CurieStatus, EdisonStatus

PLACED = DEMO.orders["placed"]


async def fetch(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """Get a named order, or fail."""
    answer = await client.get(f"/meter-orders/{DEMO.orders[name]}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("created", ("created", None, "waiting")),
        ("placed", ("placed", None, "ordered")),
        ("check_submitted", ("check_submitted", None, "ordered")),
        ("check_reviewed", ("check_reviewed", None, "checked")),
        ("planning", ("check_reviewed", None, "installation_planning")),
        ("scheduled", ("scheduled", None, "installation_scheduled")),
        ("scheduled_waiting", ("scheduled", None, "installation_waiting")),
        ("appointment_past", ("scheduled", None, "installation_scheduled")),
        ("installed", ("installed", None, "installed")),
        ("installation_finished", ("installed", None, "installation_finished")),
        ("activated", ("activated", None, "activated")),
        ("cancelled_by_customer", ("cancelled", None, "cancelled")),
        ("pre_existing", ("cancelled", None, "pre_installed")),
        ("blocked_check_missing", ("placed", "check_missing", "ordered")),
        ("blocked_check_early", ("created", "check_missing", "waiting")),
        ("blocked_grid_operator", ("check_reviewed", "grid_operator_registration", "blocked_wim")),
        ("blocked_grid_placed", ("placed", "grid_operator_registration", "blocked_wim")),
        ("blocked_grid_scheduled", ("scheduled", "grid_operator_registration", "blocked_wim")),
        ("blocked_grid_ten_weeks", ("check_reviewed", "grid_operator_registration", "blocked_wim")),
        ("manual_review", ("created", None, "blocked")),
        ("overdue", ("placed", None, "ordered")),
    ],
)
async def test_each_version_shows_what_it_has_a_word_for(
    curie: httpx.AsyncClient, edison: httpx.AsyncClient, name: str, shown: tuple[str, str | None, str]
) -> None:
    """Curie's status and block, then edison's status."""
    new, old = await fetch(curie, name), await fetch(edison, name)
    assert (new["status"], new["blocked_reason"], old["status"]) == shown


async def test_an_interest_without_an_order_exists_in_edison_only(
    curie: httpx.AsyncClient, edison: httpx.AsyncClient
) -> None:
    old = await fetch(edison, "intended")
    assert (old["status"], old["provider"]) == ("intended", "inexogy")
    assert (await curie.get(f"/meter-orders/{DEMO.orders['intended']}")).status_code == 404


async def test_a_block_is_dated_as_long_as_it_lasts(curie: httpx.AsyncClient) -> None:
    assert (await fetch(curie, "blocked_check_missing"))["blocked_at"] == "2026-06-25T18:00:00Z"
    assert (await fetch(curie, "placed"))["blocked_at"] is None


@pytest.mark.parametrize(
    ("name", "reason"), [("cancelled_by_customer", "customer_request"), ("pre_existing", "pre_existing")]
)
async def test_a_cancelled_order_says_why_and_when(curie: httpx.AsyncClient, name: str, reason: str) -> None:
    body = await fetch(curie, name)
    assert body["cancelled_reason"] == reason
    assert body["created_at"] < body["cancelled_at"] < "2026-06-30T12:00:00Z"


@pytest.mark.parametrize("name", ["installed", "activated"])
async def test_an_order_has_the_dates_of_what_it_has_reached(curie: httpx.AsyncClient, name: str) -> None:
    body = await fetch(curie, name)
    reached = [body["appointment_at"], body["installed_at"], *([body["activated_at"]] if name == "activated" else [])]
    assert reached == sorted(reached)
    assert (body["activated_at"] is None) == (name == "installed")


@pytest.mark.parametrize(
    ("name", "appointment"),
    [
        ("scheduled", "2026-07-12T09:00:00Z"),
        ("appointment_past", "2026-06-27T09:00:00Z"),
        ("check_reviewed", None),
    ],
)
async def test_an_appointment_lies_ahead_or_behind_or_is_not_known(
    curie: httpx.AsyncClient, name: str, appointment: str | None
) -> None:
    assert (await fetch(curie, name))["appointment_at"] == appointment


@pytest.mark.parametrize("status", get_args(CurieStatus))
async def test_every_status_of_curie_can_be_reached(sim: Simulator, curie: httpx.AsyncClient, status: str) -> None:
    sim.put_order(PLACED, TargetState.model_validate({"status": status}))
    body = (await curie.get(f"/meter-orders/{PLACED}")).json()
    assert body["status"] == status
    assert (body["appointment_at"] is not None) == (status in {"scheduled", "installed", "activated"})
    assert (body["installed_at"] is not None) == (status in {"installed", "activated"})
    assert (body["activated_at"] is not None) == (status == "activated")
    assert (body["cancelled_at"] is not None) == (status == "cancelled")


@pytest.mark.parametrize("status", get_args(EdisonStatus))
async def test_every_status_of_edison_can_be_reached(sim: Simulator, edison: httpx.AsyncClient, status: str) -> None:
    sim.put_order(PLACED, TargetState.model_validate({"status": status}))
    assert (await edison.get(f"/meter-orders/{PLACED}")).json()["status"] == status


@pytest.mark.parametrize("reason", ["check_missing", "grid_operator_registration"])
async def test_a_block_lies_over_the_status_that_the_order_has(
    sim: Simulator, curie: httpx.AsyncClient, reason: str
) -> None:
    sim.put_order(PLACED, TargetState.model_validate({"blocked_reason": reason}))
    body = (await curie.get(f"/meter-orders/{PLACED}")).json()
    assert (body["status"], body["blocked_reason"], body["blocked_at"]) == ("placed", reason, "2026-06-30T12:00:00Z")


async def test_the_same_block_again_keeps_its_date(sim: Simulator, curie: httpx.AsyncClient) -> None:
    order_id = DEMO.orders["blocked_check_missing"]
    before = (await curie.get(f"/meter-orders/{order_id}")).json()
    sim.put_order(order_id, TargetState(blocked_reason="check_missing"))
    assert (await curie.get(f"/meter-orders/{order_id}")).json() == before


async def test_a_block_ends_where_the_next_state_has_none(sim: Simulator, curie: httpx.AsyncClient) -> None:
    order_id = DEMO.orders["blocked_check_missing"]
    sim.put_order(order_id, TargetState(status="placed"))
    assert (await curie.get(f"/meter-orders/{order_id}")).json()["blocked_at"] is None


async def test_an_appointment_can_be_given(sim: Simulator, curie: httpx.AsyncClient) -> None:
    at = datetime(2026, 8, 3, 9, tzinfo=UTC)
    sim.put_order(PLACED, TargetState(status="scheduled", appointment_at=at))
    assert (await curie.get(f"/meter-orders/{PLACED}")).json()["appointment_at"] == "2026-08-03T09:00:00Z"


async def test_an_appointment_of_another_zone_is_shown_in_utc(sim: Simulator, curie: httpx.AsyncClient) -> None:
    sim.put_order(
        PLACED, TargetState.model_validate({"status": "scheduled", "appointment_at": "2026-08-03T09:00+02:00"})
    )
    assert (await curie.get(f"/meter-orders/{PLACED}")).json()["appointment_at"] == "2026-08-03T07:00:00Z"


@pytest.mark.parametrize("reason", ["customer_request", "pre_existing"])
async def test_a_cancellation_has_its_reason(sim: Simulator, curie: httpx.AsyncClient, reason: str) -> None:
    sim.put_order(PLACED, TargetState.model_validate({"status": "cancelled", "cancelled_reason": reason}))
    assert (await curie.get(f"/meter-orders/{PLACED}")).json()["cancelled_reason"] == reason


def test_putting_an_order_adds_the_events_that_follow(sim: Simulator) -> None:
    known = len(sim.world.events)
    sim.put_order(PLACED, TargetState(status="check_reviewed", blocked_reason="grid_operator_registration"))
    sim.put_order(PLACED, TargetState(status="blocked"))
    shown = list(sim.world.events.values())[known:]
    assert [event.topic for event in shown] == ["meter_order.check_reviewed", "meter_order.blocked"]


def test_an_unknown_order_cannot_be_put_into_a_state(sim: Simulator) -> None:
    with pytest.raises(KeyError):
        sim.put_order("prdo_unknown", TargetState(status="placed"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "name the state"),
        ({"status": "blocked", "blocked_reason": "check_missing"}, "leave out 'blocked_reason'"),
        ({"status": "placed", "cancelled_reason": "pre_existing"}, "belongs to the status 'cancelled'"),
        ({"status": "on_its_way"}, "Input should be"),
        ({"status": "scheduled", "appointment_at": "2026-08-03T09:00:00"}, "timezone"),
        ({"status": "scheduled", "appointment_at": "0001-01-01T00:00:00+14:00"}, "from 1900 to 9000"),
        ({"status": "scheduled", "appointment_at": "9999-12-31T23:59:59-14:00"}, "from 1900 to 9000"),
    ],
)
def test_a_state_that_makes_no_sense_is_refused_with_the_reason(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TargetState.model_validate(fields)
