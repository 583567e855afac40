"""The one way out: sends a request, authenticated and pinned to a version, and returns JSON or raises what went wrong.

The only file that knows the HTTP library.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx
from pydantic import SecretStr

from nomos_mcp.client.answers import Json, cleaned, error_from, is_error, parsed
from nomos_mcp.client.constants import CALL_DEADLINE, CONNECT_TIMEOUT, MAX_ANSWER_BYTES, READ_TIMEOUT
from nomos_mcp.client.credentials import WRITE_SCOPE, Credentials
from nomos_mcp.client.errors import (
    APIConnectionError,
    APITimeoutError,
    CredentialsError,
    MissingScopeError,
    UnreadableAnswerError,
    VersionMismatchError,
)
from nomos_mcp.client.versions import VERSION_HEADER, ApiVersion

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
"""An ASGI application that answers in place of the network."""

_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = range(300, 400)
_TIMEOUT: Final = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    version: str
    request_id: str
    content: bytes


class Transport:
    """Sends requests to one host with one identity and one pinned version.

    The connection pool is opened by the first request and closed by `aclose`.
    """

    def __init__(
        self, *, base_url: str, api_version: ApiVersion, credentials: Credentials, app: AsgiApp | None = None
    ) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._api_version = api_version
        self._credentials = credentials
        self._app = app
        self._pool: httpx.AsyncClient | None = None

    async def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> Json:
        """Read.

        Args:
            path: Path below the base URL, its parts already percent-encoded.
            query: Query parameters, not yet encoded.

        Raises:
            NomosError: One of the tree in `errors`.
        """
        return await self._call("GET", path, query=tuple(query))

    async def post(self, path: str, body: Mapping[str, str]) -> Json:
        """Write, once: a write is never repeated, except after a 401, which tells that it was not looked at.

        Raises:
            MissingScopeError: The token is known to be read-only; nothing was sent.
            NomosError: One of the tree in `errors`.
        """
        scopes = await self.granted_scopes()
        if scopes is not None and WRITE_SCOPE not in scopes:
            raise MissingScopeError(f"The access token lacks the scope {WRITE_SCOPE!r}; nothing was sent.")
        return await self._call("POST", path, content=json.dumps(dict(body)).encode())

    async def granted_scopes(self) -> frozenset[str] | None:
        """Return the scopes that the token was granted; None if the answer did not say or the token is static."""
        with _deadline(self._host):
            await self._credentials.token(self._ask_token)
        return self._credentials.scopes

    async def aclose(self) -> None:
        """Close the connection pool; closing twice does no harm."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _call(
        self, method: str, path: str, *, query: tuple[tuple[str, str], ...] = (), content: bytes | None = None
    ) -> Json:
        with _deadline(self._host):
            answer = await self._authorised(method, path, query, content)
        if answer.version != self._api_version and (answer.version or not is_error(answer.status)):
            raise VersionMismatchError(self._api_version, cleaned(answer.version))
        if is_error(answer.status):
            raise error_from(answer.status, answer.content, answer.request_id)
        return _body(answer)

    async def _authorised(
        self, method: str, path: str, query: tuple[tuple[str, str], ...], content: bytes | None
    ) -> _Answer:
        token = await self._credentials.token(self._ask_token)
        answer = await self._send(method, path, query=query, content=content, headers=self._headers(token, content))
        if answer.status == _UNAUTHORIZED:
            newer = await self._credentials.renewed(token, self._ask_token)
            if newer is not None:
                headers = self._headers(newer, content)
                answer = await self._send(method, path, query=query, content=content, headers=headers)
            if answer.status == _UNAUTHORIZED:
                raise error_from(answer.status, answer.content, answer.request_id)
        return answer

    async def _ask_token(self, client_id: str, client_secret: SecretStr, form: Mapping[str, str]) -> Json:
        answer = await self._send(
            "POST", "/oauth/token", form=form, auth=httpx.BasicAuth(client_id, client_secret.get_secret_value())
        )
        if is_error(answer.status):
            error = error_from(answer.status, answer.content, answer.request_id)
            if answer.status in {400, 401, 403}:
                raise CredentialsError(
                    f"The token endpoint refused the client credentials (HTTP {answer.status}).",
                    request_id=error.request_id,
                )
            raise error
        return _body(answer)

    def _headers(self, token: SecretStr, content: bytes | None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token.get_secret_value()}", VERSION_HEADER: self._api_version}
        return headers if content is None else {**headers, "Content-Type": "application/json"}

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: tuple[tuple[str, str], ...] = (),
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: httpx.BasicAuth | None = None,
    ) -> _Answer:
        request = self._opened().stream(
            method,
            self._base_url + path,
            params=query or None,
            content=content,
            data=form,
            headers=headers,
            auth=auth,
        )
        try:
            async with request as response:
                body = await self._received(response)
        except httpx.TimeoutException as fault:
            raise APITimeoutError(f"{self._host} did not answer in time ({type(fault).__name__}).") from None
        except httpx.DecodingError:
            raise UnreadableAnswerError("The answer's compression is broken.", status=0) from None
        except httpx.TransportError as fault:
            why = cleaned(str(fault)) or "no reason given"
            raise APIConnectionError(f"No answer from {self._host}: {type(fault).__name__}, {why}.") from None
        return _Answer(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            version=response.headers.get(VERSION_HEADER, ""),
            request_id=cleaned(response.headers.get("x-request-id", "")),
            content=body,
        )

    async def _received(self, response: httpx.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                raise UnreadableAnswerError(
                    f"The answer is larger than {MAX_ANSWER_BYTES // (1024 * 1024)} MiB; it was not read further.",
                    status=response.status_code,
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _opened(self) -> httpx.AsyncClient:
        if self._pool is None:
            self._pool = httpx.AsyncClient(
                timeout=_TIMEOUT,
                transport=httpx.ASGITransport(app=self._app) if self._app else None,
                follow_redirects=False,
                headers={"Accept": "application/json", "User-Agent": "nomos-mcp"},
            )
        return self._pool


@contextmanager
def _deadline(host: str) -> Iterator[None]:
    try:
        with anyio.fail_after(CALL_DEADLINE):
            yield
    except TimeoutError:
        raise APITimeoutError(f"{host} did not answer within {CALL_DEADLINE:.0f} seconds.") from None


def _body(answer: _Answer) -> Json:
    if answer.status in _REDIRECTS:
        raise UnreadableAnswerError(
            f"HTTP {answer.status} is a redirect, and redirects are not followed; check the base URL.",
            status=answer.status,
            request_id=answer.request_id,
        )
    return parsed(answer.content, answer.content_type, answer.status, answer.request_id)
