"""When a call is tried again, and after which pause. Pure: decides, and waits for nothing."""

from nomos_mcp.client.constants import BACKOFF_BASE, BACKOFF_CAP
from nomos_mcp.client.errors import (
    APIConnectionError,
    APIError,
    CertificateError,
    InternalServerError,
    NomosError,
    TooManyRequestsError,
)
from nomos_mcp.client.timing import Timing


def passes(error: NomosError) -> bool:
    """Whether a failure may pass by itself: 429, 5xx, and no answer, but not a certificate that is not trusted."""
    if isinstance(error, CertificateError):
        return False
    return isinstance(error, TooManyRequestsError | InternalServerError | APIConnectionError)


def pause(error: NomosError, attempt: int, timing: Timing) -> float:
    """Return the seconds to wait before the next attempt.

    What upstream asks for, and on top of it, or instead, exponential backoff with full jitter, so that the many who
    were refused together do not come back together.

    Args:
        error: Why the last attempt failed.
        attempt: Its number, from 1.
        timing: For the jitter.
    """
    backoff = timing.jitter(min(BACKOFF_CAP, BACKOFF_BASE * 2 ** (attempt - 1)))
    told = error.retry_after if isinstance(error, APIError) else None
    return backoff + (told or 0.0)
