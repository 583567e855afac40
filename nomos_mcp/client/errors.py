"""Every way in which a call can fail.

    NomosError
    ├── InvalidRequestError          refused here, nothing was sent: malformed ID, bad limit (a ValueError)
    │   ├── UnsupportedVersionError  the pinned API version does not have this resource or filter
    │   └── MissingScopeError        the token is known not to cover this
    ├── CredentialsError             no credentials, or the token endpoint refused them
    ├── RateBudgetError              the turn would not have come in time; this request was not sent
    ├── APIError                     Nomos answered with an error; one class per documented code:
    │   ├── BadRequestError           400 BAD_REQUEST
    │   ├── UnauthorizedError         401 UNAUTHORIZED
    │   ├── PaymentRequiredError      402 PAYMENT_REQUIRED
    │   ├── ForbiddenError            403 FORBIDDEN
    │   ├── NotFoundError             404 NOT_FOUND
    │   ├── MethodNotAllowedError     405 METHOD_NOT_ALLOWED
    │   ├── ConflictError             409 CONFLICT
    │   ├── UnprocessableEntityError  422 UNPROCESSABLE_ENTITY
    │   ├── TooManyRequestsError      429 TOO_MANY_REQUESTS
    │   └── InternalServerError       500 INTERNAL_SERVER_ERROR, and every other 5xx
    ├── APIConnectionError           no answer: name not resolved, connection refused or reset, TLS failed
    │   ├── APITimeoutError          no answer in time
    │   └── CertificateError         the host's certificate is not trusted; nothing was sent
    ├── VersionMismatchError         the answer was made for another API version: its words mean something else
    └── UnreadableAnswerError        an answer that is no answer: not JSON, too large, or of the wrong shape

Text that upstream wrote (`APIError.message`) is bounded and stripped of control characters; nothing is decided by it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class NomosError(Exception):
    """Base of everything this client raises on purpose. Can be pickled, so it passes from worker processes."""

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[NomosError], args: tuple[object, ...], fields: dict[str, object]) -> NomosError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(fields)
    return error


class InvalidRequestError(NomosError, ValueError):
    """The request is wrong and was not sent."""


class UnsupportedVersionError(InvalidRequestError):
    """The pinned API version lacks what was asked for; nothing was sent."""


class MissingScopeError(InvalidRequestError):
    """The token's granted scope does not cover the request; nothing was sent."""


class CredentialsError(NomosError):
    """There are no credentials, or the token endpoint refused them.

    Attributes:
        request_id: The token endpoint's `requestId`, for support; empty if there was none.
    """

    def __init__(self, message: str, *, request_id: str = "") -> None:
        super().__init__(message)
        self.request_id = request_id


class RateBudgetError(NomosError):
    """The client's own rate budget has no turn for this request in time, so it was not sent.

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
    """Nomos answered with an error.

    Attributes:
        status: HTTP status code.
        code: The error's `code`, the thing to switch on; empty if the body carried none.
        message: Upstream's own words, bounded; for a person to read, never to decide by.
        request_id: What the vendor's support asks for; empty if there was none.
        docs: Address of the vendor's page about this code; empty if there was none.
        errors: Details per field (API version curie and later), possibly empty.
        retry_after: Seconds that upstream asks to wait, at most an hour; None if it did not say.
    """

    documented_code: ClassVar[str] = ""

    def __init__(
        self,
        status: int,
        *,
        code: str = "",
        message: str = "",
        request_id: str = "",
        docs: str = "",
        errors: Sequence[ErrorDetail] = (),
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.code = code or self.documented_code
        self.message = message
        self.request_id = request_id
        self.docs = docs
        self.errors = tuple(errors)
        self.retry_after = retry_after
        said = f": {message!r}" if message else ""
        tail = f" (requestId {request_id})" if request_id else ""
        super().__init__(f"HTTP {status} {self.code or 'without a code'}{said}{tail}")

    @property
    def detail_codes(self) -> tuple[str, ...]:
        """The `code` of every detail, in order; the business rules that were broken."""
        return tuple(detail.code for detail in self.errors)


class BadRequestError(APIError):
    """400: the request is wrong; do not repeat it."""

    documented_code = "BAD_REQUEST"


class UnauthorizedError(APIError):
    """401: the token was refused, also after one renewal."""

    documented_code = "UNAUTHORIZED"


class PaymentRequiredError(APIError):
    """402: the organisation's Nomos plan does not include this."""

    documented_code = "PAYMENT_REQUIRED"


class ForbiddenError(APIError):
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


class TooManyRequestsError(APIError):
    """429: past the rate limit; back off."""

    documented_code = "TOO_MANY_REQUESTS"


class InternalServerError(APIError):
    """5xx: upstream failed."""

    documented_code = "INTERNAL_SERVER_ERROR"


class APIConnectionError(NomosError):
    """There was no answer.

    Attributes:
        sent: Whether the request may have arrived. False if the connection was never made.
    """

    sent = True

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class APITimeoutError(APIConnectionError):
    """There was no answer in time."""


class CertificateError(APIConnectionError):
    """The host's certificate is not trusted: another host than Nomos may be answering. Nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class VersionMismatchError(NomosError):
    """The answer says that it was made for another API version.

    Attributes:
        expected: The version that was asked for.
        received: The version that the answer names; empty if it names none.
    """

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(
            f"The answer was made for API version {received or '(not stated)'}, but {expected} was asked for. "
            "The same status names mean different things in different versions, so the answer is not used."
        )
        self.expected = expected
        self.received = received


class UnreadableAnswerError(NomosError):
    """The answer is not what the API documents: not JSON, too large, or of the wrong shape.

    Attributes:
        status: HTTP status code of the answer.
        request_id: The answer's request ID, if a header or the body carried one.
    """

    def __init__(self, message: str, *, status: int, request_id: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.request_id = request_id


BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    402: PaymentRequiredError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: TooManyRequestsError,
}
