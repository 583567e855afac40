"""The texts are complete, and say nothing that no order can be in."""

import re
from collections.abc import Mapping
from typing import Any, get_args

import pytest

from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    ApiVersion,
    CatalogueError,
    WaitingOn,
    blocked_statuses,
    open_statuses,
)
from nomos_mcp.lifecycle.catalogue import Catalogue, Turn, catalogue_of, raw_texts, texts

each_language = pytest.mark.parametrize("language", LANGUAGES)

REQUIRED = [
    (language, group, entry)
    for language in LANGUAGES
    for group in Catalogue.model_fields
    for entry in raw_texts(language)[group]
    # English need not have these; if it has, every other language has.
    if language != "en" or (group != "glossary" and entry not in {"operator_action", "escalation", "next", "hold"})
]


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_every_status_has_its_texts_and_no_other_has(version: ApiVersion, language: str) -> None:
    assert sorted(texts(language).statuses(version)) == sorted(STATUSES[version])


@each_language
def test_every_reason_has_its_texts_and_no_other_has(language: str) -> None:
    assert set(texts(language).blocked) == {*BLOCKED_REASONS, "check_missing_after_review", "unknown", "unstated"}
    assert set(texts(language).cancelled) == set(CANCELLED_REASONS)


@each_language
@pytest.mark.parametrize("reason", BLOCKED_REASONS)
def test_a_language_whose_overlay_names_not_every_reason_does_not_load(reason: str, language: str) -> None:
    raw = raw_texts(language)
    raw["overlay"]["operator_action"] = raw["overlay"]["operator_action"].replace(reason, "it")
    with pytest.raises(CatalogueError, match=rf"overlay.operator_action does not say whose turn {reason} is"):
        catalogue_of(language, raw)


@each_language
@pytest.mark.parametrize(("group", "name"), [("curie", "placed"), ("edison", "intended"), ("blocked", "check_missing")])
def test_a_language_without_an_answer_to_i_have_done_it_already_does_not_load(
    group: str, name: str, language: str
) -> None:
    raw = raw_texts(language)
    del raw[group][name]["already_done"]
    with pytest.raises(CatalogueError, match=rf"{group}\.{name}\.already_done goes with the customer's turn"):
        catalogue_of(language, raw)


@each_language
def test_everyone_who_can_act_has_a_name(language: str) -> None:
    assert set(texts(language).waiting_on) == set(get_args(WaitingOn))


@each_language
@pytest.mark.parametrize("version", VERSIONS)
def test_exactly_the_statuses_that_are_a_block_say_what_holds_them_up(version: ApiVersion, language: str) -> None:
    holding = {status for status, said in texts(language).statuses(version).items() if said.hold}
    assert holding == set(blocked_statuses(version))


@pytest.mark.parametrize(("language", "group", "entry"), REQUIRED)
def test_a_language_that_lacks_an_entry_does_not_load_and_names_it(language: str, group: str, entry: str) -> None:
    raw = raw_texts(language)
    del raw[group][entry]
    with pytest.raises(CatalogueError, match=rf"'{language}'.*\b{group}\b.*\b{entry}\b.* is missing"):
        catalogue_of(language, raw)


@each_language
@pytest.mark.parametrize("entry", ["meaning", "label", "customer_message", "do_not_say"])
def test_a_status_that_lacks_a_text_does_not_load_and_is_named(entry: str, language: str) -> None:
    raw = raw_texts(language)
    del raw["curie"]["placed"][entry]
    with pytest.raises(CatalogueError, match=rf"'{language}'.*curie\.placed\.{entry} is missing"):
        catalogue_of(language, raw)


