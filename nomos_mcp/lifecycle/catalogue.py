"""The texts, one TOML file for each language, checked when they are loaded.

A language loads only if it is complete: every status, reason and word of the facts has its entry and no other has, no
entry is empty, its {placeholders} are those that are filled in, and it has the entries that English has.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Annotated, Any, Final, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from nomos_mcp.lifecycle.statuses import (
    BLOCKED_REASONS,
    BLOCKS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    FACTS,
    STATUSES,
    ApiVersion,
    Audience,
    CatalogueError,
    Confidence,
    Facts,
    UnknownLanguageError,
    WaitingOn,
)

Language = Literal["en", "de"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_REFERENCE: Final[Language] = "en"


def _blanks(*names: str) -> AfterValidator:
    """Require exactly these placeholders, so that filling them in cannot fail."""

    def check(text: str) -> str:
        found = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        if found != set(names):
            told = [" ".join(f"{{{name}}}" for name in sorted(which)) or "none" for which in (found, names)]
            raise ValueError(f"the placeholders are {told[0]} instead of {told[1]}")
        return text

    return AfterValidator(check)


def _for_each(*names: str) -> AfterValidator:
    """Require an entry for each of these names and no other."""

    def check(entries: _Entries) -> _Entries:
        flaws = [f"{name} is missing" for name in names if name not in entries]
        flaws += [f"{name} is not expected" for name in entries if name not in names]
        if flaws:
            raise ValueError(", ".join(flaws))
        return entries

    return AfterValidator(check)


_Entries = TypeVar("_Entries", bound=Mapping[Any, Any])
Text = Annotated[str, _blanks()]
Dated = Annotated[str, _blanks("date", "age")]
ForStatus = Annotated[str, _blanks("status")]
Counted = Annotated[str, _blanks("days")]
NamesAppointment = Annotated[str, _blanks("appointment")]


class _Texts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1, defer_build=True)


class Turn(_Texts):
    """What is said about whose turn it is. What does not apply has no entry."""

    meaning: Text
    customer_action: Text | None = None
    operator_action: Text | None = None
    late_action: Text | None = None
    customer_message: Text
    already_done: Text | None = None
    beside_appointment: NamesAppointment | None = None
    next: Text | None = None
    escalation: Text | None = None
    do_not_say: Text


class StatusTexts(Turn):
    """A turn with the status's name for people; `hold` says what holds up an order whose status is a block."""

    label: Text
    hold: Text | None = None


class BlockTexts(Turn):
    """A turn under a block; `on_hold` is the block as one sentence."""

    on_hold: Text
    beside_appointment: NamesAppointment


class AppointmentTurn(Turn):
    customer_message: NamesAppointment


class AppointmentTexts(_Texts):
    """What is said of an order that carries an appointment; `on_hold` is what to do with it while it may not stand.

    `dated` and `undated` are what to keep free then, by whether the date can be read.
    """

    on_hold: Text
    past_on_hold: Text
    keep_free: NamesAppointment
    dated: Annotated[str, _blanks("moment")]
    undated: Text
    upcoming: AppointmentTurn
    past: AppointmentTurn
    unreadable: Turn
    missing: Turn


class FormatTexts(_Texts):
    months: Annotated[tuple[Text, ...], Field(min_length=12, max_length=12)]
    date: Annotated[str, _blanks("day", "month", "year")]
    day: Annotated[str, _blanks("day", "month")]
    moment: Annotated[str, _blanks("date", "time")]
    zones: Annotated[Mapping[str, Text], _for_each("CET", "CEST")]


class AgeTexts(_Texts):
    """Days before (`ago_*`) and after (`ahead_*`) today."""

    today: Text
    ago_one: Text
    ago_many: Counted
    ahead_one: Text
    ahead_many: Counted


class TimingTexts(_Texts):
    target: Text
    no_target: Text
    no_order: Text
    no_duration: Text
    not_known: Text
    ordered: Dated
    past_target: Text
    installed: Dated
    activated: Dated
    cancelled: Dated
    appointment: Annotated[str, _blanks("moment", "age")]
    apology: Text
    escalation: Text
    escalation_now: Text


class ObservedTexts(_Texts):
    """What the operator's own history adds; `nth` begins with the second time, `span` is of several days."""

    nth: tuple[Text, ...]
    many: Annotated[str, _blanks("count")]
    between: Annotated[str, _blanks("after", "by")]
    day: Text
    days: Counted
    span: Annotated[str, _blanks("least", "most")]
    step: Annotated[str, _blanks("count", "span", "median")]
    step_half: Annotated[str, _blanks("count", "span")]
    block: Annotated[str, _blanks("count", "span", "median")]
    block_half: Annotated[str, _blanks("count", "span")]


