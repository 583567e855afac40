"""A status asked for by its name, in either vocabulary."""

from typing import Any

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CURIE,
    EDISON,
    STATUSES,
    VERSIONS,
    ApiVersion,
    ContradictionError,
    UnknownAudienceError,
    UnknownLanguageError,
    UnknownStatusError,
    UnknownVersionError,
    explain_status,
)


@pytest.mark.parametrize(("version", "status"), [(v, s) for v in STATUSES for s in STATUSES[v]])
def test_every_status_has_an_explanation_that_needs_no_order(version: str, status: str) -> None:
    explanation = explain_status(status, api_version=version)
    assert (explanation.status, explanation.api_version) == (status, version)
    assert explanation.anomalies is None


@pytest.mark.parametrize("status", ["installed", "activated", "cancelled"])
def test_a_name_of_both_vocabularies_is_explained_for_the_version_asked(status: str) -> None:
    assert explain_status(status).api_version == CURIE
    assert explain_status(status, api_version=EDISON).api_version == EDISON


def test_a_name_of_the_other_vocabulary_says_where_it_belongs_and_what_is_nearest() -> None:
    explanation = explain_status("installation_planning")
    assert explanation.api_version == EDISON
    assert explanation.meaning.endswith(
        "`installation_planning` is a status of 2026-01-29.edison, not of 2026-05-27.curie; nearest there (inferred): "
        "check_reviewed."
    )


def test_several_neighbours_are_all_named() -> None:
    assert "installation_scheduled, installation_waiting" in explain_status("scheduled", api_version=EDISON).meaning


@pytest.mark.parametrize(("status", "version"), [("intended", CURIE), ("check_submitted", EDISON)])
def test_a_name_without_a_counterpart_says_so(status: str, version: str) -> None:
    assert "has no counterpart there (inferred)" in explain_status(status, api_version=version).meaning


def test_the_customer_is_spared_the_vocabularies() -> None:
    assert "edison" not in explain_status("installation_planning", audience="customer").meaning


def test_blocked_is_explained_as_an_overlay_in_curie_with_both_reasons() -> None:
    explanation = explain_status("blocked")
    assert (explanation.api_version, explanation.outcome, explanation.final) == (CURIE, "open", False)
    assert (explanation.waiting_on, explanation.confidence, explanation.stage) == ("unknown", "unknown", None)
    assert explanation.blocked is not None
    assert explanation.blocked.reason is None
    assert "smart meter check" in explanation.blocked.meaning
    assert "grid operator" in explanation.blocked.meaning
    assert "A block is no status" in explanation.meaning
    assert "In 2026-01-29.edison, `blocked` is a status of its own" in explanation.meaning


@pytest.mark.parametrize(
    ("reason", "waiting_on"), [("check_missing", "customer"), ("grid_operator_registration", "grid_operator")]
)
@pytest.mark.parametrize("status", ["blocked", ""])
def test_blocked_with_its_reason_is_that_reason(status: str, reason: str, waiting_on: str) -> None:
    explanation = explain_status(status, blocked_reason=reason)
    assert (explanation.status, explanation.label) == ("blocked", "On hold")
    assert (explanation.waiting_on, explanation.confidence) == (waiting_on, "inferred")
    assert explanation.blocked is not None
    assert explanation.blocked.reason == reason


def test_a_reason_alone_is_curies_whatever_version_is_asked() -> None:
    blocked = explain_status("", blocked_reason="check_missing", api_version=EDISON)
    assert (blocked.status, blocked.api_version, blocked.waiting_on) == ("blocked", CURIE, "customer")
    assert "In 2026-01-29.edison, `blocked` is a status of its own" in blocked.meaning
    cancelled = explain_status("", cancelled_reason="pre_existing", api_version=EDISON)
    assert (cancelled.status, cancelled.api_version) == ("cancelled", CURIE)
    assert "counterpart" not in cancelled.meaning


def test_blocked_with_a_reason_new_to_us_names_the_known_ones() -> None:
    explanation = explain_status("blocked", blocked_reason="roof_missing")
    assert (explanation.waiting_on, explanation.confidence) == ("unknown", "unknown")
    assert f"Reasons known here: {', '.join(BLOCKED_REASONS)}." in explanation.meaning


def test_blocked_is_a_manual_review_in_edison() -> None:
    explanation = explain_status("blocked", api_version=EDISON)
    assert (explanation.label, explanation.waiting_on) == ("Held for manual review", "nomos")


def test_a_status_with_a_block_over_it_is_told_as_on_hold() -> None:
    explanation = explain_status("placed", blocked_reason="grid_operator_registration")
    assert explanation.label == "With the installation partner, on hold"
    assert explanation.waiting_on == "grid_operator"


@pytest.mark.parametrize("status", ["check_reviewed", "scheduled", "installed"])
def test_a_missing_check_contradicts_a_status_after_its_review_by_name_too(status: str) -> None:
    explanation = explain_status(status, blocked_reason="check_missing")
    assert (explanation.waiting_on, explanation.customer_action) == ("unknown", None)


@pytest.mark.parametrize("status", ["cancelled", ""])
def test_cancelled_with_its_reason_is_that_reason(status: str) -> None:
    explanation = explain_status(status, cancelled_reason="pre_existing")
    assert explanation.status == "cancelled"
    assert explanation.customer_message.startswith("Good news")


