"""Times in words: days of Berlin's calendar, nothing invented, and only the one published target."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nomos_mcp.lifecycle import CURIE, LANGUAGES, Audience, Explanation, OrderState, explain, summarise
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.order_state import age, days_since

EN, DE = "en", "de"
each_language = pytest.mark.parametrize("language", LANGUAGES)
each_audience = pytest.mark.parametrize("audience", ["agent", "customer"])
STATUSES_WITH_TIMES = ["created", "scheduled", "installed", "activated", "cancelled", "teleported"]
TIMES = ["created_at", "installed_at", "activated_at", "cancelled_at", "blocked_at", "appointment_at"]
NO_DATES = [
    datetime(9999, 12, 31, 23, 30, tzinfo=UTC),
    datetime(9999, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    date(9999, 12, 31),
    date(1, 1, 1),
]


def at(utc: str) -> datetime:
    return datetime.fromisoformat(utc + "+00:00")


def order(status: str = "placed", **fields: Any) -> OrderState:
    return OrderState(api_version=CURIE, status=status, **fields)


def timing(state: OrderState, now: datetime, language: str = EN) -> str:
    return explain(state, now=now, language=language).timing or ""


@pytest.mark.parametrize(
    ("created", "now", "age", "alter"),
    [
        ("2026-11-21T22:00", "2026-12-03T08:00", "12 days ago", "vor 12 Tagen"),
        ("2026-11-21T22:59", "2026-11-21T23:00", "1 day ago", "vor 1 Tag"),  # midnight in Berlin
        ("2026-11-21T23:00", "2026-11-22T22:59", "today", "heute"),
        ("2026-03-28T22:59", "2026-03-29T21:59", "1 day ago", "vor 1 Tag"),  # a day of 23 hours
        ("2026-03-28T23:00", "2026-03-29T21:59", "today", "heute"),
        ("2026-03-28T23:00", "2026-03-29T22:00", "1 day ago", "vor 1 Tag"),
        ("2026-10-24T22:00", "2026-10-25T22:59", "today", "heute"),  # a day of 25 hours
        ("2026-10-24T21:59", "2026-10-25T22:59", "1 day ago", "vor 1 Tag"),
        ("2026-10-24T22:00", "2026-10-25T23:00", "1 day ago", "vor 1 Tag"),
        ("2026-02-28T12:00", "2026-03-01T06:00", "1 day ago", "vor 1 Tag"),
        ("2028-02-28T12:00", "2028-03-01T06:00", "2 days ago", "vor 2 Tagen"),  # a leap year
        ("2026-12-31T22:59", "2026-12-31T23:00", "1 day ago", "vor 1 Tag"),
    ],
)
def test_an_age_counts_the_days_of_berlins_calendar(created: str, now: str, age: str, alter: str) -> None:
    state = order(created_at=at(created))
    assert f"({age})" in timing(state, at(now), EN)
    assert f"({alter})" in timing(state, at(now), DE)


@pytest.mark.parametrize(
    ("appointment", "now", "left", "rest"),
    [
        ("2026-12-03T08:00", "2026-11-21T22:00", "in 12 days", "in 12 Tagen"),
        ("2026-11-21T23:00", "2026-11-21T22:59", "in 1 day", "in 1 Tag"),
        ("2026-11-21T22:59", "2026-11-21T08:00", "today", "heute"),
        ("2026-03-29T21:59", "2026-03-28T23:00", "today", "heute"),
        ("2026-03-29T22:00", "2026-03-28T23:00", "in 1 day", "in 1 Tag"),
        ("2026-10-25T22:59", "2026-10-24T22:00", "today", "heute"),
        ("2026-10-25T23:00", "2026-10-24T22:00", "in 1 day", "in 1 Tag"),
        ("2026-11-21T07:00", "2026-11-21T08:00", "today", "heute"),
    ],
)
def test_the_days_until_an_appointment_are_those_of_berlins_calendar(
    appointment: str, now: str, left: str, rest: str
) -> None:
    state = order("scheduled", appointment_at=at(appointment))
    assert f"({left})" in timing(state, at(now), EN)
    assert f"({rest})" in timing(state, at(now), DE)


@pytest.mark.parametrize("now", ["2026-11-20T09:30", "2026-11-20T22:58", "2026-03-28T22:58", "2026-12-31T22:58"])
@pytest.mark.parametrize("minutes", [0, 1, 5])
def test_what_has_happened_while_clocks_differ_a_little_is_of_today(now: str, minutes: int) -> None:
    state = order(created_at=at(now) + timedelta(minutes=minutes))
    assert "(today)" in timing(state, at(now), EN)
    assert "(heute)" in timing(state, at(now), DE)
    assert explain(state, now=at(now)).anomalies is None


def test_a_block_that_lies_ahead_while_clocks_differ_a_little_is_of_today() -> None:
    blocked = order(blocked_reason="check_missing", blocked_at=at("2026-11-20T23:01"))
    said = explain(blocked, now=at("2026-11-20T22:59")).blocked
    assert said is not None
    assert (said.since or "").endswith("(today)")


@pytest.mark.parametrize(
    ("created", "now"),
    [
        (at("2026-06-15T22:01"), at("2026-06-15T21:59")),  # a minute before midnight in Berlin
        (date(2026, 6, 16), at("2026-06-15T21:59")),
    ],
)
def test_the_day_beside_today_is_today_while_clocks_differ_across_midnight(created: date, now: datetime) -> None:
    assert timing(order(created_at=created), now).startswith("Ordered 15 Jun 2026 (today).")
    assert timing(order(created_at=created), now, DE).startswith("Bestellt am 15.06.2026 (heute).")
    blocked = order(blocked_at=created, blocked_reason="check_missing")
    said = explain(blocked, now=now).blocked
    assert said is not None
    assert (said.since or "").startswith("15 Jun 2026")
    assert "since 15 Jun 2026" in summarise(blocked, now=now)
    assert "since 15 Jun 2026" in summarise(order("installed", installed_at=created), now=now)


def test_the_target_has_passed_when_more_than_fifty_six_days_of_berlins_calendar_have() -> None:
    state = order(created_at=at("2026-09-01T20:00"))
    assert "Past" not in timing(state, at("2026-10-27T22:59"))
    assert "(57 days ago). Past the target" in timing(state, at("2026-10-27T23:00"))


APPOINTMENT = date(2026, 6, 15)


@each_language
@each_audience
@pytest.mark.parametrize("now", ["2026-06-10T08:00", "2026-06-15T21:59", "2026-06-20T08:00"])
def test_an_appointment_that_is_a_day_gets_no_time_of_day(now: str, audience: Audience, language: str) -> None:
    state = order("scheduled", created_at=at("2026-06-01T08:00"), appointment_at=APPOINTMENT)
    told = explain(state, now=at(now), audience=audience, language=language).model_dump_json()
    told += summarise(state, now=at(now), language=language)
    assert {"en": "15 Jun 2026", "de": "15.06.2026"}[language] in told
    assert not [word for word in (":00", "Uhr", "CEST", "MESZ") if word in told]


@pytest.mark.parametrize(
    ("now", "timing_en", "timing_de"),
    [
        ("2026-06-14T21:59", "Appointment 15 Jun 2026 (in 1 day).", "Termin: 15.06.2026 (in 1 Tag)."),
        ("2026-06-14T22:00", "Appointment 15 Jun 2026 (today).", "Termin: 15.06.2026 (heute)."),
        ("2026-06-15T21:59", "Appointment 15 Jun 2026 (today).", "Termin: 15.06.2026 (heute)."),
    ],
)
def test_an_appointment_that_is_a_day_lies_ahead_until_the_day_is_over_in_berlin(
    now: str, timing_en: str, timing_de: str
) -> None:
    state = order("scheduled", appointment_at=APPOINTMENT)
    assert timing(state, at(now), EN).startswith(timing_en)
    assert timing(state, at(now), DE).startswith(timing_de)
    assert "is scheduled for 15 Jun 2026." in explain(state, now=at(now)).customer_message
    assert summarise(state, now=at(now)).startswith("scheduled for 15 Jun 2026;")
    assert explain(state, now=at(now)).anomalies is None


def test_an_appointment_that_is_a_day_has_passed_on_the_next_one() -> None:
    state, now = order("scheduled", appointment_at=APPOINTMENT), at("2026-06-15T22:00")
    assert "was set for 15 Jun 2026." in explain(state, now=now).customer_message
    assert "Der Termin für den Einbau Ihres Smart Meters war: 15.06.2026." in (
        explain(state, now=now, language=DE).customer_message
    )
    assert summarise(state, now=now).startswith("scheduled, appointment 15 Jun 2026 has passed;")


def test_a_day_on_which_something_happened_gets_no_time_of_day() -> None:
    now = at("2026-06-20T08:00")
    blocked = order(created_at=date(2026, 6, 1), blocked_at=APPOINTMENT, blocked_reason="check_missing")
    said = explain(blocked, now=now)
    assert said.blocked is not None
    assert said.blocked.since == "15 Jun 2026 (5 days ago)"
    assert said.timing == "Ordered 1 Jun 2026 (19 days ago). No step has a published duration."
    assert said.anomalies is None
    assert explain(order(created_at=date(2026, 6, 21)), now=now).anomalies == [
        "created_at lies in the future: 21 Jun 2026."
    ]


@each_language
@each_audience
@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("status", STATUSES_WITH_TIMES)
@pytest.mark.parametrize("time", NO_DATES, ids=str)
def test_a_time_that_berlins_calendar_cannot_show_breaks_nothing(
    time: datetime | date, status: str, name: str, audience: Audience, language: str
) -> None:
    now = at("2026-11-20T09:30")
    state = order(status, **{"created_at": at("2026-11-10T09:30"), name: time})
    said = explain(state, now=now, audience=audience, language=language)
    assert "9999" not in said.customer_message
    assert summarise(state, now=now, language=language).startswith(status)
    if audience == "agent":
        assert any(raw(time) in anomaly and name in anomaly for anomaly in said.anomalies or [])


def raw(time: datetime | date) -> str:
    return time.isoformat().replace("+00:00", "Z")


@each_language
@pytest.mark.parametrize("time", NO_DATES, ids=str)
def test_a_time_that_berlins_calendar_cannot_show_is_told_as_it_came_and_without_an_age(
    time: datetime | date, language: str
) -> None:
    now = at("2026-11-20T09:30")

    def said(status: str, **fields: Any) -> Explanation:
        return explain(order(status, **fields), now=now, language=language)

    for explanation in (
        said("placed", created_at=time),
        said("scheduled", appointment_at=time),
        said("installed", installed_at=time),
        said("activated", activated_at=time),
        said("cancelled", cancelled_at=time),
    ):
        assert raw(time) in (explanation.timing or "")
        assert "(" not in (explanation.timing or "")
    blocked = said("placed", blocked_at=time).blocked
    assert blocked is not None
    assert blocked.since == raw(time)
    for state in (
        order("scheduled", appointment_at=time),
        order("installed", installed_at=time),
        order(blocked_at=time),
    ):
        assert raw(time) in summarise(state, now=now, language=language)


def test_an_order_from_year_one_is_not_past_the_target_and_gets_no_apology() -> None:
    said = explain(order("check_submitted", created_at=datetime(1, 1, 1, tzinfo=UTC)), now=at("2026-11-20T09:30"))
    assert (said.timing or "").startswith("Ordered 0001-01-01T00:00:00Z. Target from order to installation: about")
    assert "sorry" not in said.customer_message
    assert said.anomalies == ["created_at cannot be read: '0001-01-01T00:00:00Z'."]


Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]
DaysAgo = Callable[[float], datetime]


def test_the_age_of_an_order_counts_from_its_creation(curie: Make, explained: Explain) -> None:
    assert explained(curie("placed")).timing == (
        "Ordered 10 Nov 2026 (10 days ago). Target from order to installation: about eight weeks. "
        "No step has a published duration."
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


@pytest.mark.parametrize("fields", [{}, {"blocked_reason": "check_missing"}], ids=["placed", "blocked"])
def test_past_the_target_the_customer_whose_own_step_is_missing_gets_an_apology_too(
    fields: dict[str, str], curie: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    early, late = (explained(curie("placed", created_at=days_ago(days), **fields)) for days in (16, 134))
    assert "sorry" not in early.customer_message
    assert late.customer_message.endswith("We are sorry that it is taking this long.")


def test_past_the_target_every_reason_to_escalate_is_named(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    order = curie("placed", created_at=days_ago(134), blocked_reason="check_missing")
    assert explained(order).escalation == (
        "If the customer has already completed it: support@nomos.energy, with the order ID. "
        "It is past the target: escalate now."
    )
    assert explained(curie("placed", created_at=days_ago(134))).escalation == (
        "Past the target: support@nomos.energy, with the order ID."
    )


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
        "Appointment 21 Nov 2026, 10:30 CET (in 1 day). Ordered 10 Nov 2026 (10 days ago). "
        "No step has a published duration."
    )


def test_while_an_order_is_blocked_the_target_is_not_held_out(curie: Make, edison: Make, explained: Explain) -> None:
    for order in (curie("placed", blocked_reason="check_missing"), edison("blocked")):
        assert explained(order).timing == "Ordered 10 Nov 2026 (10 days ago). No step has a published duration."


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
    assert (
        explained(order).timing
        == "Target from order to installation: about eight weeks. No step has a published duration."
    )


def test_a_block_is_counted_from_its_own_time(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    blocked = explained(curie("placed", blocked_reason="check_missing", blocked_at=days_ago(4.9))).blocked
    assert blocked is not None
    assert blocked.since == "15 Nov 2026 (5 days ago)"


def test_of_a_block_without_a_time_it_is_said_that_since_when_is_not_known(
    curie: Make, edison: Make, explained: Explain, days_ago: DaysAgo
) -> None:
    ahead = {"blocked_reason": "check_missing", "blocked_at": days_ago(-3)}
    for order in (curie("placed", blocked_reason="check_missing"), curie("placed", **ahead), edison("blocked_wim")):
        blocked = explained(order).blocked
        assert blocked is not None
        assert blocked.since == "not known"


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
    order = curie("scheduled", appointment_at=datetime.fromisoformat(utc))
    assert f"Appointment {berlin} (" in (explained(order).timing or "")


@pytest.mark.parametrize("now", ["2026-03-28T11:00", "2026-03-29T11:00", "2026-10-24T11:00", "2026-10-25T11:00"])
def test_every_hour_around_a_change_of_clocks_is_counted_by_its_day_in_berlin(now: str) -> None:
    today = at(now).astimezone(ZoneInfo("Europe/Berlin")).date()
    for hours in range(-75, 76):
        moment = at(now) + timedelta(hours=hours)
        days = (today - moment.astimezone(ZoneInfo("Europe/Berlin")).date()).days
        assert days_since(moment, at(now)) == days
        said = age(moment, at(now), texts(EN)) or ""
        assert said == "today" if days == 0 else said.replace("in ", "").startswith(f"{abs(days)} day")


def test_from_21_november_to_3_december_are_12_days_whatever_the_hours() -> None:
    for first in ("2026-11-20T23:00", "2026-11-21T12:00", "2026-11-21T22:59"):
        for last in ("2026-12-02T23:00", "2026-12-03T12:00", "2026-12-03T22:59"):
            assert days_since(at(first), at(last)) == 12
            assert days_since(at(last), at(first)) == -12
    assert days_since(date(2026, 11, 21), at("2026-12-03T22:59")) == 12