class PastTexts(_Texts):
    """What became of an order, for its customer; the rest are labels of statuses."""

    on_hold: Text
    goes_on: Annotated[str, _blanks("label")]
    appointment: Annotated[str, _blanks("moment")]
    no_appointment: Text


class MeteringTexts(_Texts):
    """What is said of an order that waits for metering details, by whether MaLo and MeLo are there."""

    both: Text
    there: Text
    meaning: Text
    customer_action: Text
    customer_message: Text
    missing: Annotated[str, _blanks("details")]
    operator_action: Annotated[str, _blanks("details")]


class AlreadyDoneTexts(_Texts):
    """Where the customer says that their part is done."""

    operator_action: Text
    nothing_known: Text
    thanks: Text


class NoteTexts(_Texts):
    blocked_label: Annotated[str, _blanks("label")]
    other_version: Annotated[str, _blanks("status", "version", "asked", "near")]
    other_version_alone: Annotated[str, _blanks("status", "version", "asked")]
    check_not_shown: Text
    overlay: Text
    overlay_elsewhere: Annotated[str, _blanks("version")]
    unknown_blocked_reason: Annotated[str, _blanks("known")]
    unknown_cancelled_reason: Annotated[str, _blanks("reason", "known")]


class AnomalyTexts(_Texts):
    unreadable: Annotated[str, _blanks("field", "text")]
    in_future: Annotated[str, _blanks("field", "when")]
    too_early: Annotated[str, _blanks("field", "status")]
    appointment_past: ForStatus
    appointment_missing: Text
    appointment_too_late: ForStatus
    appointment_while_blocked: Text
    blocked_when_final: ForStatus
    blocked_without_reason: Text
    blocked_without_time: Text
    check_already_reviewed: ForStatus
    without_time: Annotated[str, _blanks("field", "status")]
    cancelled_without_reason: Text


class SummaryTexts(_Texts):
    blocked: Annotated[str, _blanks("status", "reason")]
    blocked_since: Annotated[str, _blanks("status", "reason", "date")]
    blocked_unstated: Text
    since: Annotated[str, _blanks("status", "date")]
    cancelled: Annotated[str, _blanks("status", "reason")]
    appointment_upcoming: Annotated[str, _blanks("status", "when")]
    appointment_past: Annotated[str, _blanks("status", "when")]
    past_target: Annotated[str, _blanks("age")]
    anomalies: Annotated[str, _blanks("names")]


class DocumentTexts(_Texts):
    title: Text
    rules: tuple[Text, ...]
    path: Text
    status_columns: tuple[Text, ...]
    overlay_title: Text
    overlay_intro: Text
    reason_columns: tuple[Text, ...]
    cancelled_title: Text
    neighbours_title: Text
    neighbours_intro: Text
    neighbour_columns: tuple[Text, ...]
    no_neighbour: Text
    glossary_title: Text
    glossary_columns: tuple[Text, ...]


class DiagramTexts(_Texts):
    line: Text
    beside: Text
    overlay: Text


class LabelTexts(_Texts):
    """The labels of one status as lines; `nothing` is used if the customer has nothing to do."""

    meaning: Text
    blocked: Text
    waiting_on: Text
    customer_action: Text
    operator_action: Text
    customer_message: Text
    do_not_say: Text
    next: Text
    timing: Text
    escalation: Text
    sources: Text
    path: Text
    nothing: Text
    confidence: Annotated[Mapping[str, Text], _for_each(*get_args(Confidence))]


class Term(_Texts):
    """A word of the field. `expansion` is what an abbreviation stands for; a plain word has none.

    `aliases` are other words for it. `customer_meaning` stands in place of a meaning that is for the support only.
    """

    term: Text
    expansion: Text | None = None
    aliases: tuple[Text, ...] = ()
    meaning: Text
    customer_meaning: Text | None = None

    def said_to(self, audience: Audience) -> str:
        """The meaning for this reader."""
        return (audience == "customer" and self.customer_meaning) or self.meaning


class LookupTexts(_Texts):
    """What is said of an error code: all that a customer is told, and in which language it is explained."""

    code_for_customer: Text
    codes_in_english: Text


class AppTexts(_Texts):
    """What the MCP Apps say around the results that they show. `tools/app_texts.py` hands it to their build.

    The names of the entries are checked by the TypeScript that uses them; {placeholders} are the same in each language.
    """

    shared: Mapping[str, str]
    timeline: Mapping[str, str]
    board: Mapping[str, str]
    preview: Mapping[str, str]
    host: Mapping[str, str]


