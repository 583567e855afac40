"""The documented error bodies: `{code, message, requestId, docs}`, and `errors` from curie on.

One exception carries all of them; the functions below are the only way to make one, so that a status and its code
cannot disagree.

    ApiError
      bad_request         400 BAD_REQUEST
      unauthorized        401 UNAUTHORIZED
      forbidden           403 FORBIDDEN
      not_found           404 NOT_FOUND
      method_not_allowed  405 METHOD_NOT_ALLOWED, with Allow
      conflict            409 CONFLICT
      too_many_requests   429 TOO_MANY_REQUESTS, with Retry-After
      failing             any of the documented statuses, without a reason: for faults
      internal            500 INTERNAL_SERVER_ERROR
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, get_args

ApiVersion = Literal["2025-12-01.chucky", "2025-12-16.batman", "2026-01-29.edison", "2026-05-27.curie"]

CHUCKY: Final = "2025-12-01.chucky"
BATMAN: Final = "2025-12-16.batman"
EDISON: Final = "2026-01-29.edison"
CURIE: Final = "2026-05-27.curie"

_KNOWN: Final[dict[str, ApiVersion]] = {version: version for version in get_args(ApiVersion)}


def known(text: str) -> ApiVersion | None:
    """Tell whether a header value names a version.

    Args:
        text: What the caller sent as `X-API-Version`.

    Returns:
        The version, or None for anything else: the comparison is exact.
    """
    return _KNOWN.get(text)


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
"""The documented `errors[].code` values that this simulator has a use for."""

Json = dict[str, object]

_DOCS: Final = "https://docs.nomos.energy/api-references/errors/"


# Written out: Python renames its own constant for 422 with version 3.13.
_CODES: Final[Mapping[int, str]] = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    402: "PAYMENT_REQUIRED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    422: "UNPROCESSABLE_ENTITY",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}
_RETRY_SECONDS: Final = 30  # the vendor's example of a 429 says so


@dataclass(frozen=True, slots=True)
class Violation:
    """One entry of `errors`: which rule a field broke."""

    code: ViolationCode
    field: str
    message: str


class ApiError(Exception):
    """An answer that is not a success; made by the functions of this module."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        violation: Violation | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.violation = violation
        self.headers = dict(headers or {})

    def body(self, version: ApiVersion, request_id: str) -> Json:
        """Write the error as a version words it.

        Args:
            version: The version the request was processed with; `errors` exists from curie on.
            request_id: What a person would give to support.

        Returns:
            The JSON body.
        """
        code = _CODES[self.status]
        body: Json = {"code": code, "message": self.message, "requestId": request_id, "docs": _DOCS + code}
        if self.violation is not None and version >= CURIE:
            broken = self.violation
            body["errors"] = [{"code": broken.code, "field": broken.field, "message": broken.message}]
        return body


def bad_request(code: ViolationCode, field: str, message: str) -> ApiError:
    """400: a value cannot be read or a rule forbids it; the message repeats code and field, as the vendor's do."""
    return ApiError(
        HTTPStatus.BAD_REQUEST,
        f"{code} in '{field}': {message}",
        violation=Violation(code, field, message),
    )


def unauthorized(scheme: Literal["Basic", "Bearer"] = "Bearer") -> ApiError:
    """401: no credentials, or none that are (still) good."""
    message = "Invalid or malformed token" if scheme == "Bearer" else "Invalid client credentials"
    return ApiError(HTTPStatus.UNAUTHORIZED, message, headers={"WWW-Authenticate": scheme})


def forbidden() -> ApiError:
    """403: the token's scope does not cover the method."""
    return ApiError(HTTPStatus.FORBIDDEN, "You are not allowed to access this resource")


def not_found() -> ApiError:
    """404: there is no such thing, or it is another organisation's, or this version does not show it."""
    return ApiError(HTTPStatus.NOT_FOUND, "Resource not found")


def method_not_allowed(allow: str) -> ApiError:
    """405: the path exists, the method does not; `Allow` lists those that do."""
    return ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", headers={"Allow": allow})


def conflict(code: ViolationCode, field: str, message: str) -> ApiError:
    """409: something that may exist only once exists already."""
    return ApiError(
        HTTPStatus.CONFLICT,
        f"{code} in '{field}': {message}",
        violation=Violation(code, field, message),
    )


def too_many_requests(wait_seconds: int) -> ApiError:
    """429: the client's requests of this second are used up."""
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"Wait {wait_seconds} seconds before retrying.",
        headers={"Retry-After": str(wait_seconds)},
    )


def internal() -> ApiError:
    """500: the server failed."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")


def failing(status: int) -> ApiError | None:
    """Make the error of a status without anything having caused it.

    Args:
        status: An HTTP status.

    Returns:
        The error; None for a status that the API does not document, which something else must have answered then.
    """
    if status not in _CODES:
        return None
    found = HTTPStatus(status)
    return (
        too_many_requests(_RETRY_SECONDS) if status == HTTPStatus.TOO_MANY_REQUESTS else ApiError(found, found.phrase)
    )
