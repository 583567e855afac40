"""One order, told in curie's words and in edison's."""

from typing import Any

import httpx
import pytest

from nomos_mcp.simulator import DEMO


async def fetch(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """Get a named order, or fail."""
    answer = await client.get(f"/meter-orders/{DEMO.orders[name]}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("name", "told"),
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
async def test_each_version_tells_what_it_has_a_word_for(
    curie: httpx.AsyncClient, edison: httpx.AsyncClient, name: str, told: tuple[str, str | None, str]
) -> None:
    """Curie's status and block, then edison's status."""
    new, old = await fetch(curie, name), await fetch(edison, name)
    assert (new["status"], new["blocked_reason"], old["status"]) == told


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
async def test_what_was_reached_keeps_its_date(curie: httpx.AsyncClient, name: str) -> None:
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
