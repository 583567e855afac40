"""What is odd about an order is told to the agent, one sentence for each oddity."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from nomos_mcp.lifecycle import LANGUAGES, STATUSES, Explanation, OrderState, anomaly_names
from nomos_mcp.lifecycle.catalogue import AnomalyTexts, texts

Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]
PAST = -3
FUTURE = 3


@pytest.mark.parametrize(
    ("status", "fields", "anomaly"),
    [
        (
            "scheduled",
            {"appointment_at": PAST},
            "The appointment has passed, but the status is still scheduled.",
        ),
        ("scheduled", {}, "The status is scheduled, but there is no appointment_at."),
        (
            "cancelled",
            {"cancelled_at": PAST, "cancelled_reason": "pre_existing", "blocked_reason": "check_missing"},
            "The order is cancelled and final, but still carries a block.",
        ),
        (
            "activated",
            {"activated_at": PAST, "blocked_at": PAST},
            "The order is activated and final, but still carries a block.",
        ),
        ("activated", {}, "The status is activated, but there is no activated_at."),
        ("installed", {}, "The status is installed, but there is no installed_at."),
        (
            "cancelled",
            {"cancelled_reason": "pre_existing"},
            "The status is cancelled, but there is no cancelled_at.",
        ),
        ("cancelled", {"cancelled_at": PAST}, "The order is cancelled without a cancelled_reason."),
        ("placed", {"blocked_at": PAST}, "The order is blocked without a blocked_reason."),
        ("placed", {"blocked_reason": "check_missing"}, "The order is blocked without a blocked_at."),
        (
            "check_reviewed",
            {"blocked_reason": "check_missing", "blocked_at": PAST},
            (
                "The check is said to be missing, but the status is check_reviewed: "
                "clear this up before asking the customer."
            ),
        ),
        (
            "scheduled",
            {"appointment_at": FUTURE, "blocked_reason": "grid_operator_registration", "blocked_at": PAST},
            "Appointment under a block: does it stand?",
        ),
        (
            "installed",
            {"installed_at": PAST, "appointment_at": FUTURE},
            "An appointment lies ahead although the status is installed: find out whether it stands.",
        ),
        (
            "cancelled",
            {"cancelled_at": PAST, "cancelled_reason": "customer_request", "appointment_at": FUTURE},
            "An appointment lies ahead although the status is cancelled: find out whether it stands.",
        ),
        ("placed", {"installed_at": PAST}, "installed_at is set although the status is placed."),
        (
            "installed",
            {"installed_at": PAST, "activated_at": PAST},
            "activated_at is set although the status is installed.",
        ),
        ("placed", {"cancelled_at": PAST}, "cancelled_at is set although the status is placed."),
        (
            "activated",
            {"activated_at": PAST, "cancelled_reason": "pre_existing"},
            "cancelled_reason is set although the status is activated.",
        ),
        ("placed", {"created_at": FUTURE}, "created_at lies in the future: 23 Nov 2026, 10:30 CET."),
        (
            "installed",
            {"installed_at": FUTURE},
            "installed_at lies in the future: 23 Nov 2026, 10:30 CET.",
        ),
        ("teleported", {"blocked_at": PAST}, "The order is blocked without a blocked_reason."),
    ],
)
def test_an_oddity_is_reported_and_nothing_else(
    status: str, fields: dict[str, Any], anomaly: str, now: datetime, curie: Make, explained: Explain
) -> None:
    dated = {k: now + timedelta(days=v) if isinstance(v, int) else v for k, v in fields.items()}
    assert explained(curie(status, **dated)).anomalies == [anomaly]


@pytest.mark.parametrize("name", ["created_at", "blocked_at", "appointment_at"])
def test_a_time_that_cannot_be_read_is_quoted(name: str, curie: Make, explained: Explain) -> None:
    order = curie("scheduled", blocked_reason="check_missing", **({name: None} | {"unreadable": {name: "12\n13"}}))
    assert rf"{name} cannot be read: '12\n13'." in (explained(order).anomalies or [])


@pytest.mark.parametrize(
    ("status", "name"),
    [("activated", "activated_at"), ("installed", "installed_at"), ("scheduled", "appointment_at")],
)
def test_a_time_that_cannot_be_read_is_not_also_missing(
    status: str, name: str, curie: Make, explained: Explain
) -> None:
    order = curie(status, unreadable={name: "?"})
    assert explained(order).anomalies == [f"{name} cannot be read: '?'."]


def test_clocks_that_differ_a_little_are_no_oddity(curie: Make, explained: Explain, now: datetime) -> None:
    assert explained(curie("created", created_at=now + timedelta(minutes=4))).anomalies is None


def test_an_appointment_in_the_future_is_no_oddity(curie: Make, explained: Explain, now: datetime) -> None:
    assert explained(curie("scheduled", appointment_at=now + timedelta(days=9))).anomalies is None


def test_an_appointment_in_the_past_is_no_oddity_once_installed(curie: Make, explained: Explain, now: datetime) -> None:
    day = now - timedelta(days=1)
    assert explained(curie("installed", appointment_at=day, installed_at=day)).anomalies is None


def test_a_check_may_be_missing_while_its_request_is_submitted(curie: Make, explained: Explain, now: datetime) -> None:
    order = curie("check_submitted", blocked_reason="check_missing", blocked_at=now)
    assert explained(order).anomalies is None


@pytest.mark.parametrize("status", STATUSES["2026-01-29.edison"])
def test_nothing_can_be_missing_from_an_edison_order(status: str, edison: Make, explained: Explain) -> None:
    assert explained(edison(status)).anomalies is None


def test_the_customer_is_told_of_no_oddity(curie: Make, explained: Explain) -> None:
    assert explained(curie("scheduled"), audience="customer").anomalies is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_oddity_has_a_name_of_at_most_three_words_and_no_two_share_one(language: str) -> None:
    names = texts(language).anomaly_names
    assert set(names) == set(AnomalyTexts.model_fields)
    assert len(set(names.values())) == len(names)
    assert max(len(name.split()) for name in names.values()) <= 3


def test_the_names_follow_the_sentences(curie: Make, explained: Explain, now: datetime) -> None:
    order = curie("scheduled", appointment_at=now - timedelta(days=3), created_at=now + timedelta(days=3))
    assert anomaly_names(order, now) == ["time in future", "appointment has passed"]
    assert len(explained(order).anomalies or ()) == 2
    assert anomaly_names(order, now, "de") == ["Zeit voraus", "Termin ist vorbei"]
    assert anomaly_names(curie("placed"), now) == []


def test_a_name_is_listed_once_however_many_fields_it_is_about(curie: Make, now: datetime) -> None:
    order = curie("placed", installed_at=now, activated_at=now)
    assert anomaly_names(order, now) == ["field contradicts status"]
