"""Sends one request over HTTP and returns its response, or raises the fault between. The only file that imports httpx.

It is loaded with the first request. Faults are raised outside of the handlers that catch them: httpx's own exceptions
hold what was sent, secrets included, and must not be chained to ours.
"""

import re
import ssl
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import SecretStr

from nomos_mcp.client.errors import (
    APIConnectionError,
    APITimeoutError,
    CertificateError,
    InvalidRequestError,
    NomosError,
    UnreadableResponseError,
)
from nomos_mcp.client.http_messages import AsgiApp, Query, Request, Response, cleaned
from nomos_mcp.client.rate_limiter import RateLimitHeaders
from nomos_mcp.client.trusted_hosts import trusted_authorities

MAX_RESPONSE_BYTES: Final = 8 * 1024 * 1024
"""A page of 100 subscriptions, each with its full 10 KB of metadata, fits several times."""

_TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
_ENCODING: Final = "gzip"
_NOT_CONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Faults before the first byte of a request."""


class Transport:
    """The connection pool to one host. The first request opens it; `aclose` closes it."""

    def __init__(self, base_url: str, app: AsgiApp | None, now: Callable[[], datetime]) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._is_encrypted = urlsplit(base_url).scheme == "https"
        self._app = app
        self._now = now
        self._pool: httpx.AsyncClient | None = None

    async def send(
        self,
        request: Request,
        auth: SecretStr | tuple[str, SecretStr] | None = None,
        may_leave: Callable[[], bool] = lambda: True,
    ) -> Response:
        """Send a request with a bearer token, with client ID and secret (HTTP Basic), or with neither.

        `may_leave` is asked right before the first byte is sent: connecting takes a while, and a busy machine longer.
        """
        url = self._base_url + request.path
        if urlsplit(url).netloc != urlsplit(self._base_url).netloc:
            raise InvalidRequestError("The path leads to another host than the configured one; nothing was sent.")
        body = _Body()
        try:
            async with self._opened().stream(
                request.method,
                url,
                params=None if request.is_query_secret else _revealed(request.query) or None,
                json=request.json,
                data=dict(_revealed(request.form.items())) if request.form else None,
                headers=request.headers,
                auth=_auth(auth, request.query if request.is_query_secret else ()),
                extensions={"trace": partial(_check_leaving, may_leave)},
            ) as response:
                await body.receive(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                if not body.flaw:
                    rate_limit = RateLimitHeaders.parse(headers, self._now())
                    return Response(response.status_code, headers, bytes(body.content), rate_limit)
                failure: NomosError = UnreadableResponseError(
                    f"The body of the response (HTTP {response.status_code}) {body.flaw}.",
                    status_code=response.status_code,
                )
        except (httpx.InvalidURL, UnicodeError):
            failure = InvalidRequestError(
                "The request cannot be written as a URL: a cursor or a filter is too long, or one of them or the base "
                "URL's host holds broken characters."
            )
        except httpx.TransportError as fault:
            failure = _failure(fault, self._host)
        raise failure

    async def aclose(self) -> None:
        """Close the connection pool; closing twice does no harm."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._pool is None:
            # Plain HTTP to loopback needs no authority, and loading them takes a moment: this context trusts nobody.
            nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._pool = self._new_pool(trusted_authorities() if self._is_encrypted else nobody)
        return self._pool

    def _new_pool(self, authorities: ssl.SSLContext) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                timeout=_TIMEOUT,
                transport=_InProcess(app=self._app) if self._app else None,
                follow_redirects=False,
                verify=authorities,
                # A proxy of the environment sees nothing of an encrypted connection, but all of one in plain HTTP.
                trust_env=self._is_encrypted,
                headers={"Accept": "application/json", "Accept-Encoding": _ENCODING, "User-Agent": "nomos-mcp"},
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            pass  # httpx's own message quotes the address, which may hold a password
        raise InvalidRequestError(
            "The proxy of the environment (HTTPS_PROXY or ALL_PROXY) cannot be used: its address has to start with "
            "http:// or https:// and name a host. Nothing was sent."
        )


