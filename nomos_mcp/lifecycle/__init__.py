"""What a smart meter order's status means: pure data and functions.

It covers both vocabularies of meter orders: who must act in each state, and what may be said about it. It does no I/O
besides reading its own texts, reads no clock, and imports neither the API's client nor the MCP server.

Every `language` is that of all sentences; one without texts raises UnknownLanguageError, a version without meter
orders UnknownVersionError. An order is never wrong: a value in it that is new to us is explained as unknown.

All names are loaded when they are first used: explaining one order needs half of the modules.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nomos_mcp.lifecycle.catalogue import LANGUAGES, Language
    from nomos_mcp.lifecycle.explanation import Blocked, Explanation, Stage, explain, known_audience
    from nomos_mcp.lifecycle.lifecycle_document import (
        glossary_entry,
        glossary_markdown,
        glossary_words,
        lifecycle_diagram,
        lifecycle_markdown,
        status_markdown,
    )
    from nomos_mcp.lifecycle.misspellings import nearest_names, spelling
    from nomos_mcp.lifecycle.observed import Observed, StepTook
    from nomos_mcp.lifecycle.order_state import OrderState, anomaly_names, is_blocked, is_final
    from nomos_mcp.lifecycle.status_lookup import (
        StatusLines,
        explain_status,
        nearest_status,
        status_lines,
        unknown_status,
    )
    from nomos_mcp.lifecycle.statuses import (
        BLOCKED_REASONS,
        CANCELLED_REASONS,
        CURIE,
        EDISON,
        INTEREST,
        STATUSES,
        VERSIONS,
        ApiVersion,
        Audience,
        CatalogueError,
        Confidence,
        ContradictionError,
        CustomerSays,
        LifecycleError,
        Outcome,
        UnknownAudienceError,
        UnknownLanguageError,
        UnknownStatusError,
        UnknownVersionError,
        WaitingOn,
        blocked_statuses,
        final_statuses,
        neighbours,
        open_statuses,
    )
    from nomos_mcp.lifecycle.summary import Summary, summarise, summary_of

__all__ = [
    "BLOCKED_REASONS",
    "CANCELLED_REASONS",
    "CURIE",
    "EDISON",
    "INTEREST",
    "LANGUAGES",
    "STATUSES",
    "VERSIONS",
    "ApiVersion",
    "Audience",
    "Blocked",
    "CatalogueError",
    "Confidence",
    "ContradictionError",
    "CustomerSays",
    "Explanation",
    "Language",
    "LifecycleError",
    "Observed",
    "OrderState",
    "Outcome",
    "Stage",
    "StatusLines",
    "StepTook",
    "Summary",
    "UnknownAudienceError",
    "UnknownLanguageError",
    "UnknownStatusError",
    "UnknownVersionError",
    "WaitingOn",
    "anomaly_names",
    "blocked_statuses",
    "explain",
    "explain_status",
    "final_statuses",
    "glossary_entry",
    "glossary_markdown",
    "glossary_words",
    "is_blocked",
    "is_final",
    "known_audience",
    "lifecycle_diagram",
    "lifecycle_markdown",
    "nearest_names",
    "nearest_status",
    "neighbours",
    "open_statuses",
    "spelling",
    "status_lines",
    "status_markdown",
    "summarise",
    "summary_of",
    "unknown_status",
]

_SOURCES = {
    "catalogue": ("LANGUAGES", "Language"),
    "explanation": ("Blocked", "Explanation", "Stage", "explain", "known_audience"),
    "lifecycle_document": (
        "glossary_entry",
        "glossary_markdown",
        "glossary_words",
        "lifecycle_diagram",
        "lifecycle_markdown",
        "status_markdown",
    ),
    "misspellings": ("nearest_names", "spelling"),
    "observed": ("Observed", "StepTook"),
    "order_state": ("OrderState", "anomaly_names", "is_blocked", "is_final"),
    "status_lookup": (
        "StatusLines",
        "explain_status",
        "nearest_status",
        "status_lines",
        "unknown_status",
    ),
    "statuses": (
        "BLOCKED_REASONS",
        "CANCELLED_REASONS",
        "CURIE",
        "EDISON",
        "INTEREST",
        "STATUSES",
        "VERSIONS",
        "ApiVersion",
        "Audience",
        "CatalogueError",
        "Confidence",
        "ContradictionError",
        "CustomerSays",
        "LifecycleError",
        "Outcome",
        "UnknownAudienceError",
        "UnknownLanguageError",
        "UnknownStatusError",
        "UnknownVersionError",
        "WaitingOn",
        "blocked_statuses",
        "final_statuses",
        "neighbours",
        "open_statuses",
    ),
    "summary": ("Summary", "summarise", "summary_of"),
}


def __getattr__(name: str) -> object:
    source = next((source for source, names in _SOURCES.items() if name in names), None)
    if source is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  only for the lazy names

    return getattr(import_module(f"{__name__}.{source}"), name)


def __dir__() -> list[str]:
    return __all__
