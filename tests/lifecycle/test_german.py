"""What the German texts add: dates as they are written in Germany, and sentences put together from pieces."""

import re
from collections.abc import Callable
from datetime import datetime

import pytest

from nomos_mcp.lifecycle import (
    CURIE,
    EDISON,
    ApiVersion,
    Explanation,
    OrderState,
    explain_status,
    lifecycle_markdown,
    summarise,
)
from nomos_mcp.lifecycle.catalogue import texts

Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]
DaysAgo = Callable[[float], datetime]


@pytest.mark.parametrize(
    ("utc", "berlin"),
    [
        ("2026-03-29T00:59:00+00:00", "29.03.2026, 01:59 Uhr MEZ"),
        ("2026-03-29T01:00:00+00:00", "29.03.2026, 03:00 Uhr MESZ"),
        ("2026-10-25T00:30:00+00:00", "25.10.2026, 02:30 Uhr MESZ"),
        ("2026-10-25T01:30:00+00:00", "25.10.2026, 02:30 Uhr MEZ"),
        ("2026-12-31T23:30:00+00:00", "01.01.2027, 00:30 Uhr MEZ"),
    ],
)
def test_times_are_berlin_times_in_german_across_the_change_of_clocks(
    utc: str, berlin: str, curie: Make, explained: Explain
) -> None:
    order = curie("scheduled", appointment_at=datetime.fromisoformat(utc))
    assert f"Termin: {berlin} (" in (explained(order, language="de").timing or "")


def test_the_appointment_is_told_with_day_hour_and_zone(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    message = explained(curie("scheduled", appointment_at=days_ago(-3)), language="de").customer_message
    assert message.startswith("Der Termin für den Einbau Ihres Smart Meters: 23.11.2026, 10:30 Uhr.")


def test_an_order_past_the_target_is_said_to_be_past_it(curie: Make, explained: Explain, days_ago: DaysAgo) -> None:
    late = explained(curie("check_submitted", created_at=days_ago(57)), language="de")
    assert late.timing == (
        "Bestellt am 24.09.2026 (vor 57 Tagen). Der Richtwert von etwa acht Wochen ist überschritten. "
        "Für keinen Schritt ist eine Dauer veröffentlicht."
    )
    assert late.customer_message.endswith("Es tut uns leid, dass es so lange dauert.")
    assert late.escalation == "Richtwert überschritten: support@nomos.energy, mit der ID der Bestellung."


def test_an_oddity_is_told_in_german(curie: Make, explained: Explain) -> None:
    assert explained(curie("scheduled"), language="de").anomalies == [
        "Der Status ist scheduled, aber appointment_at fehlt."
    ]


def test_a_line_of_a_list_is_told_in_german(curie: Make, now: datetime, days_ago: DaysAgo) -> None:
    order = curie("placed", blocked_reason="check_missing", blocked_at=days_ago(8))
    assert summarise(order, now=now, language="de") == (
        "placed, angehalten: check_missing seit 12.11.2026; wartet auf die Kundin oder den Kunden"
    )


def test_a_name_of_the_other_vocabulary_is_noted_in_german() -> None:
    assert explain_status("checked", language="de").meaning.endswith(
        "`checked` ist ein Status von 2026-01-29.edison, nicht von 2026-05-27.curie; dort am nächsten (abgeleitet): "
        "check_reviewed."
    )


def test_a_manual_review_is_never_explained_as_a_missing_check() -> None:
    review = explain_status("blocked", api_version=EDISON, language="de")
    assert not any(word in review.model_dump_json() for word in ("Check", "Foto"))
    missing = explain_status("blocked", blocked_reason="check_missing", language="de")
    assert not any(word in missing.model_dump_json() for word in ("manuell", "Freigabe", "Nomos"))


def test_the_words_of_the_trade_that_customers_misread_stand_in_no_german_text() -> None:
    everything = texts("de").model_dump_json()
    assert not re.findall(r"\w*sperr\w*|\w*stündlich\w*", everything, re.IGNORECASE)
    beside_the_glossary = texts("de").model_copy(update={"glossary": {}}).model_dump_json()
    assert not re.findall(r"(?<!Wechsel des )Messstellenbetreiber", beside_the_glossary)


def test_a_held_order_is_called_angehalten_wherever_it_is_told() -> None:
    words = texts("de")
    assert words.overlay.label == "Angehalten"
    assert "angehalten" in words.note.blocked_label
    for turn in words.blocked.values():
        assert "angehalten" in turn.customer_message


def test_the_lifecycle_marks_in_german_what_is_inferred() -> None:
    rows = {line.split(" | ")[0]: line for line in lifecycle_markdown(language="de").splitlines()}
    assert "| wartet auf die Kundin oder den Kunden | *abgeleitet* |" in rows["| `check_missing`"]
    assert "| wartet auf Nomos | **dokumentiert** |" in rows["| `blocked`"]


@pytest.mark.parametrize(
    ("status", "version"), [("installed", CURIE), ("installed", EDISON), ("installation_finished", EDISON)]
)
def test_an_installed_meter_is_in_operation_and_only_not_active(status: str, version: ApiVersion) -> None:
    explanation = explain_status(status, api_version=version, audience="customer", language="de")
    assert "in betrieb" not in f"{explanation.meaning} {explanation.next}".lower()
    assert "ktiv" in explanation.meaning
