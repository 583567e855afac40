"""The cases in which a wrong answer would send somebody the wrong way."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from nomos_mcp.lifecycle import BLOCKED_REASONS, CURIE, LANGUAGES, Explanation, OrderState, is_blocked, is_final
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.order_state import berlin_moment
from nomos_mcp.lifecycle.statuses import facts_of, open_statuses
from tests.lifecycle.phrases import ASKS_WHETHER, KEEP_FREE, NOTHING_TO_DO

Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]


def test_a_block_decides_whose_turn_it_is_not_the_status_under_it(curie: Make, explained: Explain) -> None:
    free = explained(curie("check_submitted"))
    blocked = explained(curie("check_submitted", blocked_reason="check_missing"))
    assert (free.waiting_on, blocked.waiting_on) == ("installation_partner", "customer")
    assert blocked.customer_action != free.customer_action
    assert blocked.customer_message != free.customer_message
    assert blocked.next != free.next


def test_a_blocked_order_keeps_its_status_its_place_and_its_meaning(curie: Make, explained: Explain) -> None:
    free, blocked = explained(curie("placed")), explained(curie("placed", blocked_reason="check_missing"))
    assert (blocked.status, blocked.stage, blocked.meaning) == (free.status, free.stage, free.meaning)


def test_the_label_of_a_blocked_order_says_that_it_is_on_hold(curie: Make, explained: Explain) -> None:
    label = explained(curie("placed", blocked_reason="check_missing")).label
    assert label == "With the installation partner, on hold"


def test_a_manual_review_is_never_explained_as_a_missing_check(edison: Make, explained: Explain) -> None:
    review = explained(edison("blocked"))
    assert review.waiting_on == "nomos"
    assert review.customer_action is None
    assert not any(word in review.model_dump_json() for word in ("check", "photo"))


def test_a_missing_check_is_never_explained_as_a_manual_review(curie: Make, explained: Explain) -> None:
    missing = explained(curie("placed", blocked_reason="check_missing"))
    assert missing.waiting_on == "customer"
    assert not any(word in missing.model_dump_json() for word in ("manual", "approval", "Nomos"))


@pytest.mark.parametrize("audience", ["agent", "customer"])
def test_whoever_waits_for_the_grid_operator_can_only_wait(
    curie: Make, edison: Make, explained: Explain, audience: str
) -> None:
    for order in (curie("placed", blocked_reason="grid_operator_registration"), edison("blocked_wim")):
        explanation = explained(order, audience=audience)
        assert explanation.waiting_on == "grid_operator"
        assert explanation.customer_action is None
        assert "nothing you need to do" in explanation.customer_message


def test_edison_names_the_blocked_status_as_its_own_reason(edison: Make, explained: Explain) -> None:
    for status in ("blocked", "blocked_wim"):
        blocked = explained(edison(status)).blocked
        assert blocked is not None
        assert (blocked.reason, blocked.since) == (status, "not known")


def test_a_reason_that_is_new_to_us_is_passed_on_and_not_interpreted(curie: Make, explained: Explain) -> None:
    explanation = explained(curie("placed", blocked_reason="roof_missing"))
    assert explanation.blocked is not None
    assert explanation.blocked.reason == "roof_missing"
    assert (explanation.waiting_on, explanation.confidence) == ("unknown", "unknown")
    assert "check_missing, grid_operator_registration" in explanation.meaning


def test_a_reason_that_looks_like_a_key_of_ours_is_still_new_to_us(curie: Make, explained: Explain) -> None:
    blocked = explained(curie("placed", blocked_reason="unstated")).blocked
    assert blocked is not None
    assert blocked.meaning == "The order is on hold for a reason that is new to us."


@pytest.mark.parametrize("status", ["check_reviewed", "scheduled", "installed"])
def test_a_check_that_is_missing_after_its_review_is_passed_on_and_cleared_up_first(
    status: str, curie: Make, explained: Explain, days_ago: Callable[[float], datetime]
) -> None:
    order = curie(status, blocked_reason="check_missing", blocked_at=days_ago(1), installed_at=None)
    explanation = explained(order)
    assert explanation.blocked is not None
    assert explanation.blocked.reason == "check_missing"
    assert (explanation.waiting_on, explanation.customer_action) == ("unknown", None)
    assert "Find out whether the check is missing before" in (explanation.operator_action or "")
    assert any("clear this up before asking the customer" in anomaly for anomaly in explanation.anomalies or ())


def test_an_appointment_under_a_block_is_told_with_its_reason_and_kept_free(
    curie: Make, explained: Explain, days_ago: Callable[[float], datetime]
) -> None:
    order = curie("scheduled", blocked_reason="grid_operator_registration", appointment_at=days_ago(-2))
    explanation = explained(order, audience="customer")
    assert "its registration with your local grid operator is pending" in explanation.customer_message
    assert "22 Nov 2026, 10:30" in explanation.customer_message
    assert explanation.customer_action == "Keep the appointment free for now."
    assert explanation.waiting_on == "grid_operator"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", [*open_statuses(CURIE), "teleported"])
@pytest.mark.parametrize("minutes", [-1, 10, 10 * 60 + 30, 10 * 60 + 31])
def test_an_appointment_under_a_block_is_kept_free_until_the_day_is_over_in_berlin(
    minutes: int, status: str, language: str, curie: Make, explained: Explain, now: datetime
) -> None:
    appointment, kept_free = now - timedelta(minutes=minutes), minutes <= 10 * 60 + 30  # now it is 10:30 in Berlin
    order = curie(status, blocked_reason="grid_operator_registration", appointment_at=appointment)
    explanation = explained(order, language=language)
    message = explanation.customer_message
    # After that day an order that is not installed asks whether the installer came.
    asks = not kept_free and facts_of(status, CURIE).phase == "before_installation"
    assert bool(ASKS_WHETHER.found_in(message, language)) is asks
    assert bool(NOTHING_TO_DO.found_in(message, language)) is not (kept_free or asks)
    assert bool(KEEP_FREE.found_in(message, language)) is kept_free
    assert (berlin_moment(appointment, texts(language), zone=False) in message) is (kept_free or asks)
    assert (explanation.customer_action == texts(language).appointment.on_hold) is kept_free


@pytest.mark.parametrize("block", [{}, {"blocked_reason": "grid_operator_registration"}], ids=["free", "blocked"])
def test_of_an_appointment_that_cannot_be_read_support_sees_the_text_and_the_customer_no_date(
    block: dict[str, str], curie: Make, explained: Explain
) -> None:
    order = curie("scheduled", unreadable={"appointment_at": "17 June, 10am"}, **block)
    assert "appointment_at cannot be read: '17 June, 10am'." in (explained(order).anomalies or ())
    told = explained(order, audience="customer")
    assert "17 June" not in told.model_dump_json()
    assert "keep any appointment agreed with you free" in told.customer_message


def test_an_appointment_before_the_status_is_scheduled_leaves_the_meaning_of_the_status(
    curie: Make, explained: Explain, days_ago: Callable[[float], datetime]
) -> None:
    explanation = explained(curie("check_submitted", appointment_at=days_ago(-2)))
    assert explanation.meaning == "The smart meter check has been submitted to the installation partner."
    assert "scheduled for 22 Nov 2026, 10:30" in explanation.customer_message


def test_an_order_whose_fields_contradict_its_status_is_not_guessed_at(
    curie: Make, explained: Explain, days_ago: Callable[[float], datetime]
) -> None:
    explanation = explained(curie("placed", installed_at=days_ago(3)))
    assert (explanation.waiting_on, explanation.confidence) == ("unknown", "unknown")
    assert explanation.customer_action is None
    assert explanation.timing == "Ordered 10 Nov 2026 (10 days ago). No step has a published duration."
    assert explanation.sources == ["API reference (curie): MeterOrder.status"]
    assert explanation.anomalies == ["installed_at is set although the status is placed."]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", [*BLOCKED_REASONS, "roof_missing", None])
@pytest.mark.parametrize("status", ["placed", "installed", "teleported"])
@pytest.mark.parametrize("end", ["activated_at", "cancelled_at"])
def test_a_block_over_an_order_that_seems_to_have_ended_does_not_say_who_acts(
    end: str, status: str, reason: str | None, language: str, curie: Make, explained: Explain, now: datetime
) -> None:
    order = curie(status, blocked_reason=reason, blocked_at=now, **{end: now})
    explanation = explained(order, language=language)
    assert explanation.customer_message == texts(language).contradiction.customer_message
    assert (explanation.waiting_on, explanation.confidence) == ("unknown", "unknown")
    assert (explanation.customer_action, explanation.next) == (None, None)
    assert explanation.blocked is not None
    assert any(end in anomaly for anomaly in explanation.anomalies or ())


def test_a_time_of_blocking_alone_makes_an_order_blocked(curie: Make, now: datetime) -> None:
    assert is_blocked(curie("placed", blocked_at=now))


def test_a_time_of_blocking_that_cannot_be_read_makes_an_order_blocked(curie: Make) -> None:
    assert is_blocked(curie("placed", unreadable={"blocked_at": "yesterday"}))


def test_an_order_without_either_field_is_not_blocked(curie: Make) -> None:
    assert not is_blocked(curie("placed"))


def test_a_final_order_is_not_blocked_whatever_its_fields_say(curie: Make, now: datetime, explained: Explain) -> None:
    order = curie("activated", activated_at=now, blocked_at=now, blocked_reason="check_missing")
    assert is_final(order)
    assert not is_blocked(order)
    assert explained(order).blocked is None


def test_edison_shows_a_block_in_the_status_alone(edison: Make) -> None:
    assert is_blocked(edison("blocked_wim"))
    assert not is_blocked(edison("ordered"))


@pytest.mark.parametrize("status", ["installed", "installation_finished"])
def test_installed_is_not_active(status: str, edison: Make, explained: Explain) -> None:
    explanation = explained(edison(status))
    assert not explanation.final
    assert "not live yet" in explanation.meaning
    assert "not active yet" in explanation.customer_message
    assert explanation.operator_action is not None
    assert "no dynamic prices yet" in explanation.operator_action


def test_a_smart_meter_that_was_there_already_is_good_news(curie: Make, edison: Make, explained: Explain) -> None:
    for order in (edison("pre_installed"), curie("cancelled", cancelled_reason="pre_existing")):
        explanation = explained(order)
        assert explanation.customer_message.startswith("Good news")
        assert explanation.meaning.startswith("Good news")


def test_that_a_meter_that_was_there_already_is_an_end_is_called_inferred(edison: Make, explained: Explain) -> None:
    explanation = explained(edison("pre_installed"))
    assert (explanation.final, explanation.confidence) == (True, "inferred")
    assert {"inferred: waiting_on", "inferred: final, outcome"} <= set(explanation.sources or ())
    assert explained(edison("cancelled")).confidence == "documented"


def test_it_is_the_meters_own_data_that_goes_to_the_grid_operator(edison: Make, explained: Explain) -> None:
    explanation = explained(edison("installation_finished"))
    assert "the details of the new meter go to the grid operator" in explanation.meaning
    assert "inferred: meter data is the meter's master data" in (explanation.sources or ())


def test_a_cancelled_order_is_not_ordered_again_but_taken_to_support(
    curie: Make, edison: Make, explained: Explain
) -> None:
    for order in (curie("cancelled"), curie("cancelled", cancelled_reason="customer_request"), edison("cancelled")):
        explanation = explained(order)
        assert explanation.operator_action is not None
        assert "Do not order again" in explanation.operator_action
        assert explanation.escalation is not None
        assert "support@nomos.energy" in explanation.escalation


def test_a_cancellation_on_request_is_not_blamed_on_the_customer(curie: Make, explained: Explain) -> None:
    explanation = explained(curie("cancelled", cancelled_reason="customer_request"))
    assert "or by an operator" in explanation.meaning
    assert "you cancelled" not in explanation.customer_message


def test_a_reason_of_cancelling_that_is_new_to_us_is_passed_on(curie: Make, explained: Explain) -> None:
    explanation = explained(curie("cancelled", cancelled_reason="moved_away"))
    assert "moved_away" in explanation.meaning
    assert (explanation.outcome, explanation.waiting_on, explanation.confidence) == (
        "cancelled",
        "nobody",
        "documented",
    )
    assert explanation.confidence_of == {"cancelled_reason": "unknown"}


def test_interest_is_no_order_yet_and_exists_at_inexogy_only(edison: Make, explained: Explain) -> None:
    explanation = explained(edison("intended"))
    assert "nothing has been ordered" in explanation.meaning
    assert explanation.operator_action is not None
    assert "inexogy only" in explanation.operator_action
    assert explanation.stage is None


def test_an_appointment_ahead_is_told_to_the_customer(
    curie: Make, explained: Explain, days_ago: Callable[[float], datetime]
) -> None:
    explanation = explained(curie("scheduled", appointment_at=days_ago(-3)))
    assert "23 Nov 2026, 10:30" in explanation.customer_message


def test_an_appointment_that_has_passed_is_asked_about_and_not_taken_for_done(
    curie: Make, explained: Explain, days_ago: Callable[[float], datetime]
) -> None:
    explanation = explained(curie("scheduled", appointment_at=days_ago(3)))
    assert "was set for 17 Nov 2026, 10:30" in explanation.customer_message
    assert "whether the installer came" in explanation.customer_message
    assert not explanation.final


def test_a_status_that_is_new_to_us_is_explained_as_far_as_possible(curie: Make, explained: Explain) -> None:
    explanation = explained(curie("teleported"))
    assert explanation.status == "teleported"
    assert (explanation.outcome, explanation.waiting_on, explanation.confidence) == ("unknown",) * 3
    assert explanation.timing == "Ordered 10 Nov 2026 (10 days ago). No step has a published duration."
    assert explanation.sources is None


def test_a_known_block_on_a_status_that_is_new_to_us_still_tells_whose_turn_it_is(
    curie: Make, explained: Explain
) -> None:
    explanation = explained(curie("teleported", blocked_reason="check_missing"))
    assert (explanation.waiting_on, explanation.confidence) == ("customer", "inferred")
    assert explanation.confidence_of == {"meaning": "unknown"}
    assert "must act" not in explanation.meaning


def test_what_is_inferred_is_named_among_the_sources(curie: Make, edison: Make, explained: Explain) -> None:
    assert explained(curie("placed")).sources == ["API reference (curie): MeterOrder.status", "inferred: waiting_on"]
    assert explained(curie("placed", blocked_reason="check_missing")).sources == [
        "API reference (curie): MeterOrder.status",
        "API reference (curie): MeterOrder.blocked_reason",
        "inferred: waiting_on",
    ]
    assert explained(edison("blocked")).confidence == "documented"


def test_the_customer_is_told_nothing_internal(curie: Make, explained: Explain) -> None:
    told = explained(curie("placed", blocked_reason="roof_missing"), audience="customer").model_dump(exclude_none=True)
    assert not {"operator_action", "escalation", "anomalies", "sources"} & set(told)
    assert "known here" not in told["meaning"]


def test_the_agent_is_told_everything_the_customer_is(curie: Make, explained: Explain) -> None:
    order = curie("placed", blocked_reason="check_missing")
    agent = explained(order).model_dump(exclude_none=True)
    assert explained(order, audience="customer").model_dump(exclude_none=True).items() <= agent.items()


def test_the_stage_is_counted_on_the_documented_line_only(curie: Make, edison: Make, explained: Explain) -> None:
    placed = explained(curie("placed")).stage
    assert placed is not None
    assert (placed.index, placed.of) == (2, 7)
    for beside in ("intended", "installed", "blocked", "cancelled", "pre_installed"):
        assert explained(edison(beside)).stage is None


def test_the_answer_names_the_version_it_speaks_for(curie: Make, explained: Explain) -> None:
    assert explained(curie("installed")).api_version == CURIE
