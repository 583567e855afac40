"""What is said about time: from times that the order carries, and with the one target that is published."""

from collections.abc import Callable
from datetime import datetime

import pytest

from nomos_mcp.lifecycle import Explanation, OrderState

Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]
DaysAgo = Callable[[float], datetime]


def test_the_age_of_an_order_counts_from_its_creation(curie: Make, explained: Explain) -> None:
    assert explained(curie("placed")).timing == (
        "Ordered 10 Nov 2026 (10 days ago). Target from order to installation: about eight weeks."
    )


def test_an_order_of_exactly_eight_weeks_is_not_past_the_target(
    curie: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    assert "Past" not in (explained(curie("placed", created_at=days_ago(56))).timing or "")


def test_an_order_older_than_eight_weeks_is_said_to_be_past_the_target(
    curie: Make, edison: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    for order in (curie("placed", created_at=days_ago(57)), edison("blocked", created_at=days_ago(57))):
        explanation = explained(order)
        assert "(57 days ago). Past the target of about eight weeks." in (explanation.timing or "")
        assert "support@nomos.energy" in (explanation.escalation or "")


def test_a_customer_who_waits_for_others_past_the_target_gets_an_apology(
    curie: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    assert "We are sorry" in explained(curie("check_submitted", created_at=days_ago(57))).customer_message


def test_a_customer_whose_own_step_is_missing_gets_none(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    order = curie("placed", created_at=days_ago(57), blocked_reason="check_missing")
    assert "sorry" not in explained(order).customer_message


def test_after_the_installation_no_target_is_published_and_none_can_be_passed(
    curie: Make, edison: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    installed = curie("installed", created_at=days_ago(90), installed_at=days_ago(60))
    assert explained(installed).timing == (
        "Installed 21 Sep 2026 (60 days ago). No target is published from installation to activation."
    )
    finished = edison("installation_finished", created_at=days_ago(90))
    assert explained(finished).timing == "No target is published from installation to activation."


def test_an_order_that_carries_an_installation_is_not_past_the_target_whatever_its_status(
    curie: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    order = curie("scheduled", created_at=days_ago(90), installed_at=days_ago(60))
    assert "Past" not in (explained(order).timing or "")


def test_an_appointment_ahead_replaces_the_target(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    assert explained(curie("scheduled", appointment_at=days_ago(-1))).timing == (
        "Appointment 21 Nov 2026, 10:30 CET (in 1 day). Ordered 10 Nov 2026 (10 days ago)."
    )


def test_while_an_order_is_blocked_the_target_is_not_held_out(curie: Make, edison: Make, explained: Explain) -> None:
    for order in (curie("placed", blocked_reason="check_missing"), edison("blocked")):
        assert explained(order).timing == "Ordered 10 Nov 2026 (10 days ago)."


def test_an_appointment_ahead_does_not_hide_that_the_target_has_passed(
    curie: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    order = curie("scheduled", appointment_at=days_ago(-1), created_at=days_ago(57))
    assert "Past the target" in (explained(order).timing or "")


@pytest.mark.parametrize(
    ("fields", "timing"),
    [
        ({"activated_at": 2}, "Active since 18 Nov 2026 (2 days ago)."),
        ({}, None),
    ],
)
def test_an_active_order_tells_since_when_if_it_says_so(
    fields: dict[str, int], timing: str | None, curie: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    order = curie("activated", **{name: days_ago(days) for name, days in fields.items()})
    assert explained(order).timing == timing


def test_a_cancelled_order_tells_when_it_was_cancelled(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    assert explained(curie("cancelled", cancelled_at=days_ago(0.5))).timing == "Cancelled 19 Nov 2026 (1 day ago)."


def test_no_time_runs_before_there_is_an_order(edison: Make, explained: Explain, days_ago: DaysAgo) -> None:
    explanation = explained(edison("intended", created_at=days_ago(90)))
    assert explanation.timing == "No order has been placed, so no time is running."


def test_without_a_readable_creation_only_the_target_is_told(curie: Make, explained: Explain) -> None:
    order = curie("placed", created_at=None, unreadable={"created_at": "soon"})
    assert explained(order).timing == "Target from order to installation: about eight weeks."


def test_a_block_is_counted_from_its_own_time(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    blocked = explained(curie("placed", blocked_reason="check_missing", blocked_at=days_ago(4.9))).blocked
    assert blocked is not None
    assert blocked.since == "15 Nov 2026, 12:54 CET (5 days ago)"


def test_a_block_without_a_time_has_no_since(curie: Make, explained: Explain) -> None:
    blocked = explained(curie("placed", blocked_reason="check_missing")).blocked
    assert blocked is not None
    assert blocked.since is None


@pytest.mark.parametrize(
    ("utc", "berlin"),
    [
        ("2026-03-29T00:59:00+00:00", "29 Mar 2026, 01:59 CET"),
        ("2026-03-29T01:00:00+00:00", "29 Mar 2026, 03:00 CEST"),
        ("2026-10-25T00:30:00+00:00", "25 Oct 2026, 02:30 CEST"),
        ("2026-10-25T01:30:00+00:00", "25 Oct 2026, 02:30 CET"),
        ("2026-12-31T23:30:00+00:00", "1 Jan 2027, 00:30 CET"),
    ],
)
def test_times_are_berlin_times_with_their_zone_across_the_change_of_clocks(
    utc: str, berlin: str, curie: Make, explained: Explain
) -> None:
    blocked = explained(curie("placed", blocked_reason="check_missing", blocked_at=datetime.fromisoformat(utc))).blocked
    assert blocked is not None
    assert (blocked.since or "").startswith(berlin)
