"""Every way in which a call can fail.

    NomosError
    ├── InvalidRequestError          the request is wrong and was not sent: malformed ID, bad limit (a ValueError)
    │   ├── UnsupportedVersionError  the pinned API version does not have this resource or filter
    │   └── MissingScopeError        the token is known not to cover this
    ├── CredentialsError             no credentials, or the token endpoint refused them
    ├── LocalRateLimitError          the client's own rate limiter had no turn in time; this request was not sent
    ├── APIError                     Nomos responded with an error; one class per documented code:
    │   ├── BadRequestError           400 BAD_REQUEST
    │   ├── AuthenticationError       401 UNAUTHORIZED
    │   ├── PaymentRequiredError      402 PAYMENT_REQUIRED
    │   ├── PermissionDeniedError     403 FORBIDDEN
    │   ├── NotFoundError             404 NOT_FOUND
    │   ├── MethodNotAllowedError     405 METHOD_NOT_ALLOWED
    │   ├── ConflictError             409 CONFLICT
    │   ├── UnprocessableEntityError  422 UNPROCESSABLE_ENTITY
    │   ├── RateLimitError            429 TOO_MANY_REQUESTS
    │   └── InternalServerError       500 INTERNAL_SERVER_ERROR, and every other 5xx
    ├── APIConnectionError           no response: name not resolved, connection refused or reset, TLS failed
    │   ├── APITimeoutError          no response in time
    │   └── CertificateError         the host's certificate is not trusted; nothing was sent
    ├── VersionMismatchError         the response was made for another API version: its words mean something else
    └── UnreadableResponseError      the response is not JSON, too large, or of the wrong shape

Text that upstream wrote (`APIError.message`) is bounded and stripped of control characters; nothing is decided by it.
"""

import copyreg
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class NomosError(Exception):
    """Base of everything this client raises on purpose. Can be pickled, so it passes between worker processes."""

    def __reduce__(self) -> tuple[object, ...]:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class InvalidRequestError(NomosError, ValueError):
    """The request is wrong and was not sent."""


class UnsupportedVersionError(InvalidRequestError):
    """The pinned API version lacks what was asked for; nothing was sent."""


class MissingScopeError(InvalidRequestError):
    """The token's granted scope does not cover the request; nothing was sent."""


class CredentialsError(NomosError):
    """There are no credentials, or the token endpoint refused them.

    Attributes:
        request_id: The token endpoint's `requestId`, for support; None if there was none.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class LocalRateLimitError(NomosError):
    """The client's own rate limiter had no turn for this request in time, so it was not sent.

    Attributes:
        retry_after: Seconds after which a turn is likely to be free.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "Too many requests are waiting for their turn within the rate limit, so this one was not sent. "
            f"Try again in {math.ceil(retry_after)} seconds."
        )
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One entry of an error's `errors` list: which field broke which rule (from curie on)."""

    code: str
    field: str
    message: str


class APIError(NomosError):
    """Nomos responded with an error.

    Attributes:
        status_code: HTTP status code.
        code: The error's `code`, the thing to switch on; None if the body carried none and none is documented.
        message: Upstream's own words, bounded; for a person to read, never to decide by. None if there were none.
        request_id: What the vendor's support asks for; None if there was none.
        docs: Address of the vendor's page about this code; None if there was none.
        errors: Details per field (API version curie and later), possibly empty.
        retry_after: Seconds that upstream asks to wait, at most an hour; None if it did not say.
    """

    documented_code: ClassVar[str] = ""

    def __init__(
        self,
        status_code: int,
        *,
        code: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        docs: str | None = None,
        errors: Sequence[ErrorDetail] = (),
        retry_after: float | None = None,
    ) -> None:
        self.status_code = status_code
        self.code = code or self.documented_code or None
        self.message = message
        self.request_id = request_id
        self.docs = docs
        self.errors = tuple(errors)
        self.retry_after = retry_after
        quoted = f": {message!r}" if message else ""
        reference = f" (requestId {request_id})" if request_id else ""
        super().__init__(f"HTTP {status_code} {self.code or 'without a code'}{quoted}{reference}")

    @property
    def detail_codes(self) -> tuple[str, ...]:
        """The `code` of every detail, in order; the business rules that were broken."""
        return tuple(detail.code for detail in self.errors)


class BadRequestError(APIError):
    """400: the request is wrong; do not repeat it."""

    documented_code = "BAD_REQUEST"


class AuthenticationError(APIError):
    """401: the token was refused, also after one renewal."""

    documented_code = "UNAUTHORIZED"


class PaymentRequiredError(APIError):
    """402: the organisation's Nomos plan does not include this."""

    documented_code = "PAYMENT_REQUIRED"


class PermissionDeniedError(APIError):
    """403: outside the token's scope or organisation; do not repeat it."""

    documented_code = "FORBIDDEN"


class NotFoundError(APIError):
    """404: no such object, or none that this token may see."""

    documented_code = "NOT_FOUND"


class MethodNotAllowedError(APIError):
    """405: the path exists, the method does not."""

    documented_code = "METHOD_NOT_ALLOWED"


class ConflictError(APIError):
    """409: a unique value is taken; for a meter order: the subscription has had its one order."""

    documented_code = "CONFLICT"


class UnprocessableEntityError(APIError):
    """422: well-formed, but against a business rule; do not repeat it."""

    documented_code = "UNPROCESSABLE_ENTITY"


class RateLimitError(APIError):
    """429: past the rate limit; back off."""

    documented_code = "TOO_MANY_REQUESTS"


class InternalServerError(APIError):
    """5xx: upstream failed."""

    documented_code = "INTERNAL_SERVER_ERROR"


class APIConnectionError(NomosError):
    """There was no response.

    Attributes:
        sent: Whether the request may have arrived. False if the connection was never made.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class APITimeoutError(APIConnectionError):
    """There was no response in time."""


class CertificateError(APIConnectionError):
    """The host's certificate is not trusted: another host than Nomos may be answering. Nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class VersionMismatchError(NomosError):
    """The response says that it was made for another API version.

    Attributes:
        expected: The version that was asked for.
        received: The version that the response names; None if it names none.
    """

    def __init__(self, expected: str, received: str | None) -> None:
        super().__init__(
            f"The response was made for API version {received or '(not stated)'}, but {expected} was asked for. "
            "The same status names mean different things in different versions, so the response is not used."
        )
        self.expected = expected
        self.received = received


class UnreadableResponseError(NomosError):
    """The response is not what the API documents: not JSON, too large, or of the wrong shape.

    Attributes:
        status_code: HTTP status code of the response.
        request_id: The response's request ID; None if neither a header nor the body carried one.
    """

    def __init__(self, message: str, *, status_code: int, request_id: str | None = None) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.request_id = request_id


BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}
