"""What all answers of the API share: versions, times, and the documented error bodies.

An error is `{code, message, requestId, docs}`, with `errors` from curie on. A version's name starts with its ISO date,
so `version >= CURIE` reads "from curie on" and compares strings.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final, Literal, get_args

ApiVersion = Literal["2025-12-01.chucky", "2025-12-16.batman", "2026-01-29.edison", "2026-05-27.curie"]
Json = dict[str, object]
ViolationCode = Literal[
    "custom",
    "duplicate_meter_order",
    "ended_subscription",
    "invalid_format",
    "invalid_type",
    "invalid_value",
    "too_big",
    "too_small",
    "unsupported_meter_order",
    "unsupported_product",
    "upgrade_api_version",
]
"""The documented `errors[].code` values that the simulator uses."""

CHUCKY: Final = "2025-12-01.chucky"
BATMAN: Final = "2025-12-16.batman"
EDISON: Final = "2026-01-29.edison"
CURIE: Final = "2026-05-27.curie"

VERSIONS: Final[Mapping[str, ApiVersion]] = {version: version for version in get_args(ApiVersion)}
_DOCS: Final = "https://docs.nomos.energy/api-references/errors/"
CODES: Final = {status: HTTPStatus(status).name for status in (400, 401, 402, 403, 404, 405, 409, 422, 429, 500)}
CODES[422] = "UNPROCESSABLE_ENTITY"  # Python renames its own constant with version 3.13


def format_time(moment: datetime | None) -> str | None:
    """Write a time in UTC as the API does: `2024-03-14T12:00:00Z`, or null."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ApiError(Exception):
    """An error answer with a documented status; the entries of `errors` say which field broke which rule."""

    def __init__(
        self, status: int, message: str, *, errors: Sequence[Json] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self._errors = errors

    def body(self, version: ApiVersion, request_id: str) -> Json:
        code = CODES[self.status]
        body: Json = {"code": code, "message": str(self), "requestId": request_id, "docs": _DOCS + code}
        return body | {"errors": self._errors} if self._errors and version >= CURIE else body


def violation(code: ViolationCode, field: str, message: str, status: int = 400) -> ApiError:
    """400 or 409: a value cannot be read, or a rule forbids it; the message repeats code and field."""
    errors: list[Json] = [{"code": code, "field": field, "message": message}]
    return ApiError(status, f"{code} in '{field}': {message}", errors=errors)


def unauthorized(scheme: Literal["Basic", "Bearer"] = "Bearer") -> ApiError:
    """401: credentials are missing, wrong or expired."""
    message = "Invalid or malformed token" if scheme == "Bearer" else "Invalid client credentials"
    return ApiError(401, message, headers={"WWW-Authenticate": scheme})


def not_found() -> ApiError:
    """404: it does not exist, belongs to another organisation, or this version does not show it."""
    return ApiError(404, "Resource not found")


def too_many_requests(wait_seconds: int = 30) -> ApiError:
    """429: the client has used up its requests. The vendor's example says 30 seconds."""
    message = f"Wait {wait_seconds} seconds before retrying."
    return ApiError(429, message, headers={"Retry-After": str(wait_seconds)})
