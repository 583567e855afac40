"""One order in one line."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from nomos_mcp.lifecycle import OrderState, summarise

Make = Callable[..., OrderState]


@pytest.mark.parametrize(
    ("status", "fields", "line"),
    [
        ("placed", {}, "placed; waiting on the customer"),
        (
            "placed",
            {"blocked_reason": "check_missing", "blocked_at": 8},
            "placed, blocked: check_missing since 12 Nov 2026; waiting on the customer",
        ),
        (
            "placed",
            {"blocked_reason": "grid_operator_registration"},
            "placed, blocked: grid_operator_registration; waiting on the grid operator; anomalies: 1",
        ),
        (
            "placed",
            {"blocked_at": 8},
            "placed, blocked: no reason given since 12 Nov 2026; who must act is unknown; anomalies: 1",
        ),
        (
            "scheduled",
            {"appointment_at": -3},
            "scheduled for 23 Nov 2026, 10:30 CET; waiting on the installation partner",
        ),
        (
            "scheduled",
            {"appointment_at": 3},
            (
                "scheduled, appointment 17 Nov 2026, 10:30 CET has passed; waiting on the installation partner; "
                "anomalies: 1"
            ),
        ),
        ("installed", {"installed_at": 5}, "installed since 15 Nov 2026; waiting on the installation partner"),
        ("activated", {"activated_at": 5}, "activated since 15 Nov 2026"),
        ("cancelled", {"cancelled_at": 5, "cancelled_reason": "pre_existing"}, "cancelled: pre_existing"),
        ("cancelled", {"cancelled_at": 5}, "cancelled; anomalies: 1"),
        (
            "check_submitted",
            {"created_at": 60},
            (
                "check_submitted; waiting on the installation partner; "
                "ordered 60 days ago, past the target of about eight weeks"
            ),
        ),
        ("teleported", {}, "teleported; who must act is unknown"),
    ],
)
def test_a_line_says_what_matters(
    status: str, fields: dict[str, Any], line: str, curie: Make, now: datetime, days_ago: Callable[[float], datetime]
) -> None:
    dated = {name: days_ago(value) if isinstance(value, int) else value for name, value in fields.items()}
    assert summarise(curie(status, **dated), now=now) == line


def test_a_line_about_edison_names_the_blocked_status_itself(edison: Make, now: datetime) -> None:
    assert summarise(edison("blocked"), now=now) == "blocked; waiting on Nomos"
    assert summarise(edison("blocked_wim"), now=now) == "blocked_wim; waiting on the grid operator"
