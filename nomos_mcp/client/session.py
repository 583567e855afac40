"""A call from start to end: authenticated, pinned to a version, within one deadline, retried where that is safe.

Returns JSON or raises what went wrong. Knows nothing of resources and models.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final, TypeVar

import anyio
from pydantic import SecretStr

from nomos_mcp.client.credentials import TOKEN_PATH, WRITE_SCOPE, Credentials
from nomos_mcp.client.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    CertificateError,
    CredentialsError,
    InternalServerError,
    InvalidRequestError,
    MissingScopeError,
    NomosError,
    RateLimitError,
    VersionMismatchError,
)
from nomos_mcp.client.http_connection import HttpConnection, SingleFlight
from nomos_mcp.client.http_messages import VERSION_HEADER, ApiVersion, Json, Request, Response, cleaned
from nomos_mcp.client.rate_limiter import Timing, http_date

CALL_TIMEOUT: Final = 45.0
"""For a whole call: token, waiting for the rate limiter, retries and the pauses between them."""
MAX_RETRIES: Final = 3
BACKOFF_BASE: Final = 0.5
"""The first pause before a retry is anything up to this; it doubles with every retry."""
BACKOFF_CAP: Final = 8.0

T = TypeVar("T")
BeforeSend = Callable[[], Awaitable[None]]
"""Called right before a write is sent, with its slot of the rate limiter held; if it raises, nothing is sent."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How many seconds a call may take, how often a read is sent again at most, and whose objects alone it may show."""

    timeout: float = CALL_TIMEOUT
    max_retries: int = MAX_RETRIES
    customer_id: str | None = None

    def __post_init__(self) -> None:
        if not self.timeout > 0 or self.max_retries < 0:
            raise InvalidRequestError("timeout must be more than 0 seconds, and max_retries at least 0.")


@dataclass(frozen=True, slots=True)
class _Call:
    request: Request
    options: CallOptions
    began: float
    before_send: BeforeSend | None = None

    @property
    def deadline(self) -> float:
        return self.began + self.options.timeout


