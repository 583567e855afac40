"""The texts, one TOML file a language, checked for shape when first read. It knows no order and decides nothing.

A missing, spare or empty entry is an error on reading, so that every language says everything or does not load.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from nomos_mcp.lifecycle.errors import UnknownLanguageError
from nomos_mcp.lifecycle.vocabularies import CURIE, ApiVersion, Confidence, WaitingOn

Language = Literal["en", "de"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

Text = Annotated[str, Field(min_length=1)]


class _Texts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Turn(_Texts):
    """What is said about whose turn it is. What does not apply has no entry."""

    meaning: Text
    customer_action: Text | None = None
    operator_action: Text | None = None
    customer_message: Text
    next: Text | None = None
    escalation: Text | None = None
    do_not_say: Text


class StatusTexts(Turn):
    """A turn with the status's name for people; `hold` says what holds up an order whose status is a block."""

    label: Text
    hold: Text | None = None


class AppointmentTexts(_Texts):
    """What is said instead of the texts of `scheduled` when the date is known: placeholder `{appointment}`."""

    upcoming: Turn
    past: Turn


class FormatTexts(_Texts):
    """How a day and a moment are written."""

    months: Annotated[tuple[Text, ...], Field(min_length=12, max_length=12)]
    date: Text
    moment: Text
    zones: Mapping[Literal["CET", "CEST"], Text]


class AgeTexts(_Texts):
    """Days before (`ago_*`) and after (`ahead_*`) today."""

    today: Text
    ago_one: Text
    ago_many: Text
    ahead_one: Text
    ahead_many: Text


class TimingTexts(_Texts):
    """What may be said about time."""

    target: Text
    no_target: Text
    no_order: Text
    ordered: Text
    past_target: Text
    installed: Text
    activated: Text
    cancelled: Text
    appointment: Text
    apology: Text
    escalation: Text


class NoteTexts(_Texts):
    """What is added to a label or a meaning."""

    blocked_label: Text
    other_version: Text
    other_version_alone: Text
    overlay: Text
    overlay_elsewhere: Text
    unknown_blocked_reason: Text
    unknown_cancelled_reason: Text


class AnomalyTexts(_Texts):
    """What is odd about an order's fields."""

    unreadable: Text
    in_future: Text
    too_early: Text
    appointment_past: Text
    appointment_missing: Text
    appointment_while_blocked: Text
    blocked_when_final: Text
    blocked_without_reason: Text
    blocked_without_time: Text
    check_already_reviewed: Text
    without_time: Text
    cancelled_without_reason: Text


class SummaryTexts(_Texts):
    """The pieces of the one line of a list item."""

    blocked: Text
    blocked_since: Text
    blocked_unstated: Text
    since: Text
    cancelled: Text
    appointment_upcoming: Text
    appointment_past: Text
    past_target: Text
    anomalies: Text


class DocumentTexts(_Texts):
    """The frame of the lifecycle document."""

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
    """The titles of a diagram's parts."""

    line: Text
    beside: Text
    overlay: Text


class SheetTexts(_Texts):
    """The labels of a sheet about one status; `nothing` stands where the customer has nothing to do."""

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
    nothing: Text
    confidence: Mapping[Confidence, Text]


class Term(_Texts):
    """A word of the field. `expansion` is what an abbreviation stands for; a plain word has none."""

    term: Text
    expansion: Text | None = None
    meaning: Text


class Catalogue(_Texts):
    """Everything that is said in one language."""

    curie: Mapping[str, StatusTexts]
    edison: Mapping[str, StatusTexts]
    overlay: StatusTexts
    unknown: StatusTexts
    blocked: Mapping[str, Turn]
    cancelled: Mapping[str, Turn]
    appointment: AppointmentTexts
    waiting_on: Mapping[WaitingOn, Text]
    format: FormatTexts
    age: AgeTexts
    timing: TimingTexts
    note: NoteTexts
    anomaly: AnomalyTexts
    summary: SummaryTexts
    document: DocumentTexts
    diagram: DiagramTexts
    sheet: SheetTexts
    glossary: Mapping[str, Term]

    def statuses(self, version: ApiVersion) -> Mapping[str, StatusTexts]:
        """The texts of every status of one version."""
        return self.curie if version == CURIE else self.edison


@cache
def texts(language: str) -> Catalogue:
    """The catalogue of a language, read once.

    Raises:
        UnknownLanguageError: there is none.
    """
    if language not in LANGUAGES:
        raise UnknownLanguageError(
            f"There are no explanations in {language!r}: the languages are {', '.join(LANGUAGES)}. Ask in one of them."
        )
    path = files("nomos_mcp.lifecycle") / "texts" / f"{language}.toml"
    return Catalogue.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
