"""OpenTelemetry metrics: what feeds them. Imported only where they are wanted, as it takes the extra `otel`.

Attributes have the values of their definition only. None names a customer, an order or a caller, or holds anything that
somebody typed. Readers may call from other threads, so gauges read nothing but numbers that are there.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource

from nomos_mcp import __version__
from nomos_mcp.client import NomosClient
from nomos_mcp.server.ordering.config import Ordering
from nomos_mcp.service.metric_definitions import (
    CALLS,
    CONNECTIONS,
    DATABASE_UP,
    INTERVAL,
    LAG,
    MAX_CONNECTIONS,
    OPEN_ORDERS,
    ORDERS,
    ORGANISATION,
    PENDING,
    REFUSALS,
    SLOTS,
    STATEMENTS,
    UPSTREAM,
    WAITING,
    WAITS,
    WEBHOOKS,
    Metric,
)

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.database.postgresql import SharedConnection
    from nomos_mcp.database.statements import Connections
    from nomos_mcp.history.figures import Figures
    from nomos_mcp.history.store import History

_Points = Iterable[tuple[float, Mapping[str, str]]]

_LOOK_EVERY: Final = 15.0
_SHUTDOWN_MS: Final = 5000
_INTERNAL_ERROR: Final = "refused -32603"
_OUTCOMES: Final = {"failed": "error", "crashed": "error", _INTERNAL_ERROR: "error"}
_DELIVERIES: Final = {"kept": "kept", "known": "known", "not an event": "not_an_event"}


class Metrics:
    """Measures what a process does, for readers that show or send it.

    Args:
        readers: Where the measures go; closed with this object.
        named: Attributes of the process, such as `service.name`.
    """

    def __init__(self, readers: Sequence[MetricReader], named: Mapping[str, str]) -> None:
        self._provider = MeterProvider(readers, Resource.create(dict(named)), shutdown_on_exit=False)
        self._meter = self._provider.get_meter("nomos_mcp", __version__)
        self._calls, self._waits, self._upstream, self._statements = map(
            self._histogram, (CALLS, WAITS, UPSTREAM, STATEMENTS)
        )
        self._refusals, self._webhooks = (
            self._meter.create_counter(metric.name, metric.unit, metric.meaning) for metric in (REFUSALS, WEBHOOKS)
        )
        self._observed: list[_Organisation] = []
        self._named: dict[str, dict[str, str]] = {}  # by the name of an organisation
        kinds = {
            "gauge": self._meter.create_observable_gauge,
            "sum": self._meter.create_observable_up_down_counter,
            "observed counter": self._meter.create_observable_counter,
        }
        for metric, read in _READ.items():
            kinds[metric.kind](metric.name, [partial(self._read, metric, read)], metric.unit, metric.meaning)

    def log(self, fields: Mapping[str, Any], seconds: float) -> None:
        """Measure a line of the log, as `access_log.Observe`."""
        outcome = str(fields.get("outcome", ""))
        named = self._named.get(fields.get("organisation", ""), {})
        if fields["event"] == "call":
            outcome = _OUTCOMES.get(outcome, "refused" if outcome.startswith("refused") else outcome)
            called = {"mcp.method.name": fields["method"], "outcome": outcome}
            tool = {"gen_ai.tool.name": fields["tool"]} if fields["method"] == "tools/call" else {}
            self._calls.record(seconds, {**_closed(CALLS, called | tool), **named})
        elif fields["event"] == "webhook":
            kind = "refused" if outcome.startswith("refused") else _DELIVERIES.get(outcome, "not_kept")
            self._webhooks.add(1, {**_closed(WEBHOOKS, {"outcome": kind}), **named})
        else:
            status = _closed(REFUSALS, {"http.response.status_code": str(fields["status"])})
            self._refusals.add(1, {**status, **named})

    def observe(
        self,
        client: NomosClient,
        ordering: Ordering,
        history: "History | None" = None,
        interval: timedelta | None = None,
        organisation: str = "",
    ) -> Callable[[], Coroutine[Any, Any, None]]:
        """Measure what these do from now on.

        Args:
            client: The whole organisation's.
            ordering: How its server orders.
            history: Its history; None without a database.
            interval: How often all orders are looked at.
            organisation: Whose they are, if this is a server of several.

        Returns:
            What looks into the database again and again, to be run in the background until it is cancelled.
        """
        named = self._named[organisation] = {ORGANISATION: organisation} if organisation else {}
        client.observe(_Requests(self._waits, self._upstream, named))
        observed = _Organisation(named, client, ordering, history, interval)
        self._observed.append(observed)
        if history is not None:
            system = "postgresql" if history.database.is_postgresql else "sqlite"
            history.database.observer = partial(self.statement, {"db.system.name": system, **named})
        return observed.look

    def observe_shared(self, shared: "SharedConnection") -> None:
        """Measure the connection of a process beside its pools."""
        shared.observer = partial(self.statement, {"db.system.name": "postgresql"})

    def statement(self, named: Mapping[str, str], operation: str, seconds: float) -> None:
        self._statements.record(seconds, {"db.operation.name": operation, **named})

    def shutdown(self) -> None:
        """Send what was not sent yet, and end; a collector that is away gets no more."""
        with suppress(Exception):  # raised bare if a reader cannot send; its exporter has said so
            self._provider.shutdown(timeout_millis=_SHUTDOWN_MS)

    def _histogram(self, metric: Metric) -> Histogram:
        return self._meter.create_histogram(
            metric.name, metric.unit, metric.meaning, explicit_bucket_boundaries_advisory=metric.buckets
        )

    def _read(
        self, metric: Metric, read: "Callable[[_Organisation], _Points]", _: CallbackOptions
    ) -> Iterator[Observation]:
        for each in self._observed:
            for value, attributes in read(each):
                yield Observation(value, {**_closed(metric, attributes), **each.named})


def _closed(metric: Metric, attributes: Mapping[str, str]) -> dict[str, str]:
    """Put the value for everything else in place of what the definition does not list."""
    return {
        name: value if value in metric.attributes[name] else metric.attributes[name][-1]
        for name, value in attributes.items()
    }


@dataclass(slots=True)
class _Requests:
    """Measures the requests of a client."""

    waits: Histogram
    upstream: Histogram
    named: Mapping[str, str]

    def waited(self, seconds: float, *, granted: bool) -> None:
        self.waits.record(seconds, {"outcome": "granted" if granted else "refused", **self.named})

    def answered(self, method: str, status_code: int | None, seconds: float) -> None:
        status = "429" if status_code == 429 else f"{status_code // 100}xx" if status_code else "none"  # noqa: PLR2004
        attributes = _closed(UPSTREAM, {"http.request.method": method, "status": status})
        self.upstream.record(seconds, {**attributes, **self.named})


@dataclass(slots=True)
class _Organisation:
    """What the gauges are read from."""

    named: Mapping[str, str]
    client: NomosClient
    ordering: Ordering
    history: "History | None"
    interval: timedelta | None
    figures: "Figures | None" = None
    is_up: bool | None = None  # None until it was asked

    async def look(self) -> None:
        """Ask the database for what it alone knows, again and again."""
        if self.history is None:
            return
        from nomos_mcp.database.errors import DatabaseError  # noqa: PLC0415  loads SQLAlchemy
        from nomos_mcp.history.figures import figures  # noqa: PLC0415  as above

        while True:
            try:
                self.figures, self.is_up = await figures(self.history.database), True
            except DatabaseError:
                self.is_up = False
            await anyio.sleep(_LOOK_EVERY)


def _slots(of: _Organisation) -> _Points:
    slots = of.client.slots
    return (slots.held, {"state": "held"}), (slots.running, {"state": "running"})


def _orders(of: _Organisation) -> _Points:
    return [(of.ordering.outcomes[outcome], {"outcome": outcome}) for outcome in ORDERS.attributes["outcome"]]


def _connections(of: _Organisation) -> _Points:
    if of.history:
        now = of.history.database.connections
        yield now.used, {"db.client.connection.state": "used"}
        yield now.idle, {"db.client.connection.state": "idle"}


def _lag(of: _Organisation) -> _Points:
    if of.history and of.figures and of.figures.last_complete:
        yield max(0.0, (of.history.now() - of.figures.last_complete).total_seconds()), {}


def _database(read: "Callable[[Connections], int]") -> Callable[[_Organisation], _Points]:
    return lambda of: [(read(of.history.database.connections), {})] if of.history else []


_READ: Final[Mapping[Metric, Callable[[_Organisation], _Points]]] = {
    SLOTS: _slots,
    WAITING: lambda of: [(of.client.slots.waiting, {})],
    ORDERS: _orders,
    OPEN_ORDERS: lambda of: [(of.figures.open_attempts, {})] if of.figures else [],
    CONNECTIONS: _connections,
    MAX_CONNECTIONS: _database(lambda connections: connections.maximum),
    PENDING: _database(lambda connections: connections.waiting),
    DATABASE_UP: lambda of: [] if of.is_up is None else [(of.is_up, {})],
    LAG: _lag,
    INTERVAL: lambda of: [(of.interval.total_seconds(), {})] if of.interval else [],
}