@pytest.mark.parametrize(
    ("status", "timing"),
    [
        ("placed", "Target from order to installation: about eight weeks. No step has a published duration."),
        ("installed", "No target is published from installation to activation."),
        ("intended", "No order has been placed, so no time is running."),
        ("activated", "No step has a published duration."),
    ],
)
def test_without_an_order_only_what_is_published_is_said_about_time(status: str, timing: str) -> None:
    assert explain_status(status).timing == timing


@pytest.mark.parametrize(
    "asked",
    [
        {"status": "blocked"},
        {"status": "placed", "blocked_reason": "check_missing"},
        {"status": "blocked", "api_version": EDISON},
        {"status": "blocked_wim", "api_version": EDISON},
    ],
)
def test_while_something_is_blocked_the_target_is_not_held_out(asked: dict[str, str]) -> None:
    assert explain_status(**asked).timing == "No step has a published duration."  # type: ignore[arg-type]  # strings, by name


def test_a_version_may_be_called_by_its_name_alone() -> None:
    assert explain_status("installed", api_version="edison").api_version == EDISON


def test_a_misspelt_status_gets_the_nearest_name_and_both_vocabularies() -> None:
    with pytest.raises(UnknownStatusError) as error:
        explain_status("shceduled")
    message = str(error.value)
    assert "Did you mean scheduled" in message
    assert all(status in message for statuses in STATUSES.values() for status in statuses)


def test_a_misspelt_reason_gets_the_nearest_reason() -> None:
    with pytest.raises(UnknownStatusError, match="Did you mean check_missing"):
        explain_status("chek_missing")


def test_a_name_longer_than_any_is_quoted_in_short_and_compared_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("difflib.SequenceMatcher", lambda *_: pytest.fail("compared"))
    with pytest.raises(UnknownStatusError) as caught:
        explain_status("blocked" * 100_000)
    assert len(str(caught.value)) < 700


def test_a_status_like_no_other_gets_both_vocabularies_without_a_guess() -> None:
    with pytest.raises(UnknownStatusError, match=r"'zzz'\. Ask for one of these"):
        explain_status("zzz")


@pytest.mark.parametrize(("name", "field"), [("check_missing", "blocked_reason"), ("pre_existing", "cancelled_reason")])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_reason_in_place_of_a_status_is_that_reason(version: ApiVersion, name: str, field: str) -> None:
    reason: dict[str, Any] = {field: name}
    meant = explain_status("", api_version=version, **reason)
    assert explain_status(name, api_version=version) == meant
    assert explain_status(name, api_version=version, **reason) == meant


@pytest.mark.parametrize("field", ["blocked_reason", "cancelled_reason"])
def test_a_reason_in_place_of_a_status_excludes_another(field: str) -> None:
    with pytest.raises(ContradictionError, match="one of them"):
        explain_status("check_missing", **{field: "grid_operator_registration"})  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("name", ["Check Missing", " check-missing ", "CHECKMISSING", "check_missing"])
def test_a_name_is_known_in_any_spelling(name: str) -> None:
    meant = explain_status("placed", blocked_reason="check_missing")
    assert explain_status("PLACED ", blocked_reason=name) == meant
    assert explain_status(name) == explain_status("", blocked_reason="check_missing")
    assert explain_status("Installation Planning").status == "installation_planning"


@pytest.mark.parametrize("name", ["-", "§", " "])
def test_a_name_without_letters_is_no_name(name: str) -> None:
    with pytest.raises(UnknownStatusError):
        explain_status(name)


def test_nothing_asked_is_nothing_to_explain() -> None:
    with pytest.raises(UnknownStatusError, match="No status was given"):
        explain_status("")


@pytest.mark.parametrize("status", ["activated", "cancelled"])
def test_a_final_status_contradicts_a_block(status: str) -> None:
    with pytest.raises(ContradictionError, match="is final"):
        explain_status(status, blocked_reason="check_missing")


def test_a_reason_of_cancelling_contradicts_any_other_status() -> None:
    with pytest.raises(ContradictionError, match="only a cancelled order"):
        explain_status("placed", cancelled_reason="pre_existing")


@pytest.mark.parametrize("reason", ["blocked_reason", "cancelled_reason"])
@pytest.mark.parametrize(("status", "version"), [("cancelled", EDISON), ("blocked", EDISON), ("blocked_wim", CURIE)])
def test_edison_knows_no_reasons(status: str, version: str, reason: str) -> None:
    with pytest.raises(ContradictionError, match="carry no reasons"):
        explain_status(status, api_version=version, **{reason: "check_missing"})  # type: ignore[arg-type]  # a string, by name


def test_both_reasons_contradict_each_other() -> None:
    with pytest.raises(ContradictionError, match="exclude each other"):
        explain_status("blocked", blocked_reason="check_missing", cancelled_reason="pre_existing")


def test_a_version_without_meter_orders_is_refused_by_name() -> None:
    with pytest.raises(UnknownVersionError, match=r"2026-05-27\.curie and 2026-01-29\.edison only"):
        explain_status("placed", api_version="2025-12-16.batman")


def test_a_language_without_texts_is_refused_by_name() -> None:
    with pytest.raises(UnknownLanguageError, match="'fr'"):
        explain_status("placed", language="fr")


def test_an_audience_nobody_wrote_for_is_refused_by_name() -> None:
    with pytest.raises(UnknownAudienceError, match="'boss'"):
        explain_status("placed", audience="boss")  # type: ignore[arg-type]  # what a tool's caller may send
