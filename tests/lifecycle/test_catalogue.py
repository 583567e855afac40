"""The texts are complete, and say nothing that no order can be in."""

import re
import tomllib
from importlib.resources import files
from string import Formatter
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    ApiVersion,
    WaitingOn,
    blocked_statuses,
)
from nomos_mcp.lifecycle.catalogue import Catalogue, texts

each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture
def raw() -> dict[str, Any]:
    return tomllib.loads((files("nomos_mcp.lifecycle") / "texts" / "en.toml").read_text(encoding="utf-8"))


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_every_status_has_its_texts_and_no_other_has(version: ApiVersion, language: str) -> None:
    assert sorted(texts(language).statuses(version)) == sorted(STATUSES[version])


@each_language
def test_every_reason_has_its_texts_and_no_other_has(language: str) -> None:
    assert set(texts(language).blocked) == {*BLOCKED_REASONS, "unknown", "unstated"}
    assert set(texts(language).cancelled) == set(CANCELLED_REASONS)


@each_language
def test_everyone_who_can_act_has_a_name(language: str) -> None:
    assert set(texts(language).waiting_on) == set(get_args(WaitingOn))


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_exactly_the_statuses_that_are_a_block_say_what_holds_them_up(version: ApiVersion, language: str) -> None:
    holding = {status for status, said in texts(language).statuses(version).items() if said.hold}
    assert holding == set(blocked_statuses(version))


@pytest.mark.parametrize("entry", ["meaning", "label", "customer_message", "do_not_say"])
def test_a_missing_entry_is_refused(entry: str, raw: dict[str, Any]) -> None:
    del raw["curie"]["placed"][entry]
    with pytest.raises(ValidationError):
        Catalogue.model_validate(raw)


def test_an_empty_entry_is_refused(raw: dict[str, Any]) -> None:
    raw["blocked"]["check_missing"]["customer_action"] = ""
    with pytest.raises(ValidationError):
        Catalogue.model_validate(raw)


def test_a_spare_entry_is_refused(raw: dict[str, Any]) -> None:
    raw["anomaly"]["surprise"] = "A surprise."
    with pytest.raises(ValidationError):
        Catalogue.model_validate(raw)


@each_language
def test_only_the_texts_about_an_appointment_have_a_blank_to_fill_in(language: str) -> None:
    words = texts(language)
    turns = [*words.statuses(CURIE).values(), *words.statuses(EDISON).values(), *words.blocked.values()]
    turns += [*words.cancelled.values(), words.overlay, words.unknown]
    assert not any("{" in turn.model_dump_json(exclude_none=True)[1:-1] for turn in turns)
    for known in (words.appointment.upcoming, words.appointment.past):
        assert [name for _, name, _, _ in Formatter().parse(known.customer_message) if name] == ["appointment"]


@each_language
def test_support_is_the_only_contact_named(language: str) -> None:
    everything = texts(language).model_dump_json()
    assert set(re.findall(r"[\w.]+@[\w.]+\w", everything)) == {"support@nomos.energy"}
    assert not re.search(r"https?://|\+49|\b0\d{3,}", everything)


@each_language
def test_eight_weeks_is_the_only_duration_named(language: str) -> None:
    durations = re.findall(r"(?:about|\d+|\b[a-z]+) (?:weeks|months|hours)\b", texts(language).model_dump_json())
    assert set(durations) == {"eight weeks", "over weeks"}


def test_a_catalogue_is_read_once() -> None:
    assert texts("en") is texts("en")
