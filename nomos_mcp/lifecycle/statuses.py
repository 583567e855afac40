"""The statuses and reasons of both API versions as facts: who must act, how an order ends, and where that is written.

Sources: the vendor's API reference of each version and its guide "order smart meters". Where a source says who must
act, the entry is "documented"; where that is our reading, it is "inferred" and lists `inferred: waiting_on`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args


class LifecycleError(ValueError):
    """A question that cannot be answered. The message says what happened, why, and what to do next."""


class UnknownStatusError(LifecycleError):
    """No vocabulary has this status name."""


class UnknownVersionError(LifecycleError):
    """There is no meter order vocabulary for this API version."""


class UnknownLanguageError(LifecycleError):
    """There are no texts in this language."""


class UnknownAudienceError(LifecycleError):
    """The audience is neither the support agent nor the customer."""


class ContradictionError(LifecycleError):
    """The arguments exclude each other."""


class CatalogueError(RuntimeError):
    """A language's texts are not complete. The message names the language and each entry: no question is at fault."""


ApiVersion = Literal["2026-05-27.curie", "2026-01-29.edison"]
Audience = Literal["agent", "customer"]
Outcome = Literal["open", "success", "cancelled", "unknown"]
WaitingOn = Literal["customer", "nomos", "installation_partner", "grid_operator", "nobody", "unknown"]
Confidence = Literal["documented", "inferred", "unknown"]
"""How well an answer is known, from the most certain to the least."""
FieldConfidence = Literal["documented", "inferred", "unknown", "observed"]
"""How well one field is known; `observed`: seen in the operator's own history, and published by nobody."""
CustomerSays = Literal["", "already_done"]

CURIE: Final = "2026-05-27.curie"
EDISON: Final = "2026-01-29.edison"
VERSIONS: Final[tuple[ApiVersion, ...]] = get_args(ApiVersion)

PATHS: Final[Mapping[ApiVersion, tuple[str, ...]]] = MappingProxyType(
    {
        CURIE: ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated"),
        EDISON: (
            "waiting",
            "ordered",
            "checked",
            "installation_planning",
            "installation_scheduled",
            "installation_finished",
            "activated",
        ),
    }
)
"""The line each version documents as the usual progress; other statuses have no place in it."""

INTEREST: Final = "intended"
"""Edison's status of a customer's interest that was never completed: listed as an order, but none yet."""

CHECK_NOT_SHOWN: Final = ("waiting", "ordered")
"""Edison's statuses under which the customer's check may be missing: orders of that version do not say so."""

CANCELLED_REASONS: Final = ("pre_existing", "customer_request")


def other(version: ApiVersion) -> ApiVersion:
    """The vocabulary that `version` is not."""
    return EDISON if version == CURIE else CURIE


Phase = Literal["before_order", "before_installation", "after_installation", "over", "unknown"]
"""Which published timing, if any, applies."""

_CURIE_STATUS: Final = "API reference (curie): MeterOrder.status"
_CURIE_BLOCKED: Final = "API reference (curie): MeterOrder.blocked_reason"
_EDISON_STATUS: Final = "API reference (edison): MeterOrder.status"
_GUIDE: Final = "Guide: order smart meters"
_WHO_INFERRED: Final = "inferred: waiting_on"

