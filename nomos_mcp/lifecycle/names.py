"""Names across the two vocabularies: spelling suggestions and nearest neighbours. It knows names, not orders."""

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Final

from nomos_mcp.lifecycle.statuses import STATUSES, known_version
from nomos_mcp.lifecycle.vocabularies import CURIE, EDISON, ApiVersion, other

_CLOSE: Final = 0.6
"""Similarity (0 to 1) from which a name is worth suggesting; the default of difflib."""

MAX_NAME: Final = 100
"""Characters of a name that are quoted. A longer one is like no other, and comparing it would take long."""

_NEIGHBOURS: Final[Mapping[ApiVersion, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        # Inferred, for display only: the two vocabularies do not map one to one. edison's `blocked` (manual review at
        # Nomos), `intended` (before an order) and curie's `check_submitted` have no counterpart.
        EDISON: {
            "waiting": ("created",),
            "ordered": ("placed",),
            "checked": ("check_reviewed",),
            "installation_planning": ("check_reviewed",),
            "installation_scheduled": ("scheduled",),
            "installation_waiting": ("scheduled",),
            "installation_finished": ("installed",),
            "pre_installed": ("cancelled (pre_existing)",),
            "blocked_wim": ("blocked (grid_operator_registration)",),
        },
        CURIE: {
            "created": ("waiting",),
            "placed": ("ordered",),
            "check_reviewed": ("checked", "installation_planning"),
            "scheduled": ("installation_scheduled", "installation_waiting"),
        },
    }
)


def nearest_status(name: str, version: ApiVersion, also: Iterable[str] = ()) -> list[str]:
    """Known names that resemble a misspelt one, over both vocabularies.

    Args:
        name: what was asked for.
        version: the vocabulary asked, whose names come first where two are equally close.
        also: other names that would do, after all statuses.

    Returns:
        Up to three suggestions, the closest first; empty if nothing is close.
    """
    if len(name) > MAX_NAME:
        return []
    wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
    known = dict.fromkeys([*STATUSES[known_version(version)], *STATUSES[other(version)], *also])
    closeness = {candidate: SequenceMatcher(None, candidate, wanted).ratio() for candidate in known}
    near = [candidate for candidate in known if closeness[candidate] >= _CLOSE]
    return sorted(near, key=closeness.__getitem__, reverse=True)[:3]


def neighbours(status: str, version: ApiVersion) -> tuple[str, ...]:
    """The nearest names in the other vocabulary, inferred; empty where there is no counterpart.

    Args:
        status: a status of `version` that the other vocabulary lacks.
        version: the vocabulary that `status` belongs to.
    """
    return _NEIGHBOURS[version].get(status, ())