class Catalogue(_Texts):
    curie: Annotated[Mapping[str, StatusTexts], _for_each(*STATUSES[CURIE])]
    edison: Annotated[Mapping[str, StatusTexts], _for_each(*STATUSES[EDISON])]
    overlay: StatusTexts
    unknown: StatusTexts
    contradiction: Turn
    blocked: Annotated[Mapping[str, BlockTexts], _for_each(*BLOCKS)]
    cancelled: Annotated[Mapping[str, Turn], _for_each(*CANCELLED_REASONS)]
    appointment: AppointmentTexts
    waiting_on: Annotated[Mapping[str, Text], _for_each(*get_args(WaitingOn))]
    format: FormatTexts
    age: AgeTexts
    timing: TimingTexts
    observed: ObservedTexts
    past: PastTexts
    metering: MeteringTexts
    already_done: AlreadyDoneTexts
    note: NoteTexts
    anomaly: AnomalyTexts
    anomaly_names: Annotated[Mapping[str, Text], _for_each(*AnomalyTexts.model_fields)]
    summary: SummaryTexts
    document: DocumentTexts
    diagram: DiagramTexts
    labels: LabelTexts
    lookup: LookupTexts
    app: AppTexts
    glossary: Mapping[str, Term]

    @model_validator(mode="after")
    def _overlay_names_every_reason(self) -> Self:
        said = self.overlay.operator_action
        if missing := [reason for reason in BLOCKED_REASONS if said and reason not in said]:
            raise ValueError(f"overlay.operator_action does not say whose turn {', '.join(missing)} is")
        return self

    @model_validator(mode="after")
    def _answers_whoever_has_done_it_already(self) -> Self:
        turns: tuple[tuple[str, Mapping[str, Turn], Mapping[str, Facts]], ...] = (
            ("curie", self.curie, FACTS[CURIE]),
            ("edison", self.edison, FACTS[EDISON]),
            ("blocked", self.blocked, BLOCKS),
        )
        for group, said, facts in turns:
            for name, turn in said.items():
                if (facts[name].waiting_on == "customer") is not bool(turn.already_done):
                    raise ValueError(f"{group}.{name}.already_done goes with the customer's turn, and with no other")
        return self

    def statuses(self, version: ApiVersion) -> Mapping[str, StatusTexts]:
        """The texts of every status of one version."""
        return self.curie if version == CURIE else self.edison


@cache
def texts(language: str) -> Catalogue:
    """The catalogue of a language, read once.

    Raises:
        UnknownLanguageError: there is none.
        CatalogueError: it is not complete.
    """
    if language not in LANGUAGES:
        raise UnknownLanguageError(
            f"There are no explanations in {language!r}: the languages are {', '.join(LANGUAGES)}. Ask in one of them."
        )
    return catalogue_of(language, raw_texts(language))


def raw_texts(language: str) -> dict[str, Any]:
    """A language's file as it is."""
    return tomllib.loads((files("nomos_mcp.lifecycle") / "texts" / f"{language}.toml").read_text(encoding="utf-8"))


def catalogue_of(language: str, raw: Mapping[str, Any]) -> Catalogue:
    """Check a language's texts, and that they say what the English ones say.

    Raises:
        CatalogueError: an entry is missing, empty or not expected, or has the wrong placeholders.
    """
    try:
        catalogue = Catalogue.model_validate(raw)
    except ValidationError as error:
        flaws = [_told(flaw) for flaw in error.errors()]
    else:
        # Entries that not every status has, words of the field, columns: of these English has the right ones.
        ours, english = _entries(raw), _entries(raw if language == _REFERENCE else raw_texts(_REFERENCE))
        flaws = [f"{entry} is missing" for entry in english if entry not in ours]
        flaws += [f"{entry} is not in {_REFERENCE}.toml" for entry in ours if entry not in english]
        if not flaws:
            return catalogue
    raise CatalogueError(f"The texts in {language!r} are not complete. Correct {language}.toml: {'; '.join(flaws)}.")


def _told(flaw: ErrorDetails) -> str:
    told = {"missing": " is missing", "extra_forbidden": " is not expected", "string_too_short": " is empty"}
    path, message = ".".join(map(str, flaw["loc"])), flaw["msg"].removeprefix("Value error, ")
    return path + (told.get(flaw["type"]) or (f": {message}" if path else message))


def _entries(tree: Mapping[str, Any], path: str = "") -> list[str]:
    """The path of each text, such as `curie.placed.label`, and of each text in a list."""
    found: list[str] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found += _entries(value, f"{path}{key}.")
        else:
            found += [f"{path}{key}.{n}" for n in range(len(value))] if isinstance(value, list) else [f"{path}{key}"]
    return found
