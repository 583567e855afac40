"""What is told of two looks at an order: every kind of change, both vocabularies, and nothing that is not known."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from nomos_mcp.history.changes import Change, OrderLook, changes_between
from nomos_mcp.lifecycle import EDISON
from tests.databases import Clock
from tests.history.looks import CREATED, ago, look

BLOCKED = {"blocked_reason": "check_missing"}


def told(changes: list[Change]) -> list[tuple[str, str, str]]:
    return [(change.kind, change.before, change.after) for change in changes]


def after(clock: Clock, before: OrderLook, status: str = "", **said: Any) -> list[Change]:
    """What a look a day later tells."""
    clock.advance(days=1)
    now = look(clock, status or before.status, api_version=before.api_version, **said)
    return changes_between(before, now, not_before=before.seen_at)


def edison(clock: Clock, status: str) -> OrderLook:
    return look(clock, status, api_version=EDISON)


def test_a_status_without_a_time_changed_between_two_looks(clock: Clock) -> None:
    before = look(clock, "placed")
    [change] = after(clock, before, "check_submitted")
    assert told([change]) == [("status", "placed", "check_submitted")]
    assert change.of_status
    assert change.happened_at is None
    assert (change.not_before, change.seen_at) == (before.seen_at, clock.now)
    assert (change.earliest, change.latest) == (before.seen_at, clock.now)


@pytest.mark.parametrize(
    ("status", "kind", "said", "words"),
    [
        ("installed", "status", {}, "installed"),
        ("activated", "activated", {}, "activated"),
        ("cancelled", "cancelled", {"cancelled_reason": "pre_existing"}, "cancelled: pre_existing"),
    ],
)
def test_a_status_with_a_time_changed_then(
    status: str, kind: str, said: dict[str, str], words: str, clock: Clock
) -> None:
    happened = clock.now + timedelta(hours=3)
    [change] = after(clock, look(clock, "scheduled"), status, **{f"{status}_at": happened}, **said)
    assert told([change]) == [(kind, "scheduled", words)]
    assert (change.happened_at, change.not_before) == (happened, None)
    assert change.earliest == change.latest == happened


def test_a_time_that_no_calendar_shows_dates_nothing(clock: Clock) -> None:
    placeholder = datetime.fromisoformat("0001-01-01T00:00:00Z")
    before = look(clock, "placed")
    [change] = after(clock, before, "placed", blocked_at=placeholder, **BLOCKED)
    assert (change.happened_at, change.not_before) == (None, before.seen_at)
    assert changes_between(None, look(clock, created_at=placeholder), not_before=None) == []


def test_two_steps_between_two_looks_are_both_told_if_the_order_dates_them(clock: Clock) -> None:
    first, second = clock.now + timedelta(hours=1), clock.now + timedelta(hours=2)
    changes = after(clock, look(clock, "scheduled"), "activated", installed_at=first, activated_at=second)
    assert told(changes) == [("status", "scheduled", "installed"), ("activated", "installed", "activated")]
    assert [change.happened_at for change in changes] == [first, second]


def test_a_step_that_was_told_is_not_told_again(clock: Clock) -> None:
    installed = ago(clock, days=1)
    before = look(clock, "installed", installed_at=installed)
    changes = after(clock, before, "activated", installed_at=installed, activated_at=clock.now)
    assert told(changes) == [("activated", "installed", "activated")]


def test_times_of_later_steps_than_the_status_contradict_it_and_tell_nothing(clock: Clock) -> None:
    said = {"installed_at": ago(clock, days=1)}
    assert told(changes_between(None, look(clock, "scheduled", **said), not_before=None)) == [
        ("created", "", "created")
    ]
    before = look(clock, "placed")
    assert told(after(clock, before, "scheduled", **said)) == [("status", "placed", "scheduled")]


def test_a_time_in_the_future_is_not_when_it_happened(clock: Clock) -> None:
    before = look(clock, "installed")
    [change] = after(clock, before, "activated", activated_at=clock.now + timedelta(days=30))
    assert (change.happened_at, change.not_before) == (None, before.seen_at)


def test_a_clock_that_is_a_little_ahead_is_believed(clock: Clock) -> None:
    ahead = clock.now + timedelta(days=1, minutes=4)
    [change] = after(clock, look(clock, "installed"), "activated", activated_at=ahead)
    assert change.happened_at == ahead


def test_an_order_is_blocked_and_unblocked(clock: Clock) -> None:
    blocked_at = clock.now + timedelta(hours=1)
    before = look(clock, "placed")
    [change] = after(clock, before, blocked_at=blocked_at, **BLOCKED)
    assert told([change]) == [("blocked", "placed", "blocked: check_missing")]
    assert (change.happened_at, change.of_status) == (blocked_at, False)
    before = look(clock, "placed", blocked_at=blocked_at, **BLOCKED)
    [change] = after(clock, before)
    assert told([change]) == [("unblocked", "blocked: check_missing", "placed")]
    assert (change.happened_at, change.not_before) == (None, before.seen_at)


@pytest.mark.parametrize("hours", [0, 1, 24])
def test_a_block_that_came_with_another_status_is_told_to_have_come_after_neither(hours: int, clock: Clock) -> None:
    before, blocked_at = look(clock, "created"), clock.now + timedelta(hours=hours)
    clock.advance(days=1)
    changes = changes_between(
        before, look(clock, "placed", blocked_at=blocked_at, **BLOCKED), not_before=before.seen_at
    )
    assert set(told(changes)) == {("blocked", "", "blocked: check_missing"), ("status", "created", "placed")}


def test_an_order_that_goes_on_when_it_is_unblocked_did_both(clock: Clock) -> None:
    changes = after(clock, look(clock, "placed", blocked_at=clock.now, **BLOCKED), "check_submitted")
    assert told(changes) == [
        ("status", "placed", "check_submitted"),
        ("unblocked", "blocked: check_missing", "check_submitted"),
    ]


def test_a_second_block_between_two_looks_is_told(clock: Clock) -> None:
    again = clock.now + timedelta(hours=5)
    [change] = after(clock, look(clock, "placed", blocked_at=clock.now, **BLOCKED), blocked_at=again, **BLOCKED)
    assert told([change]) == [("blocked", "blocked: check_missing", "blocked: check_missing")]
    assert change.happened_at == again


@pytest.mark.parametrize("moved", [None, timedelta(hours=-1)])
def test_a_time_of_a_block_that_is_corrected_is_no_second_block(moved: timedelta | None, clock: Clock) -> None:
    begin = clock.now - timedelta(hours=1)
    before = look(clock, "placed", blocked_at=begin if moved else None, **BLOCKED)
    assert after(clock, before, blocked_at=begin + moved if moved else begin, **BLOCKED) == []


def test_another_reason_for_the_same_block_came_at_a_time_that_nobody_tells(clock: Clock) -> None:
    begin = ago(clock, days=3)
    before = look(clock, "placed", blocked_at=begin, **BLOCKED)
    [change] = after(clock, before, blocked_at=begin, blocked_reason="grid_operator_registration")
    assert told([change]) == [("blocked", "blocked: check_missing", "blocked: grid_operator_registration")]
    assert (change.happened_at, change.not_before) == (None, before.seen_at)


def test_a_blocked_order_that_is_cancelled_was_not_unblocked(clock: Clock) -> None:
    before = look(clock, "placed", blocked_at=clock.now, **BLOCKED)
    changes = after(clock, before, "cancelled", cancelled_at=clock.now, cancelled_reason="customer_request")
    assert told(changes) == [("cancelled", "placed", "cancelled: customer_request")]


def test_an_appointment_is_made_moved_and_taken_back(clock: Clock) -> None:
    first, second = clock.now + timedelta(days=9), clock.now + timedelta(days=12)
    none, made, moved = (look(clock, "scheduled", appointment_at=at) for at in (None, first, second))
    words = ["no appointment", "appointment 2026-06-24T10:00Z", "appointment 2026-06-27T10:00Z"]
    assert told(after(clock, none, appointment_at=first)) == [("appointment", words[0], words[1])]
    assert told(after(clock, made, appointment_at=second)) == [("appointment", words[1], words[2])]
    assert told(after(clock, moved)) == [("appointment", words[2], words[0])]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("waiting", "ordered", "status"),
        ("ordered", "blocked", "blocked"),
        ("blocked", "blocked_wim", "blocked"),
        ("blocked_wim", "installation_scheduled", "unblocked"),
        ("blocked", "cancelled", "cancelled"),
        ("blocked_wim", "activated", "activated"),
        ("installation_finished", "activated", "activated"),
        ("ordered", "something_new", "status"),
    ],
)
def test_in_edison_every_change_is_one_of_status(before: str, now: str, expected: str, clock: Clock) -> None:
    [change] = after(clock, edison(clock, before), now)
    assert told([change]) == [(expected, before, now)]
    assert change.of_status
    assert change.happened_at is None


def test_of_an_order_that_is_seen_first_only_what_it_dates_itself_is_told(clock: Clock) -> None:
    installed, blocked = ago(clock, days=9), ago(clock, days=2)
    said = {"installed_at": installed, "blocked_at": blocked, "blocked_reason": "grid_operator_registration"}
    changes = changes_between(None, look(clock, "installed", **said), not_before=None)
    assert told(changes) == [
        ("created", "", "created"),
        ("status", "", "installed"),
        ("blocked", "", "blocked: grid_operator_registration"),
    ]
    assert [change.happened_at for change in changes] == [CREATED, installed, blocked]
    placed = changes_between(None, look(clock, "placed", appointment_at=clock.now), not_before=None)
    assert told(placed) == [("created", "", "created")]


@pytest.mark.parametrize("status", ["created", "waiting"])
def test_an_order_that_was_created_while_somebody_watched_begins_with_its_first_status(
    status: str, clock: Clock
) -> None:
    version = EDISON if status == "waiting" else "2026-05-27.curie"
    first = look(clock, status, api_version=version)
    assert told(changes_between(None, first, not_before=None, watched_since=CREATED)) == [("created", "", "created")]


def test_an_interest_is_recorded_and_no_order_is_created(clock: Clock) -> None:
    interest = edison(clock, "intended")
    for watched_since in (None, CREATED):
        [change] = changes_between(None, interest, not_before=None, watched_since=watched_since)
        assert (told([change]), change.happened_at) == ([("created", "", "intended")], CREATED)
    assert told(after(clock, interest, "waiting")) == [("status", "intended", "waiting")]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"status": "placed"}, [("status", "", "placed")]),
        ({"status": "placed", **BLOCKED}, [("status", "", "placed"), ("blocked", "", "blocked: check_missing")]),
        ({"status": "blocked", "api_version": EDISON}, [("blocked", "", "blocked")]),
        ({"status": "created", **BLOCKED}, [("blocked", "", "blocked: check_missing")]),
    ],
)
def test_what_an_order_became_since_it_was_created_while_somebody_watched_is_told(
    said: dict[str, str], expected: list[tuple[str, str, str]], clock: Clock
) -> None:
    created, *changes = changes_between(None, look(clock, **said), not_before=None, watched_since=CREATED)
    assert (created.kind, created.happened_at) == ("created", CREATED)
    assert told(changes) == expected
    assert {(change.happened_at, change.not_before) for change in changes} == {(None, CREATED)}


def test_a_new_order_whose_creation_cannot_be_read_is_told_all_the_same(clock: Clock) -> None:
    changes = changes_between(
        None, look(clock, "placed", created_at=None), not_before=None, watched_since=ago(clock, days=9)
    )
    assert told(changes) == [("created", "", "created"), ("status", "", "placed")]
    assert {(change.happened_at, change.not_before) for change in changes} == {(None, None)}
    assert changes_between(None, look(clock, "placed", created_at=None), not_before=None) == []


def test_another_api_version_tells_only_what_it_dates_and_was_not_known(clock: Clock) -> None:
    before = edison(clock, "installation_scheduled")
    clock.advance(days=1)
    installed = ago(clock, hours=1)
    now = look(clock, "installed", installed_at=installed)
    changes = changes_between(before, now, not_before=before.seen_at)
    assert told(changes) == [("status", "", "installed")]
    assert changes_between(now, edison(clock, "installed"), not_before=now.seen_at) == []


def test_another_api_version_tells_no_status_again(clock: Clock) -> None:
    before = edison(clock, "activated")
    now = look(clock, "activated", activated_at=clock.now + timedelta(minutes=2), created_at=clock.now)
    assert changes_between(before, now, not_before=before.seen_at) == []


def test_times_that_the_order_itself_states_order_what_is_told(clock: Clock) -> None:
    changes = after(
        clock,
        look(clock, "scheduled"),
        "installed",
        installed_at=datetime.fromisoformat("2026-06-15T12:00:00Z"),
        blocked_at=datetime.fromisoformat("2026-06-15T11:00:00Z"),
        blocked_reason="grid_operator_registration",
    )
    assert [change.kind for change in changes] == ["blocked", "status"]
