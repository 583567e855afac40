"""No field of an explanation contradicts another: what is odd about an order, what its customer says, what is known."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    ApiVersion,
    Audience,
    Explanation,
    OrderState,
    anomaly_names,
    explain,
    explain_status,
    summary_of,
)
from nomos_mcp.lifecycle.catalogue import AnomalyTexts, texts
from nomos_mcp.lifecycle.explanation import times_told
from nomos_mcp.lifecycle.status_lookup import status_lines
from nomos_mcp.lifecycle.statuses import BLOCKS, CHECK_NOT_SHOWN, FACTS, PATHS, UNKNOWN
from tests.lifecycle.order_states import LONG_AGO, NOW, ORDERED
from tests.lifecycle.phrases import (
    AGREED,
    ASKS_WHETHER,
    AT_HOME,
    CHECK,
    IF_ASKED,
    KEEP_FREE,
    NOTHING_TO_DO,
    ON_HOLD,
    PHOTO,
    REGRET,
)

Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]

each_language = pytest.mark.parametrize("language", LANGUAGES)

AUDIENCES: tuple[Audience, ...] = get_args(Audience)
PAST, AHEAD = NOW - timedelta(days=3), NOW + timedelta(days=3)
ODD_FIELDS: tuple[dict[str, Any], ...] = (
    {"unreadable": {"created_at": "?"}, "created_at": None},
    {"unreadable": {"appointment_at": "?"}},
    *({name: AHEAD} for name in ("created_at", "installed_at", "activated_at", "cancelled_at", "blocked_at")),
    *({name: PAST} for name in ("installed_at", "activated_at", "cancelled_at", "appointment_at", "blocked_at")),
    {"appointment_at": AHEAD},
    *({"cancelled_reason": reason} for reason in CANCELLED_REASONS),
    {},
)
BLOCKS_OVER: tuple[dict[str, Any], ...] = (
    {},
    *({"blocked_reason": reason, "blocked_at": PAST} for reason in (*BLOCKED_REASONS, "roof_missing")),
    {"blocked_reason": "check_missing"},
    {"blocked_at": PAST},
)


def cases() -> list[tuple[str, dict[str, Any]]]:
    return [
        (status, {"created_at": created, **block, **odd})
        for status in (*STATUSES[CURIE], "teleported")
        for created in (ORDERED, LONG_AGO)
        for block in BLOCKS_OVER
        for odd in ODD_FIELDS
    ]


def orders(language: str, anomaly: str) -> list[tuple[OrderState, Explanation]]:
    """Every order that shows this anomaly, with its explanation."""
    name, found = texts(language).anomaly_names[anomaly], []
    for status, fields in cases():
        state = OrderState(api_version=CURIE, status=status, **fields)
        if name in anomaly_names(state, NOW, language):
            found.append((state, explain(state, now=NOW, language=language)))
    assert found, f"no order shows {anomaly}"
    return found


def asked(explanation: Explanation) -> str:
    return f"{explanation.customer_message} {explanation.customer_action}"


@each_language
def test_no_order_is_asked_for_something_by_one_field_and_told_to_wait_by_another(language: str) -> None:
    for anomaly in AnomalyTexts.model_fields:
        for state, said in orders(language, anomaly):
            nothing = NOTHING_TO_DO.found_in(said.customer_message, language)
            assert not (nothing and (said.customer_action or said.waiting_on in {"customer", "unknown"})), state
            if said.waiting_on == "nobody":
                assert said.customer_action is None, state
            if said.waiting_on == "unknown":
                assert not PHOTO.found_in(asked(said), language), state
                assert not AT_HOME.found_in(asked(said), language), state


@each_language
def test_fields_ahead_of_the_status_leave_it_unknown_who_acts(language: str) -> None:
    for state, said in orders(language, "too_early"):
        if state.status == "activated":  # a final order stays final, whatever else it carries
            assert said.waiting_on == "nobody"
        else:
            assert (said.waiting_on, said.confidence) == ("unknown", "unknown"), state
            assert said.customer_message.startswith(texts(language).contradiction.customer_message)
            late = (
                state.created_at == LONG_AGO and FACTS[CURIE].get(state.status, UNKNOWN).phase == "before_installation"
            )
            assert bool(REGRET.found_in(said.customer_message, language)) is late, state
            assert (texts(language).timing.escalation_now in (said.escalation or "")) is late, state


@each_language
def test_an_appointment_that_lies_ahead_of_an_installed_meter_leaves_it_unknown_who_acts(language: str) -> None:
    for state, said in orders(language, "appointment_too_late"):
        if state.status == "installed" and said.blocked is None:
            assert (said.waiting_on, said.confidence) == ("unknown", "unknown"), state
            assert said.customer_action is None


@each_language
def test_a_check_that_was_reviewed_is_asked_of_nobody(language: str) -> None:
    for state, said in orders(language, "check_already_reviewed"):
        assert said.waiting_on == "unknown", state
        assert not PHOTO.found_in(asked(said), language), state


@each_language
def test_a_block_without_a_reason_is_nobodys_turn(language: str) -> None:
    for state, said in orders(language, "blocked_without_reason"):
        assert said.waiting_on == "unknown", state


@each_language
def test_without_an_appointment_nobody_is_told_that_there_is_one(language: str) -> None:
    for state, said in orders(language, "appointment_missing"):
        assert not AGREED.found_in(asked(said), language), state
        assert not AT_HOME.found_in(asked(said), language), state


@each_language
def test_an_appointment_that_has_passed_is_asked_about_unless_a_contradiction_goes_before(language: str) -> None:
    words = texts(language)
    for state, said in orders(language, "appointment_past"):
        contradicted = said.customer_message.startswith(words.contradiction.customer_message)
        assert bool(ASKS_WHETHER.found_in(said.customer_message, language)) is not contradicted, state
        assert not AT_HOME.found_in(asked(said), language), state
        assert (said.waiting_on, said.confidence) == ("unknown", "unknown"), state
        assert said.meaning != words.curie["scheduled"].meaning
        if said.blocked and not contradicted:
            assert ON_HOLD.found_in(said.customer_message, language), state
            assert (said.escalation or "").startswith(words.appointment.past_on_hold)
        assert len(said.customer_message.split()) <= 80


@each_language
@pytest.mark.parametrize("block", [{}, {"blocked_reason": "check_missing", "blocked_at": PAST}])
def test_who_has_sent_it_already_is_still_asked_about_an_appointment_that_has_passed(
    block: dict[str, Any], language: str
) -> None:
    state = OrderState(api_version=CURIE, status="placed", created_at=LONG_AGO, appointment_at=PAST, **block)
    said = explain(state, now=NOW, language=language, customer_says="already_done")
    assert said.customer_message.startswith(texts(language).already_done.thanks)
    assert ASKS_WHETHER.found_in(said.customer_message, language)
    assert len(said.customer_message.split()) <= 80


@each_language
@pytest.mark.parametrize("hour", [0, 8, 22])
def test_an_appointment_has_passed_when_its_day_in_berlin_is_over(hour: int, language: str) -> None:
    today = datetime(2026, 11, 20, hour, tzinfo=UTC)
    state = OrderState(api_version=CURIE, status="scheduled", created_at=ORDERED, appointment_at=today)
    passed = texts(language).anomaly_names["appointment_past"]
    for now, over in ((today.replace(hour=22, minute=59), False), (today.replace(hour=23), True)):
        said = explain(state, now=now, language=language)
        assert bool(ASKS_WHETHER.found_in(said.customer_message, language)) is over
        assert (passed in anomaly_names(state, now, language)) is over
        assert (summary_of(state, now=now, language=language).appointment_passed is not None) is over
    installed = replace(state, status="installed", installed_at=NOW)
    assert explain(installed, now=today.replace(hour=22, minute=59)).waiting_on == "installation_partner"


@each_language
@pytest.mark.parametrize("status", ["installed", "activated", "cancelled"])
@pytest.mark.parametrize("block", [{}, {"blocked_reason": "grid_operator_registration", "blocked_at": PAST}])
def test_a_status_whose_own_time_lies_ahead_is_contradicted(block: Any, status: str, language: str) -> None:
    for ahead, clash in ((timedelta(days=3), True), (timedelta(minutes=6), True), (timedelta(minutes=4), False)):
        fields = {f"{status}_at": NOW + ahead, **block}
        state = OrderState(api_version=CURIE, status=status, created_at=ORDERED, **fields)
        said, line = explain(state, now=NOW, language=language), summary_of(state, now=NOW, language=language)
        assert (said.customer_message == texts(language).contradiction.customer_message) is clash
        assert (said.waiting_on == "unknown") is (said.confidence == "unknown") is clash
        assert (line.waiting_on, line.confidence) == (said.waiting_on, said.confidence)
        if clash:
            assert (said.final, said.outcome) in {(False, "open"), (None, "unknown")}


@each_language
def test_a_time_that_cannot_have_come_yet_is_told_as_no_time_of_anything(language: str) -> None:
    day = {"en": "23 Nov 2026", "de": "23.11.2026"}[language]
    for state, said in orders(language, "in_future"):
        since = said.blocked.since if said.blocked else None
        assert day not in f"{said.timing} {since}".replace("Appointment 23", ""), state


@each_language
def test_what_is_left_over_on_a_final_order_changes_nothing(language: str) -> None:
    for state, said in orders(language, "blocked_when_final"):
        assert (said.blocked, said.customer_action) == (None, None), state
        ahead = texts(language).anomaly_names["in_future"] in anomaly_names(state, NOW, language)
        assert said.waiting_on == "nobody" or ahead, state


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_past_the_target_there_is_an_apology_everywhere(version: ApiVersion, language: str) -> None:
    for status in STATUSES[version]:
        if FACTS[version][status].phase != "before_installation":
            continue
        for block in BLOCKS_OVER if version == CURIE else ({},):
            early, late = (
                explain(
                    OrderState(api_version=version, status=status, created_at=created, **block),
                    now=NOW,
                    language=language,
                )
                for created in (ORDERED, LONG_AGO)
            )
            assert REGRET.found_in(late.customer_message, language), (status, block)
            assert not REGRET.found_in(early.customer_message, language), (status, block)
            assert texts(language).timing.escalation.partition(":")[0] in (late.escalation or "") or (
                texts(language).timing.escalation_now in (late.escalation or "")
            )


NO_DURATION = {
    "en": r"No step has a published duration|No target is published|no time is running",
    "de": r"Für keinen Schritt ist eine Dauer veröffentlicht|kein Richtwert veröffentlicht|läuft auch keine Zeit",
}


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_every_status_and_every_block_says_that_no_duration_is_published(version: ApiVersion, language: str) -> None:
    asked: list[dict[str, Any]] = [{"status": status, "api_version": version} for status in STATUSES[version]]
    asked += [{"status": "blocked", "blocked_reason": reason} for reason in ("", *BLOCKED_REASONS, "roof_missing")]
    by_name = [explain_status(**each, language=language) for each in asked]
    open_orders = [
        explain(OrderState(api_version=version, status=status, created_at=ORDERED, **block), now=NOW, language=language)
        for status in (*STATUSES[version], "teleported")
        for block in (BLOCKS_OVER if version == CURIE else ({},))
    ]
    for said in (*by_name, *(each for each in open_orders if not each.final)):
        assert said.timing
        assert any(sentence in said.timing for sentence in NO_DURATION[language].split("|")), said


@each_language
def test_wherever_it_is_the_customers_turn_there_is_an_answer_to_i_have_done_it_already(language: str) -> None:
    words = texts(language)
    turns = {**words.curie, **words.edison, **words.blocked}
    facts = {**FACTS[CURIE], **FACTS[EDISON], **BLOCKS}
    theirs = {name for name, each in facts.items() if each.waiting_on == "customer"}
    assert {name for name, turn in turns.items() if turn.already_done} == theirs >= {"check_missing", "placed"}


@each_language
@pytest.mark.parametrize("ahead", [None, AHEAD], ids=["no appointment", "appointment"])
def test_who_has_sent_it_already_is_asked_for_nothing_and_keeps_the_appointment(ahead: Any, language: str) -> None:
    fields = {"blocked_reason": "check_missing", "blocked_at": PAST, "appointment_at": ahead}
    state = OrderState(api_version=CURIE, status="placed", created_at=LONG_AGO, **fields)
    said = explain(state, now=NOW, language=language, customer_says="already_done")
    assert said.customer_message.startswith({"en": "Thank you for telling us", "de": "Vielen Dank für"}[language])
    assert not PHOTO.found_in(asked(said), language)
    assert (said.customer_action is not None) is (ahead is not None)
    assert ({"en": "keep your appointment", "de": "halten Sie Ihren"}[language] in said.customer_message) is bool(ahead)
    assert REGRET.found_in(said.customer_message, language)
    assert len(said.customer_message.split()) <= 80
    assert (said.waiting_on, said.confidence) == (
        "unknown",
        "unknown",
    )  # the records say one thing, the customer another


@each_language
def test_where_nothing_waits_for_the_customer_what_they_say_is_only_noted(language: str) -> None:
    note = texts(language).already_done.nothing_known
    for version in VERSIONS:
        for status in STATUSES[version]:
            order = OrderState(api_version=version, status=status, created_at=ORDERED)
            said, silent = (
                explain(order, now=NOW, language=language, customer_says=says) for says in ("already_done", "")
            )
            if FACTS[version][status].waiting_on == "customer":
                assert said.customer_message != silent.customer_message
                assert note not in said.meaning
            else:
                assert said == silent.model_copy(update={"meaning": f"{silent.meaning} {note}"})
            assert note not in explain(order, now=NOW, audience="customer", customer_says="already_done").meaning


@each_language
@pytest.mark.parametrize("appointment", [{"appointment_at": AHEAD}, {"unreadable": {"appointment_at": "?"}}])
def test_an_early_appointment_leaves_the_status_its_own_actions(appointment: Any, language: str) -> None:
    words = texts(language)
    early: list[tuple[str, dict[str, Any]]] = [
        ("created", {}),
        ("created", {"malo": False, "melo": True}),
        ("placed", {}),
    ]
    for status, details in early:
        order = OrderState(api_version=CURIE, status=status, created_at=ORDERED, **details, **appointment)
        free, said = (
            explain(each, now=NOW, language=language)
            for each in (replace(order, appointment_at=None, unreadable={}), order)
        )
        same = ("waiting_on", "confidence", "meaning", "operator_action", "next")
        assert all(getattr(said, name) == getattr(free, name) for name in same)
        assert said.customer_action == " ".join(filter(None, [free.customer_action, words.appointment.on_hold]))
        assert KEEP_FREE.found_in(said.customer_message, language)
        assert not NOTHING_TO_DO.found_in(said.customer_message, language)
        done = explain(order, now=NOW, language=language, customer_says="already_done")
        assert (done.customer_message != said.customer_message) is (status == "placed")
        assert KEEP_FREE.found_in(done.customer_message, language)


@each_language
def test_a_hold_is_looked_at_daily_before_the_target_and_now_past_it(language: str) -> None:
    daily, at_once = {"en": ("once a day", "now"), "de": ("einmal am Tag", "jetzt")}[language]
    grid = {"blocked_reason": "grid_operator_registration", "blocked_at": PAST}
    holds: list[tuple[ApiVersion, str, dict[str, Any]]] = [
        (CURIE, "placed", grid),
        (EDISON, "blocked", {}),
        (EDISON, "blocked_wim", {}),
    ]
    for version, status, block in holds:
        for created, says, not_says in ((ORDERED, daily, at_once), (LONG_AGO, at_once, daily)):
            order = OrderState(api_version=version, status=status, created_at=created, **block)
            said = explain(order, now=NOW, language=language)
            told = f"{said.operator_action} {said.escalation}"
            assert says in (said.operator_action or "")
            assert not_says not in told


@each_language
def test_no_customer_reads_of_zones_or_of_a_status(language: str) -> None:
    inner = {"en": r"\bCES?T\b|\bstatus\b", "de": r"\bMES?Z\b|\bStatus\b"}[language]
    for status, fields in cases():
        order = OrderState(api_version=CURIE, status=status, **fields)
        said = explain(order, now=NOW, audience="customer", language=language)
        texts_told = (said.label, said.meaning, said.customer_action, said.customer_message, said.next)
        found = re.search(inner, " ".join(filter(None, texts_told)))
        assert not found, (order, found)


@each_language
def test_an_unknown_turn_is_never_called_known_nor_a_known_one_unknown(language: str) -> None:
    for status, fields in cases():
        order = OrderState(api_version=CURIE, status=status, **fields)
        said = explain(order, now=NOW, language=language)
        assert (said.waiting_on == "unknown") is (said.confidence == "unknown"), order
    overlay = explain_status("blocked", language=language)
    assert (overlay.waiting_on, overlay.confidence) == ("unknown", "unknown")


# --- metering details -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("malo", "melo", "note", "action"),
    [
        (False, False, "The subscription carries no MaLo and MeLo: the likely cause (inferred).", "MaLo and MeLo."),
        (False, True, "The subscription carries no MaLo: the likely cause (inferred).", "missing MaLo."),
        (None, False, "The subscription carries no MeLo: the likely cause (inferred).", "missing MeLo."),
        (True, True, "MaLo and MeLo are there: what it waits for is not known.", None),
        (True, None, "", "are complete."),
        (None, None, "", "are complete."),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_waits_for_metering_details_says_what_is_known_of_them(
    version: ApiVersion, malo: Any, melo: Any, note: str, action: str | None, explained: Explain
) -> None:
    state = OrderState(api_version=version, status=PATHS[version][0], created_at=ORDERED, malo=malo, melo=melo)
    said = explained(state)
    assert said.meaning.endswith(note)
    assert ("MaLo" in said.meaning or "MeLo" in said.meaning) is bool(note)
    assert (said.operator_action or "").endswith(action or "")
    assert (said.operator_action is None) is (action is None)
    told = explained(state, audience="customer")
    assert "M" not in told.meaning.replace("Market", "")
    if malo and melo:
        assert "collected" not in f"{said.meaning} {told.meaning} {told.customer_message}"


@pytest.mark.parametrize("status", ["placed", "installed"])
def test_no_other_status_waits_for_metering_details(status: str, curie: Make, explained: Explain) -> None:
    assert explained(curie(status, malo=False, melo=False)) == explained(curie(status))


def test_a_block_goes_before_missing_metering_details(curie: Make, explained: Explain) -> None:
    assert "MaLo" not in explained(curie("created", malo=False, blocked_reason="check_missing")).meaning


# --- how well it is known ---------------------------------------------------------------------------------------------


@each_language
def test_how_a_documented_block_ends_is_called_inferred(language: str) -> None:
    for status in ("blocked", "blocked_wim"):
        said = explain_status(status, api_version=EDISON, language=language)
        assert (said.confidence, said.confidence_of) == ("documented", {"next": "inferred"})


@each_language
def test_a_sentence_that_is_marked_as_inferred_is_named_wherever_the_answer_is_documented(language: str) -> None:
    mark = texts(language).labels.confidence["inferred"] + ")"
    asked: list[dict[str, Any]] = [
        {"status": status, "api_version": asked}
        for names in STATUSES.values()
        for status in names
        for asked in VERSIONS
    ]
    found = 0
    for each in (*asked, {"status": "blocked"}):
        said = explain_status(**each, language=language)
        marked = {name for name, text in said.model_dump().items() if isinstance(text, str) and mark in text}
        if said.confidence == "documented":
            assert marked <= set(said.confidence_of or {}), each
            found += len(marked)
        else:
            assert said.confidence_of is None
    assert found


def test_missing_metering_details_are_inferred_beside_a_documented_wait(edison: Make, explained: Explain) -> None:
    said = explained(edison("waiting", malo=False, melo=True))
    assert (said.confidence, said.confidence_of) == ("documented", {"meaning": "inferred"})


@each_language
def test_the_customers_answer_carries_how_well_it_is_known_beside_clean_texts(language: str, curie: Make) -> None:
    said = explain(curie("placed"), now=NOW, audience="customer", language=language)
    assert said.confidence == "inferred"
    assert texts(language).labels.confidence["inferred"] not in f"{said.meaning} {asked(said)} {said.next}"


# --- the path ---------------------------------------------------------------------------------------------------------


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_a_status_names_those_before_and_after_it_in_the_usual_order(version: ApiVersion, language: str) -> None:
    steps = [f"{name} ({texts(language).statuses(version)[name].label})" for name in PATHS[version]]
    for status in PATHS[version]:
        assert explain_status(status, api_version=version, language=language).path == " → ".join(steps)


# --- a list says of an order what its explanation says ----------------------------------------------------------------


def test_a_line_of_a_list_agrees_with_the_orders_explanation() -> None:
    for status, fields in cases():
        state = OrderState(api_version=CURIE, status=status, **fields)
        line, said = summary_of(state, now=NOW), explain(state, now=NOW)
        assert (line.waiting_on, line.confidence) == (said.waiting_on, said.confidence), state
        assert len(line.anomalies) <= len(said.anomalies or ()), state
        assert bool(line.anomalies) is bool(said.anomalies), state


# --- a short answer leaves out a time only where its own sentence tells it -------------------------------------------


@each_language
def test_a_time_is_told_only_where_its_own_sentence_says_it(language: str) -> None:
    first, eleventh = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (1, 11))
    placed = OrderState(
        api_version=CURIE, status="scheduled", created_at=eleventh, appointment_at=AHEAD, installed_at=first
    )
    assert times_told(placed, explain(placed, now=NOW, language=language), language) == ["created_at", "appointment_at"]
    active = OrderState(
        api_version=CURIE,
        status="activated",
        created_at=PAST,
        installed_at=PAST,
        activated_at=PAST,
        appointment_at=PAST,
    )
    assert times_told(active, explain(active, now=NOW, language=language), language) == ["activated_at"]
    held = OrderState(
        api_version=CURIE, status="placed", created_at=first, blocked_at=eleventh, blocked_reason="check_missing"
    )
    assert times_told(held, explain(held, now=NOW, language=language), language) == ["created_at", "blocked_at"]
    clash = replace(held, created_at=None, blocked_at=None, unreadable={"blocked_at": "?"}, installed_at=first)
    assert times_told(clash, explain(clash, now=NOW, language=language), language) == []


# --- edison does not show a missing check ----------------------------------------------------------------------------


@each_language
@pytest.mark.parametrize("status", CHECK_NOT_SHOWN)
def test_where_a_missing_check_cannot_be_seen_nobody_is_told_that_there_is_nothing_to_do(
    status: str, language: str
) -> None:
    order = OrderState(api_version=EDISON, status=status, created_at=ORDERED)
    note = texts(language).note.check_not_shown
    for audience in AUDIENCES:
        ways = (
            explain(order, now=NOW, audience=audience, language=language),
            explain_status(status, api_version=EDISON, audience=audience, language=language),
        )
        for said in ways:
            assert not NOTHING_TO_DO.found_in(said.customer_message, language)
            assert IF_ASKED.found_in(said.customer_message, language)
            assert not CHECK.found_in(said.customer_message, language)
            assert said.customer_action
            assert (note in said.meaning) is (audience == "agent")


@each_language
@pytest.mark.parametrize("status", STATUSES[EDISON])
def test_a_text_names_the_api_version_that_it_is_about(status: str, language: str) -> None:
    """Whoever asks a server of curie about a status of edison would take "this version" for curie."""
    lines = status_lines(status, api_version=EDISON, language=language).lines
    assert not re.search(r"(?i)\bthis (API )?version|\bdiese[rn]? (API-)?Version", str(lines))
