"""The limits of the HTTP service in words, for the documentation; the numbers come from `http_limits`."""

from typing import Final

from nomos_mcp.service import http_limits
from nomos_mcp.settings import DEFAULT_CALLS_PER_MINUTE

_WAITS: Final = f"waits for {http_limits.MAX_WAIT:g} s, then 429"

LIMITS: Final = (
    ("A request's body", f"{http_limits.MAX_BODY_BYTES // 1024} KiB", "413"),
    ("Time for a body to arrive", f"{http_limits.BODY_DEADLINE:g} s", "408"),
    ("Time for a complete head, also of the next request", f"{http_limits.HEAD_DEADLINE:g} s", "closed"),
    (
        "Connections of one process that have not sent a complete request yet",
        str(http_limits.MAX_CONNECTIONS_WITHOUT_REQUEST),
        "the oldest is dropped",
    ),
    (
        "Requests of one process whose body is not complete yet",
        str(http_limits.MAX_HALF_SENT_REQUESTS),
        "the oldest is dropped",
    ),
    ("Time for a client to take each part of an answer", f"{http_limits.SEND_DEADLINE:g} s", "cut off"),
    ("Requests at once, in one process", str(http_limits.MAX_REQUESTS), "503, retry in a second"),
    ("Requests of one caller at once, in one process", str(http_limits.MAX_REQUESTS_PER_CALLER), _WAITS),
    ("... in a second, over time", f"{http_limits.REQUESTS_PER_SECOND:g}, or twice its budget of calls", _WAITS),
    (
        "Errors to callers without a valid token in a second, in one process",
        f"{http_limits.REFUSALS_PER_SECOND:g}",
        f"wait for up to {http_limits.MAX_ANONYMOUS_DELAY:g} s",
    ),
    ("Streams of one caller at once, in one process", str(http_limits.MAX_STREAMS_PER_CALLER), _WAITS),
    (
        "A webhook's body, and the time for it to arrive",
        f"{http_limits.MAX_WEBHOOK_BYTES // 1024} KiB, {http_limits.WEBHOOK_BODY_DEADLINE:g} s",
        "401",
    ),
    ("Webhooks whose body is not complete, in one process", str(http_limits.MAX_WEBHOOKS), "the oldest gets 401"),
    (
        "Webhooks without a valid signature in a second, in one process",
        f"{http_limits.WEBHOOK_REFUSALS_PER_SECOND:g}",
        f"wait for up to {http_limits.MAX_ANONYMOUS_DELAY:g} s",
    ),
    (
        "Webhooks with one in a second, in one process",
        f"{http_limits.WEBHOOKS_PER_SECOND:g}",
        f"wait for up to {http_limits.WEBHOOK_DEADLINE:g} s, then 503",
    ),
    ("Calls of one caller at once, in one process", str(http_limits.MAX_RUNNING_PER_CALLER), "told to wait"),
    ("Calls of one caller in a minute, by default", str(DEFAULT_CALLS_PER_MINUTE), "told how long to wait"),
    ("... of which at once, after a pause", str(http_limits.BURST), "as above"),
    ("Shutdown, from the signal on", f"{http_limits.STOP_WITHIN:g} s", "the rest is cut off"),
)
"""What is limited, to how much, and what happens past it."""
