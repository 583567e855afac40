"""OpenTelemetry: the SDK makes a span of every call; here they are sent to a collector, if one is configured.

Configured as everywhere, by the variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, ...).
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nomos_mcp import __version__

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_MISSING: Final = "is set, but the exporter is not installed: no spans are sent. Install nomos-mcp[otel]."


@contextmanager
def telemetry() -> Iterator[None]:
    """Send spans for as long as the block lasts, if a collector is configured."""
    endpoint = next((name for name in _ENDPOINTS if os.environ.get(name)), "")
    if not endpoint:
        yield
        return
    try:
        from opentelemetry import trace  # noqa: PLC0415  an extra, and slow to load
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  as above
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  as above
    except ImportError:
        sys.stderr.write(f"nomos-mcp: {endpoint} {_MISSING}\n")
        yield
        return
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "nomos-mcp"}
    provider = TracerProvider(resource=Resource.create({**named, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
