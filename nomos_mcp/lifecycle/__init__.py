"""What a smart meter order's status means: pure data and functions.

This room knows the two vocabularies of meter orders, who must act in each state, and what may be said about it. It does
no I/O besides reading its own texts, asks no clock, and knows neither the API's client nor the MCP server.
"""

from nomos_mcp.lifecycle.by_name import explain_status
from nomos_mcp.lifecycle.catalogue import LANGUAGES, Language
from nomos_mcp.lifecycle.diagram import lifecycle_diagram
from nomos_mcp.lifecycle.document import lifecycle_markdown
from nomos_mcp.lifecycle.errors import (
    CatalogueError,
    ContradictionError,
    LifecycleError,
    UnknownAudienceError,
    UnknownLanguageError,
    UnknownStatusError,
    UnknownVersionError,
)
from nomos_mcp.lifecycle.explain import explain
from nomos_mcp.lifecycle.explanation import Blocked, Explanation, Stage
from nomos_mcp.lifecycle.names import nearest_status, neighbours
from nomos_mcp.lifecycle.order import OrderState, is_blocked, is_final
from nomos_mcp.lifecycle.reference import glossary_markdown, status_markdown
from nomos_mcp.lifecycle.sheet import Sheet, status_sheet
from nomos_mcp.lifecycle.statuses import STATUSES, blocked_statuses, final_statuses, open_statuses
from nomos_mcp.lifecycle.summary import summarise
from nomos_mcp.lifecycle.vocabularies import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    VERSIONS,
    ApiVersion,
    Audience,
    Confidence,
    Outcome,
    WaitingOn,
)

__all__ = [
    "BLOCKED_REASONS",
    "CANCELLED_REASONS",
    "CURIE",
    "EDISON",
    "LANGUAGES",
    "STATUSES",
    "VERSIONS",
    "ApiVersion",
    "Audience",
    "Blocked",
    "CatalogueError",
    "Confidence",
    "ContradictionError",
    "Explanation",
    "Language",
    "LifecycleError",
    "OrderState",
    "Outcome",
    "Sheet",
    "Stage",
    "UnknownAudienceError",
    "UnknownLanguageError",
    "UnknownStatusError",
    "UnknownVersionError",
    "WaitingOn",
    "blocked_statuses",
    "explain",
    "explain_status",
    "final_statuses",
    "glossary_markdown",
    "is_blocked",
    "is_final",
    "lifecycle_diagram",
    "lifecycle_markdown",
    "nearest_status",
    "neighbours",
    "open_statuses",
    "status_markdown",
    "status_sheet",
    "summarise",
]