DOCUMENTATION: Final = "https://docs.nomos.energy/"
"""Where all pages of the vendor's documentation are."""
_CURIE_PAGE: Final = f"{DOCUMENTATION}api-reference/smart-meter-orders/retrieve-a-smart-meter-order"
_PAGES: Final[Mapping[str, str]] = {
    _CURIE_STATUS: _CURIE_PAGE,
    _CURIE_BLOCKED: _CURIE_PAGE,
    _EDISON_STATUS: f"{DOCUMENTATION}api-reference-2026-01-29-edison/meter-orders/get-a-meter-order",
    _GUIDE: f"{DOCUMENTATION}guides/order-smart-meters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about one status or one reason for a block."""

    waiting_on: WaitingOn
    confidence: Confidence
    sources: tuple[str, ...] = ()
    outcome: Outcome = "open"
    phase: Phase = "before_installation"


def _inferred(waiting_on: WaitingOn, source: str, phase: Phase = "before_installation") -> Facts:
    return Facts(waiting_on=waiting_on, confidence="inferred", sources=(source, _WHO_INFERRED), phase=phase)


def _documented(waiting_on: WaitingOn, *sources: str) -> Facts:
    return Facts(waiting_on=waiting_on, confidence="documented", sources=sources)


def _over(outcome: Outcome, *sources: str) -> Facts:
    return Facts(waiting_on="nobody", confidence="documented", sources=sources, outcome=outcome, phase="over")


FACTS: Final[Mapping[ApiVersion, Mapping[str, Facts]]] = MappingProxyType(
    {
        CURIE: {
            "created": _inferred("nomos", _CURIE_STATUS),
            "placed": _inferred("customer", _CURIE_STATUS),
            "check_submitted": _inferred("installation_partner", _CURIE_STATUS),
            "check_reviewed": _inferred("installation_partner", _CURIE_STATUS),
            "scheduled": _inferred("installation_partner", _CURIE_STATUS),
            "installed": _inferred("installation_partner", _CURIE_STATUS, "after_installation"),
            "activated": _over("success", _CURIE_STATUS, _GUIDE),
            "cancelled": _over("cancelled", _CURIE_STATUS, _GUIDE),
        },
        EDISON: {
            "intended": _inferred("customer", _EDISON_STATUS, "before_order"),
            "waiting": _documented("nomos", _EDISON_STATUS, _GUIDE),
            "ordered": _inferred("installation_partner", _EDISON_STATUS),
            "checked": _inferred("installation_partner", _EDISON_STATUS),
            "installation_planning": _inferred("installation_partner", _EDISON_STATUS),
            "installation_scheduled": _inferred("installation_partner", _EDISON_STATUS),
            "installation_waiting": _inferred("installation_partner", _EDISON_STATUS),
            "installation_finished": Facts(
                waiting_on="grid_operator",
                confidence="inferred",
                # "New meter data was transferred to the network operator": read as data about the meter.
                sources=(_EDISON_STATUS, _GUIDE, _WHO_INFERRED, "inferred: meter data is the meter's master data"),
                phase="after_installation",
            ),
            "installed": _inferred("installation_partner", _EDISON_STATUS, "after_installation"),
            "activated": _over("success", _EDISON_STATUS, _GUIDE),
            "pre_installed": Facts(
                # Both documents say what it means, neither that it is an end.
                waiting_on="nobody",
                confidence="inferred",
                sources=(_EDISON_STATUS, _GUIDE, _WHO_INFERRED, "inferred: final, outcome"),
                outcome="success",
                phase="over",
            ),
            "blocked": _documented("nomos", _EDISON_STATUS, _GUIDE),
            "blocked_wim": _documented("grid_operator", _EDISON_STATUS, _GUIDE),
            "cancelled": _over("cancelled", _EDISON_STATUS, _GUIDE),
        },
    }
)

_REASONS: Final[Mapping[str, Facts]] = {
    "check_missing": _inferred("customer", _CURIE_BLOCKED),
    "grid_operator_registration": _inferred("grid_operator", _CURIE_BLOCKED),
}
"""Why curie blocks an order, and who must act then. A new reason is one entry here."""

BLOCKED_REASONS: Final[tuple[str, ...]] = tuple(_REASONS)

_UNCLEAR: Final = Facts(waiting_on="unknown", confidence="unknown", sources=(_CURIE_BLOCKED,))

BLOCKS: Final[Mapping[str, Facts]] = MappingProxyType(
    {
        **_REASONS,
        # The check is reported missing although it was reviewed, or a later step was reached.
        "check_missing_after_review": _UNCLEAR,
        "unknown": _UNCLEAR,  # a reason that is new to us
        "unstated": _UNCLEAR,  # a block without a reason
    }
)
"""curie's overlay by reason."""

OVERLAY: Final = Facts(waiting_on="unknown", confidence="unknown", sources=(_CURIE_BLOCKED,))
"""`blocked` by name in curie: the overlay is documented; who must act depends on its reason."""

CONTRADICTION: Final = Facts(waiting_on="unknown", confidence="unknown")
"""An order whose fields contradict its status: neither can be trusted over the other."""

PASSED: Final = Facts(waiting_on="unknown", confidence="unknown")
"""An order that is not installed although its appointment has passed: the installer came or did not."""

UNKNOWN: Final = Facts(waiting_on="unknown", confidence="unknown", outcome="unknown", phase="unknown")

STATUSES: Final[Mapping[ApiVersion, tuple[str, ...]]] = MappingProxyType({v: tuple(FACTS[v]) for v in VERSIONS})
"""Every status of each version, in lifecycle order."""

_NEIGHBOURS: Final[Mapping[ApiVersion, Mapping[str, tuple[str, ...]]]] = {
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


def documentation_page(sources: Iterable[str]) -> str | None:
    """Return the address of the vendor's page behind the first of an explanation's sources that has one."""
    return next((_PAGES[source] for source in sources if source in _PAGES), None)


def facts_of(status: str, version: ApiVersion) -> Facts:
    """The facts of a status, or `UNKNOWN` for one that the version does not have."""
    return FACTS[known_version(version)].get(status, UNKNOWN)


def open_statuses(version: ApiVersion) -> tuple[str, ...]:
    """Statuses that may still progress: all but the final ones, in lifecycle order."""
    return tuple(status for status, facts in FACTS[known_version(version)].items() if facts.outcome == "open")


def final_statuses(version: ApiVersion) -> tuple[str, ...]:
    """Statuses that end an order: activated, cancelled and edison's pre_installed (the last is inferred)."""
    return tuple(status for status, facts in FACTS[known_version(version)].items() if facts.outcome != "open")


def blocked_statuses(version: ApiVersion) -> tuple[str, ...]:
    """Statuses that are a block in themselves: two in edison, none in curie, where a block lies over the status."""
    return ("blocked", "blocked_wim") if known_version(version) == EDISON else ()


def version_named(name: str) -> ApiVersion:
    """The version that a name stands for, with or without its date: "2026-01-29.edison" or "edison".

    Raises:
        UnknownVersionError: no version with meter orders has this name.
    """
    named = (version for version in VERSIONS if version.partition(".")[2] == name)
    return next(named, None) or known_version(name)


def known_version(version: str) -> ApiVersion:
    """`version` itself, if it has meter orders with a vocabulary of their own.

    Raises:
        UnknownVersionError: it has none. Meter orders came with edison, so older versions have no status to explain.
    """
    for known in VERSIONS:
        if version == known:
            return known
    raise UnknownVersionError(
        f"No meter order statuses are known for API version {version!r}: meter orders exist in "
        f"{' and '.join(VERSIONS)} only. Ask with one of these, in full or by its name alone."
    )


def neighbours(status: str, version: ApiVersion) -> tuple[str, ...]:
    """The nearest names in the other vocabulary, inferred; empty where there is no counterpart."""
    return _NEIGHBOURS[version].get(status, ())
