"""One request on the wire and its answer, or the fault between. The only file that knows the HTTP library.

It is loaded with the first request. Knows nothing of tokens' lifetimes, versions, budgets and repeats. Faults are
raised outside of the handlers that catch them: the library's own exceptions hold what was sent, secrets included, and
must not hang on ours.
"""

import re
import ssl
import zlib
from collections.abc import Generator, Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import SecretStr

from nomos_mcp.client.constants import CONNECT_TIMEOUT, MAX_ANSWER_BYTES, READ_TIMEOUT
from nomos_mcp.client.credentials import Form
from nomos_mcp.client.errors import (
    APIConnectionError,
    APITimeoutError,
    CertificateError,
    InvalidRequestError,
    NomosError,
    UnreadableAnswerError,
)
from nomos_mcp.client.http_messages import Answer, AsgiApp, Request, cleaned
from nomos_mcp.client.trusted_hosts import trusted_authorities

ACCEPTED_ENCODING = "gzip"


class Body:
    """A body that is being received.

    Args:
        encoding: The `Content-Encoding` header; empty if there is none.
        status: HTTP status code, for the errors.

    Raises:
        UnreadableAnswerError: The encoding is not one that was asked for.
    """

    def __init__(self, encoding: str, status: int) -> None:
        self._status = status
        self._chunks: list[bytes] = []
        self._room = MAX_ANSWER_BYTES
        named = encoding.strip().lower()
        if named not in {"", "identity", ACCEPTED_ENCODING}:
            raise self._unreadable(f"is encoded as {cleaned(named)!r}, which was not asked for")
        # 16 + the largest window: a gzip header is expected
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if named == ACCEPTED_ENCODING else None

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes of the wire.

        Raises:
            UnreadableAnswerError: The body grows past the bound, or its compression is broken.
        """
        try:
            piece = self._unpacker.decompress(chunk, self._room + 1) if self._unpacker else chunk
        except zlib.error:
            raise self._unreadable("has a broken compression") from None
        if self._unpacker and self._unpacker.unused_data:  # which would be kept, and grow
            raise self._unreadable("goes on after the end of its compression")
        if len(piece) > self._room:
            raise self._unreadable(f"is larger than {MAX_ANSWER_BYTES // (1024 * 1024)} MiB; it was not read further")
        self._room -= len(piece)
        self._chunks.append(piece)

    def whole(self) -> bytes:
        """Return the body after its last byte.

        Raises:
            UnreadableAnswerError: The compressed body was cut off.
        """
        if self._unpacker and not self._unpacker.eof:
            raise self._unreadable("has a broken compression: it was cut off")
        return b"".join(self._chunks)

    def _unreadable(self, flaw: str) -> UnreadableAnswerError:
        return UnreadableAnswerError(f"HTTP {self._status} with a body that {flaw}.", status=self._status)


_TIMEOUT: Final = httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT)
_UNCONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Faults before the first byte of a request."""