def test_a_language_that_lacks_a_whole_group_does_not_load() -> None:
    raw = raw_texts("de")
    del raw["anomaly"]
    with pytest.raises(CatalogueError, match=r"'de'.*anomaly is missing"):
        catalogue_of("de", raw)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (("curie", "placed", "customer_action"), "curie.placed.customer_action is missing"),
        (("edison", "cancelled", "escalation"), "edison.cancelled.escalation is missing"),
        (("glossary", "vnb", "expansion"), "glossary.vnb.expansion is missing"),
        (("labels", "confidence", "unknown"), "labels.confidence: unknown is missing"),
        (("format", "zones", "CEST"), "format.zones: CEST is missing"),
    ],
)
def test_a_language_that_lacks_what_english_says_does_not_load(entry: tuple[str, str, str], told: str) -> None:
    raw = raw_texts("de")
    del raw[entry[0]][entry[1]][entry[2]]
    with pytest.raises(CatalogueError, match=re.escape(told)):
        catalogue_of("de", raw)


@pytest.mark.parametrize(
    ("entry", "text", "told"),
    [
        (("blocked", "check_missing", "customer_action"), "", "blocked.check_missing.customer_action is empty"),
        (("blocked", "roof_missing"), {}, "blocked.roof_missing.meaning is missing"),
        (("anomaly", "surprise"), "Oh.", "anomaly.surprise is not expected"),
        (("curie", "created", "customer_action"), "Wait.", "curie.created.customer_action is not in en.toml"),
        (("glossary", "roof"), {"term": "a", "meaning": "b"}, "glossary.roof.term is not in en.toml"),
        (("document", "status_columns"), ["Status"], "document.status_columns.1 is missing"),
        (("timing", "ordered"), "{dat}", "timing.ordered: the placeholders are {dat} instead of {age} {date}"),
        (("timing", "target"), "{date}", "timing.target: the placeholders are {date} instead of none"),
        (("curie", "created", "next"), "{date}", "curie.created.next: the placeholders are {date} instead of none"),
    ],
)
def test_a_flaw_is_told_with_its_place(entry: tuple[str, ...], text: object, told: str) -> None:
    raw = raw_texts("de")
    place: dict[str, Any] = raw
    for name in entry[:-1]:
        place = place[name]
    place[entry[-1]] = text
    with pytest.raises(CatalogueError, match=re.escape(told)):
        catalogue_of("de", raw)


def test_every_flaw_is_told_at_once() -> None:
    raw = raw_texts("de")
    del raw["curie"]["placed"]
    del raw["waiting_on"]["nobody"]
    with pytest.raises(CatalogueError, match="placed is missing; waiting_on: nobody is missing"):
        catalogue_of("de", raw)


@each_language
def test_only_the_texts_about_an_appointment_have_a_blank_to_fill_in(language: str) -> None:
    words = texts(language)
    turns = (*words.blocked.values(), *words.curie.values())
    told = [
        *(turn.beside_appointment for turn in turns if turn.beside_appointment),
        words.appointment.upcoming.customer_message,
        words.appointment.past.customer_message,
    ]
    assert all("{appointment}" in text for text in told)
    rest = "".join(turn.model_dump_json(exclude_none=True)[1:-1] for turn in _turns(language).values())
    for text in told:
        rest = rest.replace(text, "")
    assert "{" not in rest


@each_language
def test_support_is_the_only_contact_named(language: str) -> None:
    everything = texts(language).model_dump_json()
    assert set(re.findall(r"[\w.]+@[\w.]+\w", everything)) == {"support@nomos.energy"}
    assert not re.search(r"https?://|\+49|\b0\d{3,}", everything)


@each_language
def test_eight_weeks_is_the_only_duration_named(language: str) -> None:
    durations = re.findall(r"\w+ (?:hours|weeks|months|Stunden|Wochen|Monate)\b", texts(language).model_dump_json())
    assert set(durations) == {"en": {"eight weeks", "over weeks"}, "de": {"acht Wochen", "über Wochen"}}[language]


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
        "en": {"smart meter check", "dynamic price", "ordering", "cancelling", "provider"},
        "de": {"Smart-Meter-Check", "dynamischer Preis", "Bestellen", "Stornieren", "provider"},
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
        "contradiction": words.contradiction,
        "appointment.upcoming": appointment.upcoming,
        "appointment.past": appointment.past,
    }
