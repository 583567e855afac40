"""One order in one line."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from nomos_mcp.lifecycle import OrderState, explain, summarise, summary_of
from tests.lifecycle.order_states import NOW, STATES, Row

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
            "placed, blocked: grid_operator_registration; waiting on the grid operator; odd: block without time",
        ),
        (
            "placed",
            {"blocked_at": 8},
            "placed, blocked: no reason given since 12 Nov 2026; who must act is unknown; odd: block without reason",
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
                "scheduled, appointment 17 Nov 2026, 10:30 CET has passed; who must act is unknown; "
                "odd: appointment has passed"
            ),
        ),
        ("installed", {"installed_at": 5}, "installed since 15 Nov 2026; waiting on the installation partner"),
        ("activated", {"activated_at": 5}, "activated since 15 Nov 2026"),
        ("cancelled", {"cancelled_at": 5, "cancelled_reason": "pre_existing"}, "cancelled: pre_existing"),
        ("cancelled", {"cancelled_at": 5}, "cancelled; odd: cancelled without reason"),
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


@pytest.mark.parametrize("row", STATES, ids=lambda row: row.says)
def test_a_list_says_of_every_order_what_its_explanation_says(row: Row) -> None:
    said, explained = summary_of(row.state, now=NOW), explain(row.state, now=NOW)
    assert (said.waiting_on, said.confidence) == (explained.waiting_on, explained.confidence)
    assert bool(said.anomalies) is bool(explained.anomalies)
    assert said.text in summarise(row.state, now=NOW)
    assert not said.text.startswith(row.status)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("status", "fields", "text"),
    [
        ("placed", {}, {"en": "", "de": ""}),
        (
            "placed",
            {"blocked_reason": "check_missing", "blocked_at": 8},
            {
                "en": "blocked: check_missing since 12 Nov 2026",
                "de": "angehalten: check_missing seit 12.11.2026",
            },
        ),
        (
            "scheduled",
            {"appointment_at": -3},
            {"en": "for 23 Nov 2026, 10:30 CET", "de": "für 23.11.2026, 10:30 Uhr MEZ"},
        ),
        ("cancelled", {"cancelled_reason": "pre_existing"}, {"en": "pre_existing", "de": "pre_existing"}),
    ],
)
def test_the_text_of_a_summary_leaves_the_status_out(
    status: str,
    fields: dict[str, Any],
    text: dict[str, str],
    language: str,
    curie: Make,
    now: datetime,
    days_ago: Callable[[float], datetime],
) -> None:
    dated = {name: days_ago(value) if isinstance(value, int) else value for name, value in fields.items()}
    assert summary_of(curie(status, **dated), now=now, language=language).text == text[language]


@pytest.mark.parametrize(
    ("status", "fields", "overdue"),
    [
        ("placed", {"created_at": 56}, False),
        ("placed", {"created_at": 57}, True),
        ("placed", {"created_at": 57, "blocked_reason": "check_missing"}, True),
        ("installed", {"created_at": 90}, False),
        ("activated", {"created_at": 90}, False),
        ("cancelled", {"created_at": 90}, False),
        ("placed", {"created_at": 90, "installed_at": 3}, False),
        ("placed", {"created_at": None}, None),
        ("teleported", {"created_at": 56}, False),
        ("teleported", {"created_at": 57}, None),
        ("teleported", {"created_at": 90, "installed_at": 3}, False),
        ("teleported", {"created_at": 90, "cancelled_at": 3}, False),
    ],
)
def test_overdue_is_past_the_target_and_not_installed_or_not_known(
    *,
    status: str,
    fields: dict[str, Any],
    overdue: bool | None,
    curie: Make,
    now: datetime,
    days_ago: Callable[[float], datetime],
) -> None:
    dated = {name: days_ago(value) if isinstance(value, int) else value for name, value in fields.items()}
    assert summary_of(curie(status, **dated), now=now).overdue is overdue


def test_an_appointment_that_has_passed_is_told_apart_from_what_else_is_odd(
    curie: Make, now: datetime, days_ago: Callable[[float], datetime]
) -> None:
    passed = summary_of(curie("scheduled", appointment_at=days_ago(3)), now=now)
    ahead = summary_of(curie("scheduled", appointment_at=days_ago(-3)), now=now)
    assert passed.anomalies == [passed.appointment_passed] == ["appointment has passed"]
    assert (ahead.anomalies, ahead.appointment_passed) == ([], None)
