"""How long steps took: the estimate against a published one, and what counts as a case."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from nomos_mcp.history.changes import Change, OrderLook, changes_between
from nomos_mcp.history.durations import DurationsOf, StepDurations, kaplan_meier, percentile
from nomos_mcp.lifecycle import CURIE, EDISON
from tests.conftest import NOW

DAY = timedelta(days=1)
START = NOW - 60 * DAY
PLACED = OrderLook(
    order_id="prdo_1",
    subscription_id="sub_1",
    customer_id="cus_1",
    api_version=CURIE,
    status="placed",
    created_at=START,
    seen_at=START + 2 * DAY,
    seen_by="poll",
)


def test_the_estimate_is_that_of_freireich_and_others_for_6_mp() -> None:
    """Weeks of remission under 6-MP in 21 patients (Blood 21, 1963), as textbooks work them out."""
    relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    weeks = [(timedelta(weeks=each), True) for each in relapsed] + [(timedelta(weeks=each), False) for each in censored]
    curve = kaplan_meier(weeks)
    assert [moment.days // 7 for moment, _ in curve] == [6, 7, 10, 13, 16, 22, 23]
    assert [round(share, 3) for _, share in curve] == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert percentile(curve, 0.5) == timedelta(weeks=23)
    assert percentile(curve, 0.9) is None


def test_without_waiting_cases_the_percentiles_are_those_of_a_list() -> None:
    curve = kaplan_meier((day * DAY, True) for day in range(1, 11))
    assert [percentile(curve, share) for share in (0.1, 0.5, 0.9)] == [DAY, 5 * DAY, 9 * DAY]
    assert percentile(kaplan_meier([]), 0.5) is None


def _found(
    *looks: OrderLook, last_seen: datetime = NOW, watched_since: datetime | None = None
) -> dict[str, StepDurations]:
    told: list[Change] = []
    before: OrderLook | None = None
    for look in looks:
        not_before = before.seen_at if before else None
        told += changes_between(before, look, not_before=not_before, watched_since=watched_since)
        before = look
    assert before
    found = DurationsOf()
    found.add(before, sorted(told, key=lambda change: change.latest), last_seen)
    return {each.step: each for each in found.steps()}


def _seen(days: float, **said: Any) -> OrderLook:
    return replace(PLACED, seen_at=START + days * DAY, **said)


def _counts(found: StepDurations) -> tuple[int, int, int, int]:
    return found.finished, found.waiting, found.cancelled, found.left_out


def test_a_step_lasts_from_the_middle_between_two_looks_to_the_middle_between_two_others() -> None:
    created = _seen(1, status="created")
    found = _found(created, _seen(5), _seen(13, status="check_submitted"), _seen(15, status="check_reviewed"))
    assert _counts(found["created"]) == (1, 0, 0, 0)
    assert found["created"].median == 3 * DAY
    assert found["placed"].median == 6 * DAY
    assert found["check_submitted"].median == 5 * DAY
    assert _counts(found["check_reviewed"]) == (0, 1, 0, 0)


def test_a_time_that_the_order_dates_goes_before_the_looks() -> None:
    installed = {"status": "installed", "installed_at": START + 20 * DAY}
    activated = {**installed, "status": "activated", "activated_at": START + 27 * DAY}
    found = _found(_seen(10, status="scheduled"), _seen(23, **installed), _seen(30, **activated))
    assert found["installed"].median == 7 * DAY
    assert "activated" not in found


def test_two_steps_between_two_looks_are_both_counted() -> None:
    ends = {"status": "activated", "installed_at": START + 20 * DAY, "activated_at": START + 24 * DAY}
    found = _found(_seen(1, status="created"), _seen(9, status="scheduled"), _seen(30, **ends))
    assert found["scheduled"].median == 15 * DAY
    assert found["installed"].median == 4 * DAY


def test_a_step_that_began_before_the_first_look_is_left_out_and_counted() -> None:
    found = _found(PLACED, _seen(9, status="check_submitted"))
    assert _counts(found["placed"]) == (0, 0, 0, 1)
    assert _counts(found["created"]) == (0, 0, 0, 1)
    assert _counts(_found(PLACED)["placed"]) == (0, 0, 0, 1)


def test_an_order_that_was_created_while_somebody_watched_began_its_step_in_between() -> None:
    found = _found(PLACED, _seen(9, status="check_submitted"), watched_since=START - DAY)
    assert found["created"].median == DAY
    assert found["placed"].median == 4.5 * DAY


def test_what_still_waits_has_lasted_until_it_was_last_seen() -> None:
    found = _found(_seen(0, status="created"), _seen(2), last_seen=START + 40 * DAY)
    assert _counts(found["placed"]) == (0, 1, 0, 0)
    assert found["placed"].median is None


def test_a_cancelled_order_did_not_finish_its_step() -> None:
    cancelled = {"status": "cancelled", "cancelled_at": START + 5 * DAY, "cancelled_reason": "customer_request"}
    found = _found(_seen(0, status="created"), _seen(2), _seen(6, **cancelled))
    assert _counts(found["placed"]) == (0, 0, 1, 0)
    assert "cancelled" not in found


def test_a_block_is_a_case_of_its_own() -> None:
    blocked = {"blocked_reason": "check_missing", "blocked_at": START + 3 * DAY}
    again = {"blocked_reason": "check_missing", "blocked_at": START + 15 * DAY}
    found = _found(_seen(0, status="created"), _seen(2), _seen(4, **blocked), _seen(8), _seen(16, **again))
    assert _counts(found["blocked: check_missing"]) == (1, 1, 0, 0)
    assert found["blocked: check_missing"].median == 3 * DAY
    assert found["blocked: check_missing"].orders == 1
    assert _counts(found["placed"]) == (0, 1, 0, 0)


def test_a_block_that_another_one_followed_ended_at_an_unknown_time() -> None:
    blocked = {"blocked_reason": "check_missing", "blocked_at": START + 3 * DAY}
    other = {"blocked_reason": "grid_operator_registration", "blocked_at": START + 5 * DAY}
    found = _found(_seen(2), _seen(4, **blocked), _seen(6, **other))
    assert _counts(found["blocked: check_missing"]) == (0, 0, 0, 1)
    assert _counts(found["blocked: grid_operator_registration"]) == (0, 1, 0, 0)


def test_a_block_of_a_cancelled_order_did_not_finish() -> None:
    blocked = {"blocked_reason": "check_missing", "blocked_at": START + 3 * DAY}
    found = _found(_seen(2), _seen(4, **blocked), _seen(6, status="cancelled", cancelled_at=START + 5 * DAY))
    assert _counts(found["blocked: check_missing"]) == (0, 0, 1, 0)


def test_a_block_of_an_order_that_was_activated_is_one_case() -> None:
    blocked = {"blocked_reason": "check_missing", "blocked_at": START + 3 * DAY}
    found = _found(_seen(2), _seen(4, **blocked), _seen(9, status="activated", activated_at=START + 8 * DAY))
    assert found["blocked: check_missing"].finished + found["blocked: check_missing"].left_out == 1


def test_a_block_in_edison_is_a_status() -> None:
    found = _found(
        _seen(0, api_version=EDISON, status="waiting"),
        _seen(2, api_version=EDISON, status="blocked"),
        _seen(6, api_version=EDISON, status="waiting"),
        _seen(8, api_version=EDISON, status="ordered"),
    )
    assert found["blocked"].median == 3 * DAY
    assert _counts(found["waiting"]) == (2, 0, 0, 0)


def test_a_step_that_was_seen_in_two_vocabularies_is_left_out_of_both() -> None:
    found = _found(_seen(0, status="created"), _seen(2), _seen(4, api_version=EDISON, status="ordered"))
    assert _counts(found["placed"]) == (0, 0, 0, 1)
    assert _counts(found["ordered"]) == (0, 0, 0, 1)


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    installed = {"status": "installed", "installed_at": START + 20 * DAY}
    found = _found(_seen(19, status="scheduled"), _seen(20, **installed), last_seen=START)
    assert _counts(found["installed"]) == (0, 1, 0, 0)
    assert found["installed"].median is None


@pytest.mark.parametrize("status", ["a new one", "created: odd", ""])
def test_an_odd_status_is_a_step_like_any_other(status: str) -> None:
    found = _found(_seen(0, status="created"), _seen(2, status=status), _seen(4))
    assert found["created"].median == DAY
    assert found[status].median == 2 * DAY
