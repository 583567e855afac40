"""What goes over the wire and what comes back, whichever library carries it."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from nomos_mcp.client.constants import MAX_UPSTREAM_TEXT, MAX_WORD
from nomos_mcp.client.errors import BY_STATUS, APIError, ErrorDetail, InternalServerError, UnreadableAnswerError

Json = Mapping[str, object]

_SERVER_ERRORS = 500
_ERRORS = 400
_MAX_DETAILS = 20
_NO_JSON = object()


def cleaned(text: object, limit: int = MAX_UPSTREAM_TEXT) -> str:
    """Bound a text of upstream's; control and formatting characters and line breaks of all kinds become spaces.

    Anything but a string becomes empty.
    """
    if not isinstance(text, str):
        return ""
    if len(text) <= limit and text.isprintable():
        return text
    printable = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return printable if len(printable) <= limit else printable[:limit] + "…"


def parsed(content: bytes, content_type: str, status: int, request_id: str = "") -> Json:
    """Parse the body of a successful answer.

    Args:
        content: The body.
        content_type: Value of the `Content-Type` header.
        status: HTTP status code.
        request_id: Request ID from a header, for the error.

    Raises:
        UnreadableAnswerError: The body is no JSON object, or is an error in disguise.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnreadableAnswerError(
            f"HTTP {status} with content type {cleaned(media_type) or '(none)'!r} where JSON was expected: "
            "something other than the Nomos API may have answered, a proxy or a login page.",
            status=status,
            request_id=request_id,
        )
    body, size = _loaded(content), len(content)
    del content  # a traceback may be shown with its variables, and this one may hold a token or a person
    if body is _NO_JSON:
        raise UnreadableAnswerError(
            f"HTTP {status} with a body of {size} bytes that is no valid JSON; it may have been cut off.",
            status=status,
            request_id=request_id,
        )
    if not isinstance(body, dict):
        raise UnreadableAnswerError(
            f"HTTP {status} with a JSON {type(body).__name__} where an object was expected.",
            status=status,
            request_id=request_id,
        )
    if "code" in body and "requestId" in body:
        code = cleaned(body["code"], MAX_WORD) or "without a code"
        raise UnreadableAnswerError(
            f"HTTP {status}, a success, but the body is an error: {code}.",
            status=status,
            request_id=cleaned(body["requestId"], MAX_WORD) or request_id,
        )
    return body


def error_from(status: int, content: bytes, request_id: str = "", retry_after: float | None = None) -> APIError:
    """Make the error of an answer with status 400 or above. Never raises: a body that cannot be read is left out."""
    body = _loaded(content)
    fields: Json = body if isinstance(body, dict) else {}
    details = fields.get("errors")
    kind = BY_STATUS.get(status, InternalServerError if status >= _SERVER_ERRORS else APIError)
    return kind(
        status,
        code=cleaned(fields.get("code"), MAX_WORD),
        message=cleaned(fields.get("message")),
        request_id=cleaned(fields.get("requestId"), MAX_WORD) or request_id,
        docs=cleaned(fields.get("docs")),
        errors=[
            ErrorDetail(
                cleaned(detail.get("code"), MAX_WORD),
                cleaned(detail.get("field"), MAX_WORD),
                cleaned(detail.get("message")),
            )
            for detail in (details if isinstance(details, list) else [])[:_MAX_DETAILS]
            if isinstance(detail, dict)
        ],
        retry_after=retry_after,
    )


def _loaded(content: bytes) -> object:
    """Parse JSON, or return `_NO_JSON`: the parser's own error holds the whole text, and must not hang on ours."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return _NO_JSON


def is_error(status: int) -> bool:
    """Whether a status code is an error of the API."""
    return status >= _ERRORS


AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
"""An ASGI application that answers in place of the network."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        method: HTTP method.
        path: Path below the base URL, its parts already percent-encoded.
        query: Query parameters, not yet encoded.
        body: The JSON to send; None for none.
        headers: Without secrets.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status code.
        headers: By lower-case name.
        content: The body, unpacked.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def request_id(self) -> str:
        """The request ID that a header carries; empty if none does."""
        return cleaned(self.headers.get("x-request-id", ""), MAX_WORD)
