"""Traces and metrics: which of them are wanted, by OpenTelemetry's own variables, and `/metrics`.

Nothing of OpenTelemetry's SDK is imported unless something is wanted and the extra `otel` is there.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nomos_mcp import __version__

if TYPE_CHECKING:  # an extra, and slow to load
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import TracerProvider

    from nomos_mcp.service.metrics import Metrics

METRICS_PATH: Final = "/metrics"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_NO_STORE: Final = {"cache-control": "no-store"}
_ONE_OF_SEVERAL: Final = (
    "There are no metrics here: several processes serve this port (--workers), and each knows its own only. Set "
    f"{_ENDPOINT}, and each sends its own to a collector; or serve several ports with one process each.\n"
)


@contextmanager
def telemetry(processes: int) -> "Iterator[tuple[Metrics | None, list[Route]]]":
    """Send traces and metrics to the collector that the environment names, and make the page of the metrics.

    Args:
        processes: How many processes serve together.

    Yields:
        What measures, if metrics are wanted, and the routes that show them.
    """
    measured: Metrics | None = None
    routes: list[Route] = []
    with ExitStack() as ends:
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true":
            wanted = {each.strip() for each in os.environ.get("OTEL_METRICS_EXPORTER", "otlp,prometheus").split(",")}
            if _endpoint("TRACES"):
                with _said(_endpoint("TRACES"), "spans"):
                    ends.callback(_traces().shutdown)
            readers: list[MetricReader] = []
            if "otlp" in wanted and _endpoint("METRICS"):
                with _said(_endpoint("METRICS"), "metrics"):
                    readers.append(_pushed())
            if "prometheus" in wanted and processes > 1:
                routes.append(Route(METRICS_PATH, lambda _: PlainTextResponse(_ONE_OF_SEVERAL, 503, _NO_STORE)))
            elif "prometheus" in wanted:
                with suppress(ImportError):
                    reader, route = _page()
                    readers.append(reader)
                    routes.append(route)
            if readers:
                measured = _measuring(readers)
                ends.callback(measured.shutdown)
        yield measured, routes


def _endpoint(kind: str) -> str:
    """Return the variable that says where to send; empty if nothing does."""
    names = (f"OTEL_EXPORTER_OTLP_{kind}_ENDPOINT", _ENDPOINT)
    return next((name for name in names if os.environ.get(name)), "")


@contextmanager
def _said(variable: str, what: str) -> Iterator[None]:
    """Say so if the extra is missing, and go on without it."""
    try:
        yield
    except ImportError:
        missing = f"is set, but the exporter is not installed: no {what} are sent. Install nomos-mcp[otel]."
        sys.stderr.write(f"nomos-mcp: {variable} {missing}\n")


def _named() -> dict[str, str]:
    name = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "nomos-mcp"}
    return {**name, "service.version": __version__}


def _traces() -> "TracerProvider":
    """Export the spans that the SDK of MCP makes of every call."""
    from opentelemetry import trace  # noqa: PLC0415  an extra, and slow to load
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  as above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  as above

    provider = TracerProvider(resource=Resource.create(_named()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def _pushed() -> "MetricReader":
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415  an extra
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415  as above

    return PeriodicExportingMetricReader(OTLPMetricExporter())


def _measuring(readers: "list[MetricReader]") -> "Metrics":
    from nomos_mcp.service.metrics import Metrics  # noqa: PLC0415  an extra, and slow to load

    return Metrics(readers, _named())


def _page() -> "tuple[MetricReader, Route]":
    """Return what collects for the page, and the page. It needs no token, and accepts every `Host`, as probes do."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader  # noqa: PLC0415  an extra, and slow to load
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest  # noqa: PLC0415  as above
    from prometheus_client.process_collector import ProcessCollector  # noqa: PLC0415  as above

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)

    async def page(_: Request) -> Response:
        return Response(generate_latest(registry), headers=_NO_STORE, media_type=CONTENT_TYPE_LATEST)

    return reader, Route(METRICS_PATH, page)