class _Body:
    """A body that is being received: unpacked, and bounded, however small it is on the wire.

    `flaw` says what is wrong with it. It is not raised here, as a traceback may be shown with its variables, and those
    here hold a token or a person's data.
    """

    def __init__(self) -> None:
        self.flaw: str | None = None
        self.content = bytearray()

    async def receive(self, response: httpx.Response) -> None:
        """Read until the end, or until a flaw is found."""
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in {"", "identity", _ENCODING}:
            self.flaw = f"is encoded as {cleaned(encoding)!r}, which was not asked for"
            return
        # 16 + the largest window: a gzip header is expected
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding == _ENCODING else None
        try:
            async for chunk in response.aiter_raw():
                if not self.flaw:
                    self._feed(chunk, unpacker)
                if self.flaw:
                    # On a closed connection the iteration ends by itself. Leaving it instead would leave httpx's
                    # generators unfinished, which trio forbids.
                    await response.aclose()
        except httpx.TransportError:
            if not self.flaw:
                raise
        if not self.flaw and unpacker and not unpacker.eof:
            self.flaw = "is compressed, and was cut off"

    def _feed(self, chunk: bytes, unpacker: "zlib._Decompress | None") -> None:
        left = MAX_RESPONSE_BYTES - len(self.content)
        try:
            piece = unpacker.decompress(chunk, left + 1) if unpacker else chunk
        except zlib.error:
            self.flaw = "is compressed in a broken way"
            return
        if unpacker and unpacker.unused_data:  # which would be kept, and grow
            self.flaw = "goes on after the end of its compression"
        elif len(piece) > left:
            self.flaw = f"is larger than {MAX_RESPONSE_BYTES // (1024 * 1024)} MiB; it was not read further"
        self.content += piece


class _SecretTarget(dict[str, Any]):
    """Extensions of a request with a `target`, which is sent in place of the URL's path and query.

    It can be read once: httpcore reads it for the request, and would read it again for the CONNECT to a proxy, which is
    not encrypted. No copy and no repr of these extensions holds it.
    """

    def __init__(self, extensions: Mapping[str, Any], target: bytes) -> None:
        super().__init__(extensions)
        self._target = [target]

    def __contains__(self, name: object) -> bool:
        return bool(self._target) if name == "target" else super().__contains__(name)

    def __getitem__(self, name: str) -> Any:
        return self._target.pop() if name == "target" else super().__getitem__(name)


class _Bearer(httpx.Auth):
    """Puts token and secret query on the request as late as possible, so that no frame of ours holds them in clear."""

    def __init__(self, token: SecretStr, secret_query: Query) -> None:
        self._token = token
        self._secret_query = secret_query

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        if self._secret_query:
            query = urlencode(_revealed(self._secret_query))
            request.extensions = _SecretTarget(request.extensions, request.url.raw_path + b"?" + query.encode())
        yield request


class _InProcess(httpx.ASGITransport):
    """Calls an application. It sees the `target`, as a server would, which httpx's own leaves out."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "target" in request.extensions:
            url = request.url.copy_with(raw_path=request.extensions["target"])
            request = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        return await super().handle_async_request(request)


async def _check_leaving(may_leave: Callable[[], bool], event: str, _: object) -> None:
    """Stop a request before its first byte; httpcore calls this at each step."""
    if event == "http11.send_request_headers.started" and not may_leave():
        raise APIConnectionError(
            "This server was too busy to send the request within its part of the rate limit; it was not sent.",
            sent=False,
        )


def _auth(auth: SecretStr | tuple[str, SecretStr] | None, secret_query: Query) -> httpx.Auth:
    if isinstance(auth, SecretStr):
        return _Bearer(auth, secret_query)
    if auth is None:
        return httpx.Auth()  # None would let httpx look for credentials in the environment
    return httpx.BasicAuth(auth[0], auth[1].get_secret_value())


def _revealed(pairs: Iterable[tuple[str, str | SecretStr]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value.get_secret_value() if isinstance(value, SecretStr) else value) for name, value in pairs)


def _failure(fault: httpx.TransportError, host: str) -> NomosError:
    sent = not isinstance(fault, _NOT_CONNECTED)
    if isinstance(fault, httpx.TimeoutException):
        return APITimeoutError(f"{host} did not answer in time ({type(fault).__name__}).", sent=sent)
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cleaned(cause.verify_message)
            return CertificateError(f"The certificate of {host} is not trusted: {why}. Nothing was sent.")
        cause = cause.__cause__ or cause.__context__
    # httpx quotes how a proxy refused, or what broke the protocol: whatever somebody at the other end wrote.
    if isinstance(fault, httpx.ProxyError):
        status = re.match(r"\d{3}\b", str(fault))
        return APIConnectionError(
            f"{host} could not be reached: the proxy refused{f' (HTTP {status[0]})' if status else ''}.", sent=sent
        )
    broken = isinstance(fault, httpx.ProtocolError)
    why = "it ended early or is not HTTP" if broken else cleaned(str(fault)) or "no reason given"
    return APIConnectionError(f"No response from {host}: {type(fault).__name__}, {why}.", sent=sent)