class Wire:
    """Connections to one host. The pool is opened by the first request and closed by `aclose`.

    Args:
        base_url: Checked by `hosts`.
        app: Answers in place of the network.
    """

    def __init__(self, base_url: str, app: AsgiApp | None = None) -> None:
        self._base_url = base_url
        self._authority = urlsplit(base_url).netloc
        self._encrypted = urlsplit(base_url).scheme == "https"
        self._app = app
        self._pool: httpx.AsyncClient | None = None
        self.host = urlsplit(base_url).hostname or ""

    async def send(self, request: Request, token: SecretStr) -> Answer:
        """Send a request with a bearer token.

        Raises:
            InvalidRequestError: The query cannot be written as part of a URL; nothing was sent.
            APIConnectionError: There was no answer, or not all of it.
            UnreadableAnswerError: The body is too large, or packed in a way that cannot be unpacked.
        """
        headers = request.headers if request.body is None else {**request.headers, "Content-Type": "application/json"}
        return await self._sent(request, headers, request.body, _Bearer(token))

    async def greet(self, request: Request) -> Answer:
        """Send a request without a token.

        Raises:
            APIConnectionError: As `send`.
            UnreadableAnswerError: As `send`.
        """
        return await self._sent(request, request.headers, None, httpx.Auth())

    async def exchange(self, request: Request, form: Form, client_id: str, client_secret: SecretStr) -> Answer:
        """Send a form with client ID and secret (HTTP Basic).

        Raises:
            APIConnectionError: As `send`.
            UnreadableAnswerError: As `send`.
        """
        headers = {**request.headers, "Content-Type": "application/x-www-form-urlencoded"}
        basic = httpx.BasicAuth(client_id, client_secret.get_secret_value())
        return await self._sent(request, headers, form, basic)

    async def aclose(self) -> None:
        """Close the connection pool; closing twice does no harm."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _sent(
        self, request: Request, headers: Mapping[str, str], content: Form | bytes | None, auth: httpx.Auth
    ) -> Answer:
        url = self._base_url + request.path
        if urlsplit(url).netloc != self._authority:
            raise InvalidRequestError("The path leads to another host than the configured one; nothing was sent.")
        failure: NomosError
        refused: NomosError | None = None
        try:
            async with self._opened().stream(
                request.method,
                url,
                params=request.query or None,
                content=_encoded(content) if isinstance(content, Mapping) else content,
                headers=headers,
                auth=auth,
            ) as response:
                body = Body(response.headers.get("content-encoding", ""), response.status_code)
                async for chunk in response.aiter_raw():
                    try:
                        body.feed(chunk)
                    except UnreadableAnswerError as flaw:
                        # On a closed connection the iteration ends by itself. Leaving it instead would leave the
                        # library's generators unfinished, which trio forbids.
                        refused = flaw
                        await response.aclose()
                if refused is not None:
                    raise refused
                named = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, named, body.whole())
        except (httpx.InvalidURL, UnicodeError):
            failure = InvalidRequestError(
                "The request cannot be written as a URL: a cursor or a filter is too long, or one of them or the base "
                "URL's host holds broken characters."
            )
        except httpx.TransportError as fault:
            failure = refused or _failure(fault, self.host)
        raise failure

    def _opened(self) -> httpx.AsyncClient:
        if self._pool is None:
            # Plain HTTP to loopback needs no authority, and loading them takes a moment: this context trusts nobody.
            nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._pool = self._made(trusted_authorities() if self._encrypted else nobody)
        return self._pool

    def _made(self, authorities: ssl.SSLContext) -> httpx.AsyncClient:
        try:
            return httpx.AsyncClient(
                timeout=_TIMEOUT,
                transport=httpx.ASGITransport(app=self._app) if self._app else None,
                follow_redirects=False,
                verify=authorities,
                # Proxies of the environment see nothing of an encrypted connection, but all of one in plain HTTP.
                trust_env=self._encrypted,
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": ACCEPTED_ENCODING,
                    "User-Agent": "nomos-mcp",
                },
            )
        except (ValueError, ImportError, httpx.InvalidURL):
            pass  # the library's complaint quotes the address, which may hold a password
        raise InvalidRequestError(
            "The proxy of the environment (HTTPS_PROXY or ALL_PROXY) cannot be used: its address has to start with "
            "http:// or https:// and name a host. Nothing was sent."
        )


class _Bearer(httpx.Auth):
    """Puts the token on the request as late as possible, so that no frame of ours holds it in clear."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


def _encoded(form: Form) -> bytes:
    clear = {name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in form.items()}
    return urlencode(clear).encode()


def _failure(fault: httpx.TransportError, host: str) -> NomosError:
    sent = not isinstance(fault, _UNCONNECTED)
    if isinstance(fault, httpx.TimeoutException):
        return APITimeoutError(f"{host} did not answer in time ({type(fault).__name__}).", sent=sent)
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cleaned(cause.verify_message)
            return CertificateError(f"The certificate of {host} is not trusted: {why}. Nothing was sent.")
        cause = cause.__cause__ or cause.__context__
    # The library quotes how a proxy refused, or what broke the protocol: whatever somebody at the other end wrote.
    if isinstance(fault, httpx.ProxyError):
        status = re.match(r"\d{3}\b", str(fault))
        refused = f"the proxy refused{f' (HTTP {status[0]})' if status else ''}"
        return APIConnectionError(f"No way to {host}: {refused}.", sent=sent)
    broken = isinstance(fault, httpx.ProtocolError)
    why = "it ended early or is not HTTP" if broken else cleaned(str(fault)) or "no reason given"
    return APIConnectionError(f"No answer from {host}: {type(fault).__name__}, {why}.", sent=sent)
