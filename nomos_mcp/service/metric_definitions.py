"""The metrics: what each is called, what it counts or measures, and every value that its attributes may have.

Names are those of OpenTelemetry's semantic conventions where there is one. Imports no OpenTelemetry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from nomos_mcp.server.ordering.outcomes import Outcome
from nomos_mcp.server.tools import definitions

OTHER: Final = "other"
"""Stands for every value that is not known."""

ORGANISATION: Final = "organisation"
"""The attribute that every metric has on a server of several organisations."""

Kind = Literal["histogram", "counter", "observed counter", "gauge", "sum"]
"""A `sum` is what OpenTelemetry calls an up-down counter; Prometheus knows it as a gauge."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Metric:
    """One metric.

    Attributes:
        name: As OpenTelemetry knows it.
        unit: `s` for seconds; else what is counted, in braces.
        meaning: A sentence without a full stop.
        attributes: By name, the values that each may have. The last one stands for all that are not listed.
        buckets: Upper bounds of a histogram's buckets.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    buckets: Sequence[float] = ()

    @property
    def prometheus(self) -> str:
        """The name at `/metrics`; a histogram's samples have `_bucket`, `_sum` and `_count` after it."""
        unit = "_seconds" if self.unit == "s" else ""
        total = "_total" if "counter" in self.kind else ""
        return label(self.name) + unit + total


def label(name: str) -> str:
    """Return the name of an attribute as Prometheus spells it."""
    return name.replace(".", "_")


_OUTCOMES_OF_CALLS: Final = ("ok", "error", "refused", "limited", "cancelled")
_OF_CALLS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150)
_OF_REQUESTS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)  # the convention's
_OF_STATEMENTS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)

CALLS: Final = Metric(
    name="mcp.server.operation.duration",
    kind="histogram",
    unit="s",
    meaning="How long calls took, whatever came of them: one line of the log each",
    attributes={
        "mcp.method.name": ("tools/call", "prompts/get", "resources/read", "completion/complete"),
        "gen_ai.tool.name": (*(definition.name for definition in definitions()), OTHER),
        "outcome": _OUTCOMES_OF_CALLS,
    },
    buckets=_OF_CALLS,
)
REFUSALS: Final = Metric(
    name="nomos_mcp.http.refusals",
    kind="counter",
    unit="{request}",
    meaning="Requests that got an HTTP error before they became a call",
    attributes={
        "http.response.status_code": (
            "400",
            "401",
            "403",
            "404",
            "405",
            "406",
            "408",
            "409",
            "411",
            "413",
            "415",
            "421",
            "429",
            "431",
            "500",
            "503",
            OTHER,
        )
    },
)
WAITS: Final = Metric(
    name="nomos_mcp.rate_limit.wait.duration",
    kind="histogram",
    unit="s",
    meaning="How long requests to Nomos waited for the rate limit; `refused` got no slot in time",
    attributes={"outcome": ("granted", "refused")},
    buckets=_OF_CALLS,
)
SLOTS: Final = Metric(
    name="nomos_mcp.rate_limit.slots",
    kind="sum",
    unit="{slot}",
    meaning="Slots of the rate limit that this process holds, and those of them that a request is using now",
    attributes={"state": ("held", "running")},
)
WAITING: Final = Metric(
    name="nomos_mcp.rate_limit.waiting",
    kind="sum",
    unit="{request}",
    meaning="Requests to Nomos that wait for the rate limit now",
)
UPSTREAM: Final = Metric(
    name="http.client.request.duration",
    kind="histogram",
    unit="s",
    meaning="How long Nomos took to answer a request, one for a token included; `none` is no answer",
    attributes={
        "http.request.method": ("GET", "POST", OTHER),
        "status": ("2xx", "3xx", "4xx", "429", "5xx", "none", OTHER),
    },
    buckets=_OF_REQUESTS,
)
ORDERS: Final = Metric(
    name="nomos_mcp.order.attempts",
    kind="observed counter",
    unit="{attempt}",
    meaning="Calls of `order_smart_meter` that came to an outcome",
    attributes={"outcome": (*get_args(Outcome), "cancelled")},
)
OPEN_ORDERS: Final = Metric(
    name="nomos_mcp.order.attempts.open",
    kind="sum",
    unit="{attempt}",
    meaning="Attempts to order, of all processes, whose outcome is not known yet",
)
STATEMENTS: Final = Metric(
    name="db.client.operation.duration",
    kind="histogram",
    unit="s",
    meaning="How long statements waited for the database",
    attributes={
        "db.system.name": ("postgresql", "sqlite"),
        "db.operation.name": ("BEGIN", "COMMIT", "DELETE", "INSERT", "SELECT", "UPDATE", OTHER),
    },
    buckets=_OF_STATEMENTS,
)
CONNECTIONS: Final = Metric(
    name="db.client.connection.count",
    kind="sum",
    unit="{connection}",
    meaning="Open connections of the pool to the database",
    attributes={"db.client.connection.state": ("used", "idle")},
)
MAX_CONNECTIONS: Final = Metric(
    name="db.client.connection.max",
    kind="sum",
    unit="{connection}",
    meaning="Connections that the pool opens at most",
)
PENDING: Final = Metric(
    name="db.client.connection.pending_requests",
    kind="sum",
    unit="{request}",
    meaning="Transactions that wait for a connection, or for their turn to write",
)
DATABASE_UP: Final = Metric(
    name="nomos_mcp.database.up",
    kind="gauge",
    unit="{database}",
    meaning="1 if the database answered within the last half minute, else 0",
)
WEBHOOKS: Final = Metric(
    name="nomos_mcp.webhooks",
    kind="counter",
    unit="{delivery}",
    meaning="Deliveries of webhooks; the vendor repeats what is `not_kept`",
    attributes={"outcome": ("kept", "known", "not_an_event", "not_kept", "refused")},
)
LAG: Final = Metric(
    name="nomos_mcp.polling.lag",
    kind="gauge",
    unit="s",
    meaning="Time since the last run began that looked at every order that can change; none before the first",
)
INTERVAL: Final = Metric(
    name="nomos_mcp.polling.interval",
    kind="gauge",
    unit="s",
    meaning="How often such a run is to begin (`NOMOS_MCP_WATCH_EVERY`)",
)

METRICS: Final = (
    *(CALLS, REFUSALS, WAITS, SLOTS, WAITING, UPSTREAM, ORDERS, OPEN_ORDERS),
    *(STATEMENTS, CONNECTIONS, MAX_CONNECTIONS, PENDING, DATABASE_UP, WEBHOOKS, LAG, INTERVAL),
)
