"""A request and its response, whichever library carries them; and what a response is: JSON, or an error."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal, get_args

from pydantic import SecretStr

from nomos_mcp.client.errors import BY_STATUS, APIError, ErrorDetail, InternalServerError, UnreadableResponseError
from nomos_mcp.client.rate_limiter import RateLimitHeaders

ApiVersion = Literal["2026-05-27.curie", "2026-01-29.edison", "2025-12-16.batman", "2025-12-01.chucky"]
CURIE: Final = "2026-05-27.curie"
EDISON: Final = "2026-01-29.edison"
BATMAN: Final = "2025-12-16.batman"
CHUCKY: Final = "2025-12-01.chucky"
API_VERSIONS: Final[tuple[ApiVersion, ...]] = get_args(ApiVersion)
"""Source: the vendor's version notes."""
DEFAULT_API_VERSION: Final = CURIE
VERSION_HEADER: Final = "X-API-Version"
"""Selects the vocabulary of statuses. Without it the vendor picks one, so it is always sent."""

MAX_UPSTREAM_TEXT: Final = 300
"""Characters kept of any free text that upstream sends, such as an error's message."""
MAX_WORD: Final = 64
"""Characters kept of what should be one word: a status, a code, a time, a request ID. No real one comes near it."""

Json = Mapping[str, object]
Form = Mapping[str, str | SecretStr]
Query = tuple[tuple[str, str | SecretStr], ...]
_Asgi = MutableMapping[str, Any]
AsgiApp = Callable[[_Asgi, Callable[[], Awaitable[_Asgi]], Callable[[_Asgi], Awaitable[None]]], Awaitable[None]]
"""An ASGI application that answers in place of the network."""

_REDIRECTS: Final = range(300, 400)
_MAX_DETAILS: Final = 20
_NOT_JSON: Final = object()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: a path with its parts percent-encoded, a query not yet encoded, headers without secrets.

    The body is sent as JSON or as a form. A query with a secret in it reaches no URL, as URLs are logged and traced.
    """

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, str] | None = None
    form: Form | None = None

    @property
    def is_query_secret(self) -> bool:
        """Whether the query holds a secret."""
        return any(isinstance(value, SecretStr) for _, value in self.query)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: headers by lower-case name, the body unpacked."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)  # a traceback may be shown with its variables
    rate_limit: RateLimitHeaders

    @property
    def is_error(self) -> bool:
        """Whether this is an error of the API."""
        return self.status_code >= HTTPStatus.BAD_REQUEST

    @property
    def is_rate_limited(self) -> bool:
        """Whether this is a 429."""
        return self.status_code == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def request_id(self) -> str | None:
        """The request ID in the headers; None if there is none."""
        return cleaned(self.headers.get("x-request-id"), MAX_WORD) or None

    def json(self) -> Json:
        """Parse the body of a success; `UnreadableResponseError` if it is no JSON object, or an error in disguise."""
        if self.status_code in _REDIRECTS:
            raise self._unreadable("is a redirect, and redirects are not followed; check the base URL")
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise self._unreadable(
                f"has the content type {cleaned(media_type) or '(none)'!r} where JSON was expected: something other "
                "than the Nomos API may have answered, such as a proxy or a login page"
            )
        body = _parsed(self.content)
        if body is _NOT_JSON:
            raise self._unreadable(
                f"has a body of {len(self.content)} bytes that is not valid JSON; it may have been cut off"
            )
        if not isinstance(body, dict):
            kind = type(body).__name__
            del body  # a traceback may be shown with its variables, and this one may hold a token or a person
            raise self._unreadable(f"has a JSON {kind} where an object was expected")
        if "code" in body and "requestId" in body:
            code = cleaned(body["code"], MAX_WORD) or "without a code"
            request_id = cleaned(body["requestId"], MAX_WORD)
            del body
            raise self._unreadable(f"is a success, but its body is an error: {code}", request_id)
        return body

    def error(self) -> APIError:
        """Return the error that a status of 400 or above stands for. A body that cannot be read is left out."""
        body = _parsed(self.content)
        fields: Json = body if isinstance(body, dict) else {}
        details = fields.get("errors")
        retry_after = self.rate_limit.retry_after
        if retry_after is None and self.is_rate_limited:
            retry_after = self.rate_limit.reset
        is_server_error = self.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        kind = BY_STATUS.get(self.status_code, InternalServerError if is_server_error else APIError)
        return kind(
            self.status_code,
            code=cleaned(fields.get("code"), MAX_WORD) or None,
            message=cleaned(fields.get("message")) or None,
            request_id=cleaned(fields.get("requestId"), MAX_WORD) or self.request_id,
            docs=cleaned(fields.get("docs")) or None,
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

    def _unreadable(self, flaw: str, request_id: str | None = None) -> UnreadableResponseError:
        return UnreadableResponseError(
            f"The response (HTTP {self.status_code}) {flaw}.",
            status_code=self.status_code,
            request_id=request_id or self.request_id,
        )


def cleaned(text: object, limit: int = MAX_UPSTREAM_TEXT) -> str:
    """Bound a text of upstream's, and replace what is not printable by spaces. Anything but a string becomes empty."""
    if not isinstance(text, str):
        return ""
    if len(text) <= limit and text.isprintable():
        return text
    printable = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return printable if len(printable) <= limit else printable[:limit] + "…"


def _parsed(content: bytes) -> object:
    """Parse JSON, or return `_NOT_JSON`: the parser's error holds the whole text and must not be chained to ours."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return _NOT_JSON
