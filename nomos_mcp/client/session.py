"""The one way out: a request, authenticated, pinned to a version, within the rate budget, repeated where that is safe.

Returns JSON or raises what went wrong. Knows nothing of resources and models.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

import anyio
from pydantic import SecretStr

from nomos_mcp.client.constants import BACKOFF_BASE, BACKOFF_CAP, MAX_ATTEMPTS, VERSION_HEADER, ApiVersion
from nomos_mcp.client.credentials import WRITE_SCOPE, Ask, Credentials, Form
from nomos_mcp.client.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    CertificateError,
    CredentialsError,
    InternalServerError,
    MissingScopeError,
    NomosError,
    TooManyRequestsError,
    UnreadableAnswerError,
    VersionMismatchError,
)
from nomos_mcp.client.http_connection import EventLoop
from nomos_mcp.client.http_messages import Answer, AsgiApp, Json, Request, cleaned, error_from, is_error, parsed
from nomos_mcp.client.rate_limit_headers import RateHints, date_of, rate_hints
from nomos_mcp.client.rate_limiter import RateBudget
from nomos_mcp.client.single_flight import SharedReads
from nomos_mcp.client.time_source import Timing


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


if TYPE_CHECKING:
    from nomos_mcp.client.transport import Wire

T = TypeVar("T")
BeforeSend = Callable[[], Awaitable[None]]
"""Called right before a write leaves, with its turn in the rate limit taken; what it raises keeps the write back."""

_REDIRECTS: Final = range(300, 400)
_REFUSED_CREDENTIALS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Transport:
    """Sends requests to one host with one identity, one pinned version and one rate budget.

    Args:
        base_url: Where to; checked by `hosts`.
        app: Answers in place of the network.
        api_version: Sent with every request and compared with every answer.
        credentials: Who we are.
        budget: Shared by everything that is sent, token requests included.
        deadline: Seconds for a whole call.
        timing: Clock, sleep and jitter.
    """

    def __init__(
        self,
        base_url: str,
        *,
        app: AsgiApp | None,
        api_version: ApiVersion,
        credentials: Credentials,
        budget: RateBudget,
        deadline: float,
        timing: Timing,
    ) -> None:
        self._base_url = base_url
        self._app = app
        self._api_version = api_version
        self._pinned = {VERSION_HEADER: api_version}
        self._credentials = credentials
        self._budget = budget
        self._deadline = deadline
        self._timing = timing
        self._reads: SharedReads[Json] = SharedReads()
        self._loop = EventLoop()
        self.rate_hints: RateHints | None = None

    async def get(self, path: str, query: Iterable[tuple[str, str]] = (), *, fence: str = "") -> Json:
        """Read; repeated while the failure may pass and time is left.

        Args:
            path: Path below the base URL, its parts already percent-encoded.
            query: Query parameters, not yet encoded.
            fence: Whom the read is for; equal reads at the same time are one, but not across fences.

        Raises:
            NomosError: One of the tree in `errors`.
        """
        request = Request("GET", path, tuple(query), headers=self._pinned)

        async def read(ends: float) -> Json:
            key = (fence, request.path, request.query)
            return await self._reads.read(key, lambda: self._repeated(lambda: self._asked(request, ends), ends))

        return await self._within_deadline(read)

    async def post(self, path: str, body: Mapping[str, str], before_send: BeforeSend | None = None) -> Json:
        """Write, once: a write is never repeated, except after a 401, which tells that it was not looked at.

        Getting the token beforehand is repeated as a read is: nothing of the write is sent before it is there.

        Args:
            path: Path below the base URL.
            body: Sent as JSON.
            before_send: See `BeforeSend`; called again if the write is sent again after a 401.

        Raises:
            MissingScopeError: The token is known to be read-only; nothing was sent.
            NomosError: One of the tree in `errors`.
        """
        request = Request("POST", path, body=json.dumps(dict(body)).encode(), headers=self._pinned)

        async def write(ends: float) -> Json:
            await self._repeated(lambda: self._credentials.token(self._lending(ends)), ends)
            self._require_scope(request)
            self._reads.forget()
            try:
                return await self._asked(request, ends, before_send)
            finally:
                self._reads.forget()

        return await self._within_deadline(write)

    async def health(self) -> datetime | None:
        """Ask whether the host answers at all; return its clock if it told.

        Raises:
            NomosError: It does not answer, or with an error.
        """

        async def ask(ends: float) -> Answer:
            async with self._budget.place(self._left(ends)):
                return await self._wire.greet(Request("GET", "/health"))

        answer = await self._within_deadline(ask)
        if is_error(answer.status):
            raise self._error(answer)
        return date_of(answer.headers.get("date"))

    async def granted_scopes(self) -> frozenset[str] | None:
        """Return the scopes that the token was granted; None if the answer did not say or the token is static."""

        async def ask(ends: float) -> None:
            await self._repeated(lambda: self._credentials.token(self._lending(ends)), ends)

        await self._within_deadline(ask)
        return self._credentials.scopes

    async def aclose(self) -> None:
        """Close the connection pool; closing twice does no harm.

        Raises:
            InvalidRequestError: It was opened in another event loop.
        """
        if self._app is not None and self._loop.is_elsewhere:
            return  # an application that answers in process has no connections
        with self._loop.closing():
            if "_wire" in self.__dict__:
                await self._wire.aclose()

    @cached_property
    def _wire(self) -> "Wire":
        from nomos_mcp.client.transport import Wire  # noqa: PLC0415  loads the HTTP library, which a start can do without

        return Wire(self._base_url, self._app)

    async def _within_deadline(self, call: Callable[[float], Awaitable[T]]) -> T:
        with self._loop.calling(self._budget.renew_locks), anyio.move_on_after(self._deadline):
            return await call(self._timing.monotonic() + self._deadline)
        raise APITimeoutError(f"{self._wire.host} did not answer within {self._deadline:g} seconds.")

    async def _repeated(self, ask: Callable[[], Awaitable[T]], ends: float) -> T:
        for attempt in count(1):
            try:
                return await ask()
            except NomosError as error:
                wait = pause(error, attempt, self._timing)
                if not passes(error) or attempt == MAX_ATTEMPTS or wait >= self._left(ends):
                    raise
            await self._timing.sleep(wait)
        raise AssertionError  # pragma: no cover  count() does not end

    async def _asked(self, request: Request, ends: float, before_send: BeforeSend | None = None) -> Json:
        answer = await self._authorised(request, ends, before_send)
        version = answer.headers.get(VERSION_HEADER.lower(), "")
        if version != self._api_version and (version or not is_error(answer.status)):
            raise VersionMismatchError(self._api_version, cleaned(version))
        if is_error(answer.status):
            raise self._error(answer)
        return _body(answer)

    async def _authorised(self, request: Request, ends: float, before_send: BeforeSend | None) -> Answer:
        lend = self._lending(ends)
        token = await self._credentials.token(lend)
        answer, used = await self._placed(request, token, ends, before_send)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            try:
                newer = await self._credentials.renewed(used, lend)
            except CredentialsError:
                raise
            except NomosError:
                if request.body is None:
                    raise
                return answer  # a write has to tell what became of it: it was refused
            if newer is not None:
                answer, _ = await self._placed(request, newer, ends, before_send, urgent=True)
        return answer

    async def _placed(
        self,
        request: Request,
        token: SecretStr,
        ends: float,
        before_send: BeforeSend | None,
        *,
        urgent: bool = False,
    ) -> tuple[Answer, SecretStr]:
        async with self._budget.place(self._left(ends), urgent=urgent):
            newest = self._credentials.current or token  # renewed, perhaps, while this call waited for its turn
            self._require_scope(request)
            if before_send is not None:
                await before_send()
            answer = await self._wire.send(request, newest)
            self._observe(answer)
        return answer, newest

    def _require_scope(self, request: Request) -> None:
        scopes = self._credentials.scopes
        if request.method == "POST" and scopes is not None and WRITE_SCOPE not in scopes:
            raise MissingScopeError(f"The access token lacks the scope {WRITE_SCOPE!r}; nothing was sent.")

    def _lending(self, ends: float) -> Ask:
        async def ask(client_id: str, client_secret: SecretStr, form: Form) -> Json:
            request = Request("POST", "/oauth/token", headers=self._pinned)
            async with self._budget.place(self._left(ends), urgent=True):
                answer = await self._wire.exchange(request, form, client_id, client_secret)
                if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
                    self._observe(answer)  # anything less may count token requests alone, and would slow all others
            if answer.status in _REFUSED_CREDENTIALS:
                raise CredentialsError(
                    f"The token endpoint refused the client credentials (HTTP {answer.status}).",
                    request_id=self._error(answer).request_id,
                )
            if is_error(answer.status):
                raise self._error(answer)
            return _body(answer)

        return ask

    def _left(self, ends: float) -> float:
        return ends - self._timing.monotonic()

    def _hints(self, answer: Answer) -> RateHints:
        return rate_hints(answer.headers, self._timing.wall())

    def _observe(self, answer: Answer) -> None:
        self.rate_hints = self._hints(answer)
        self._budget.observe(self.rate_hints, refused=answer.status == HTTPStatus.TOO_MANY_REQUESTS)

    def _error(self, answer: Answer) -> APIError:
        hints = self._hints(answer)
        wait = hints.retry_after
        if wait is None and answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = hints.reset
        return error_from(answer.status, answer.content, answer.request_id, wait)


def _body(answer: Answer) -> Json:
    if answer.status in _REDIRECTS:
        raise UnreadableAnswerError(
            f"HTTP {answer.status} is a redirect, and redirects are not followed; check the base URL.",
            status=answer.status,
            request_id=answer.request_id,
        )
    return parsed(answer.content, answer.headers.get("content-type", ""), answer.status, answer.request_id)