class Session:
    """Makes calls with one identity and one API version, sent with every request and compared with every response.

    Attributes:
        answered_at: When the last call got what it asked for, on the monotonic clock; minus infinity before the first.
    """

    def __init__(self, connection: HttpConnection, credentials: Credentials, api_version: ApiVersion) -> None:
        self.api_version: ApiVersion = api_version
        self.answered_at = float("-inf")
        self._connection = connection
        self._credentials = credentials
        self._headers = {VERSION_HEADER: api_version}
        self._timing = connection.timing
        self._reads: SingleFlight[Json] = SingleFlight()

    async def get(self, path: str, query: Iterable[tuple[str, str | SecretStr]], options: CallOptions) -> Json:
        """Read; retried while the failure may pass and time is left.

        Equal reads at the same time are one, unless they have different options, such as another customer's scope.
        """
        request = Request("GET", path, tuple(query), self._headers)
        call = _Call(request, options, self._timing.monotonic())
        return await self._run(self._read, call)

    async def post(
        self, path: str, body: Mapping[str, str], options: CallOptions, *, before_send: BeforeSend | None
    ) -> Json:
        """Write, once: a write is never retried, except after a 401, which shows that it was not looked at.

        Getting the token beforehand is retried as a read is: nothing of the write is sent before it is there.
        """
        request = Request("POST", path, headers=self._headers, json=body)
        call = _Call(request, options, self._timing.monotonic(), before_send=before_send)
        return await self._run(self._write, call)

    async def health(self, options: CallOptions) -> datetime | None:
        """Ask whether the host responds at all, without a token; return its clock's time if it says so."""
        call = _Call(Request("GET", "/health"), options, self._timing.monotonic())
        response = await self._run(self._send_without_token, call)
        if response.is_error:
            raise response.error()
        return http_date(response.headers.get("date"))

    async def granted_scopes(self, options: CallOptions) -> frozenset[str] | None:
        """Return the scopes that the token was granted; None if the response did not say or the token is static."""
        call = _Call(Request("POST", TOKEN_PATH), options, self._timing.monotonic())
        await self._run(partial(self._with_retries, self._get_token), call)
        return self._credentials.scopes

    async def _run(self, step: Callable[[_Call], Awaitable[T]], call: _Call) -> T:
        with self._connection.in_use(), anyio.move_on_after(call.options.timeout):
            return await step(call)
        raise APITimeoutError(f"{self._connection.host} did not answer within {call.options.timeout:g} seconds.")

    async def _read(self, call: _Call) -> Json:
        key = (call.options, call.request.path, call.request.query)
        return await self._reads.run(key, partial(self._with_retries, self._attempt, call))

    async def _write(self, call: _Call) -> Json:
        await self._with_retries(self._get_token, call)
        self._require_scope(call.request)
        self._reads.forget()
        try:
            return await self._attempt(call)
        finally:
            self._reads.forget()

    async def _with_retries(self, step: Callable[[_Call], Awaitable[T]], call: _Call) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await step(call)
            except NomosError as error:
                failure = error
                pause = pause_before_retry(error, attempt, self._timing)
                is_late = pause >= call.deadline - self._timing.monotonic()
                if not is_transient(error) or attempt > call.options.max_retries or is_late:
                    raise
            await self._timing.sleep(pause)
            if self._timing.monotonic() >= call.deadline:  # a busy machine slept longer
                raise failure

    async def _get_token(self, call: _Call) -> SecretStr:
        return await self._credentials.token(call.deadline)

    async def _attempt(self, call: _Call) -> Json:
        response = await self._authenticated(call)
        version = response.headers.get(VERSION_HEADER.lower(), "")
        if version != self.api_version and (version or not response.is_error):
            raise VersionMismatchError(self.api_version, cleaned(version) or None)
        if response.is_error:
            raise response.error()
        self.answered_at = self._timing.monotonic()
        return response.json()

    async def _authenticated(self, call: _Call) -> Response:
        """Send a request with a token; after a 401, once more with a new one."""
        response, used = await self._send(call, await self._get_token(call))
        if response.status_code != HTTPStatus.UNAUTHORIZED:
            return response
        try:
            newer = await self._credentials.renewed(used, call.deadline)
        except CredentialsError:
            raise
        except NomosError:
            if call.request.method == "GET":
                raise
            return response  # a write has to tell what became of it: it was refused
        if newer is not None:
            response, _ = await self._send(call, newer, urgent=True)
        return response

    async def _send(self, call: _Call, token: SecretStr, *, urgent: bool = False) -> tuple[Response, SecretStr]:
        async with self._connection.turn(call.deadline, urgent=urgent):
            newest = self._credentials.current or token  # perhaps renewed while this call waited for its turn
            self._require_scope(call.request)
            if call.before_send is not None:
                await call.before_send()
            response = await self._connection.send(call.request, newest)
            self._connection.limiter.observe(response.rate_limit, refused=response.is_rate_limited)
        return response, newest

    async def _send_without_token(self, call: _Call) -> Response:
        async with self._connection.turn(call.deadline):
            return await self._connection.send(call.request)

    def _require_scope(self, request: Request) -> None:
        scopes = self._credentials.scopes
        if request.method == "POST" and scopes is not None and WRITE_SCOPE not in scopes:
            raise MissingScopeError(f"The access token lacks the scope {WRITE_SCOPE!r}; nothing was sent.")


def is_transient(error: NomosError) -> bool:
    """Whether a failure may pass by itself: 429, 5xx, and no response, but not a certificate that is not trusted."""
    if isinstance(error, CertificateError):
        return False
    return isinstance(error, RateLimitError | InternalServerError | APIConnectionError)


def pause_before_retry(error: NomosError, attempt: int, timing: Timing) -> float:
    """Return the seconds to wait after an attempt, counted from 1: what upstream asks for, plus exponential backoff.

    The backoff has full jitter, so that many callers who were refused together do not come back together.
    """
    backoff = timing.jitter(min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(attempt - 1, 10)))
    asked = error.retry_after if isinstance(error, APIError) else None
    return backoff + (asked or 0.0)
