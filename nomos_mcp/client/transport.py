"""Sends one request over HTTP and returns its response, or raises the fault between. The only file that imports httpx.

It is loaded with the first request. Faults are raised outside of the handlers that catch them: httpx's own exceptions
hold what was sent, secrets included, and must not be chained to ours.
"""

import re
import ssl
import time
import zlib
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

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
from nomos_mcp.client.http_messages import AsgiApp, Request, Response, cleaned
from nomos_mcp.client.rate_limiter import RateLimitHeaders
from nomos_mcp.client.trusted_hosts import trusted_authorities

MAX_RESPONSE_BYTES: Final = 8 * 1024 * 1024
"""A page of 100 subscriptions, each with its full 10 KB of metadata, fits several times."""

_TIMEOUT: Final = httpx.Timeout(20.0, connect=5.0)
_KEPT_IDLE: Final = 5.0  # seconds
_ONE: Final = httpx.Limits(max_connections=1, keepalive_expiry=_KEPT_IDLE)
_ENCODING: Final = "gzip"
_HEADERS: Final = (("Accept", "application/json"), ("Accept-Encoding", _ENCODING), ("User-Agent", "nomos-mcp"))
_NOT_CONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
"""Faults before the first byte of a request."""


class Transport:
    """The connections to one host. Requests open them; `aclose` closes them.

    Each is a transport of httpx of its own, and the one that was used last goes first. A client of httpx costs more for
    each request, with cookies, redirects and authentication that are not needed here, and its pool goes through all
    requests and connections for every one of them.
    """

    def __init__(self, base_url: str, app: AsgiApp | None, now: Callable[[], datetime]) -> None:
        self._base_url = base_url
        self._host = urlsplit(base_url).hostname or ""
        self._is_encrypted = urlsplit(base_url).scheme == "https"
        self._app = app
        self._now = now
        self._idle: deque[tuple[float, httpx.AsyncBaseTransport]] = deque()

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
            response = await self._exchange(_message(url, request, auth, may_leave), body)
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
        """Close the connections, those in use as soon as they are not; closing twice does no harm."""
        idle, self._idle = self._idle, deque()
        while idle:  # a request that began before may take from it too
            await idle.pop()[1].aclose()

    async def _exchange(self, message: httpx.Request, body: "_Body") -> httpx.Response:
        idle = self._idle
        while idle and idle[0][0] < time.monotonic() - _KEPT_IDLE:
            await idle.popleft()[1].aclose()
        connection = idle.pop()[1] if idle else self._new_connection()
        try:
            response = await connection.handle_async_request(message)
            try:
                await body.receive(response)
            finally:
                await response.aclose()
        except BaseException:
            await connection.aclose()
            raise
        if idle is self._idle:
            idle.append((time.monotonic(), connection))
        else:  # closed meanwhile
            await connection.aclose()
        return response

    def _new_connection(self) -> httpx.AsyncBaseTransport:
        if self._app:
            return _InProcess(self._app)
        try:
            proxy = proxy_of(self._base_url)
            return httpx.AsyncHTTPTransport(verify=self._authorities, limits=_ONE, trust_env=False, proxy=proxy)
        except (ValueError, ImportError, httpx.InvalidURL):
            pass  # httpx's own message quotes the address, which may hold a password
        raise InvalidRequestError(
            "The proxy of the environment (HTTPS_PROXY or ALL_PROXY) cannot be used: its address has to start with "
            "http:// or https:// and name a host; a port has to be a number up to 65535. Nothing was sent."
        )

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        """Plain HTTP to loopback needs no authority, and loading them takes a moment: that context trusts nobody."""
        return trusted_authorities() if self._is_encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


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


def _message(
    url: str, request: Request, auth: SecretStr | tuple[str, SecretStr] | None, may_leave: Callable[[], bool]
) -> httpx.Request:
    """Write a request down. What is secret in it stands in no URL, and in none of our frames in clear."""
    message = httpx.Request(
        request.method,
        url,
        params=None if request.is_query_secret else _revealed(request.query) or None,
        json=request.json,
        data=dict(_revealed(request.form.items())) if request.form else None,
        headers=[*_HEADERS, *request.headers.items()],
        extensions={"timeout": _TIMEOUT.as_dict(), "trace": partial(_check_leaving, may_leave)},
    )
    if auth is not None:
        message.headers["Authorization"] = _credentials(auth)
    if request.is_query_secret:
        target = message.url.raw_path + b"?" + urlencode(_revealed(request.query)).encode()
        message.extensions = _SecretTarget(message.extensions, target)
    return message


def _credentials(auth: SecretStr | tuple[str, SecretStr]) -> str:
    if isinstance(auth, SecretStr):
        return f"Bearer {auth.get_secret_value()}"
    return "Basic " + b64encode(f"{auth[0]}:{auth[1].get_secret_value()}".encode()).decode()


def proxy_of(url: str) -> str | None:
    """Return the proxy on the way to a URL that the environment names; None if there is none, or NO_PROXY excepts it.

    It sees nothing of an encrypted connection, but all of one in plain HTTP, which therefore has none.

    Raises:
        ValueError: Its address has no host, or a port that is none. It may hold a password.
    """
    if urlsplit(url).scheme != "https":
        return None
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    if not named or proxy_bypass(urlsplit(url).netloc):
        return None
    proxy = named if "://" in named else f"http://{named}"
    parts = urlsplit(proxy)
    if not parts.hostname or parts.port == 0:  # which raises too if the port is no number up to 65535
        raise ValueError
    return proxy


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
