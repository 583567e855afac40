"""The texts are complete, and say nothing that no order can be in."""

import re
import tomllib
from collections.abc import Iterator, Mapping
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
    open_statuses,
)
from nomos_mcp.lifecycle.catalogue import Catalogue, Turn, texts

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
    durations = re.findall(r"\w+ (?:hours|weeks|months|Stunden|Wochen|Monate)\b", texts(language).model_dump_json())
    assert set(durations) == {"en": {"eight weeks", "over weeks"}, "de": {"acht Wochen", "über Wochen"}}[language]


def test_every_language_says_the_same_things_with_the_same_blanks_to_fill_in() -> None:
    shapes = {language: dict(_leaves(texts(language).model_dump())) for language in LANGUAGES}
    for language in LANGUAGES:
        assert shapes[language] == shapes["en"]


def test_no_text_was_left_untranslated() -> None:
    english, german = (_turns(language) for language in ("en", "de"))
    for name, turn in english.items():
        same = {key for key, text in turn.model_dump(exclude_none=True).items() if text == getattr(german[name], key)}
        assert not same, name


def test_german_addresses_the_customer_with_sie() -> None:
    for turn in _turns("de").values():
        assert not re.search(r"\b(du|dich|dir|dein\w*|euch|euer|eure\w*)\b", turn.model_dump_json(), re.IGNORECASE)
        assert re.search(r"\b(Sie|Ihr\w*|Ihnen)\b", turn.customer_message)


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_exactly_the_ends_have_nothing_that_follows(version: ApiVersion, language: str) -> None:
    ends = {status for status, said in texts(language).statuses(version).items() if said.next is None}
    assert ends == set(STATUSES[version]) - set(open_statuses(version))
    assert not any(said.next for said in texts(language).cancelled.values())


@each_language
def test_the_glossary_explains_the_words_of_the_field(language: str) -> None:
    glossary = texts(language).glossary
    terms = {word.term for word in glossary.values()}
    assert {"iMSys", "MSB", "wMSB", "gMSB", "VNB", "MaLo", "MeLo", "WiM", "§14a EnWG", "HEMS"} <= terms
    assert {word.term for word in glossary.values() if word.expansion is None} == {
        "en": {"smart meter check", "dynamic price"},
        "de": {"Smart-Meter-Check", "dynamischer Preis"},
    }[language]


def test_a_catalogue_is_read_once() -> None:
    assert texts("en") is texts("en")


def _turns(language: str) -> dict[str, Turn]:
    words = texts(language)
    groups: dict[str, Mapping[str, Turn]] = {
        "curie": words.curie,
        "edison": words.edison,
        "blocked": words.blocked,
        "cancelled": words.cancelled,
    }
    turns = {f"{group}.{name}": turn for group, entries in groups.items() for name, turn in entries.items()}
    appointment = words.appointment
    return turns | {
        "overlay": words.overlay,
        "unknown": words.unknown,
        "appointment.upcoming": appointment.upcoming,
        "appointment.past": appointment.past,
    }


def _leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    """Where each text stands, with its blanks to fill in, or how many there are of a list; None where nothing is."""
    for key, value in tree.items():
        where = f"{path}.{key}"
        if isinstance(value, Mapping):
            yield from _leaves(value, where)
        elif isinstance(value, str):
            yield where, sorted({name for _, name, _, _ in Formatter().parse(value) if name})
        else:
            yield where, None if value is None else len(value)
