"""Which requests are refused before the MCP SDK sees them: by their headers, by the size of their body, by its content.

The SDK has a body limit and checks `Host` and `Origin` too. Its limit reads for as long as the client likes and closes
the connection before an ordinary client has read the 413; its host check runs after the token and the body have been
read, and cannot allow the server's own origin on any port.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import pydantic_core
from mcp.types import (
    HEADER_MISMATCH,
    INVALID_REQUEST,
    PARSE_ERROR,
    PROTOCOL_VERSION_META_KEY,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.server.request_context import ORDERS_READ, ORDERS_WRITE
from nomos_mcp.server.stdio_transport import is_id
from nomos_mcp.server.tools import ORDER_TOOL
from nomos_mcp.service.authorization import CLOSE, Challenges, caller_in, error_response, header_values, json_rpc_error
from nomos_mcp.service.http_limits import BODY_DEADLINE, MAX_BODY_BYTES, MAX_DISCARDED_BYTES, MAX_ECHO
from nomos_mcp.settings import HttpSettings
from nomos_mcp.variables import ALLOWED_HOSTS, ALLOWED_ORIGINS

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


class UnambiguousHeaders:
    """Refuses headers that a proxy and this server could read differently: two lengths, two hosts, two origins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = _ambiguity([name for name, _ in scope["headers"]]) if scope["type"] == "http" else ""
        answer = error_response(400, "invalid_request", problem, CLOSE) if problem else self._app
        await answer(scope, receive, send)


def _ambiguity(names: list[bytes]) -> str:
    if b"content-length" in names and b"transfer-encoding" in names:
        return "A request has a Content-Length or a Transfer-Encoding, not both."
    for name in (b"host", b"origin"):
        if names.count(name) > 1:
            return f"The header {name.decode().capitalize()} may occur only once in a request."
    return ""


class AllowedHosts:
    """Refuses a `Host` or `Origin` that is not allowed, so that a web page cannot reach the server by DNS rebinding.

    The server's own origin, under an allowed host, is allowed. So is a missing one, as only browsers send it.
    """

    def __init__(self, app: ASGIApp, http: HttpSettings) -> None:
        self._app = app
        self._any_loopback = not http.allowed_hosts
        self._hosts = frozenset(http.allowed_hosts) or frozenset({urlsplit(http.public_url).netloc.lower()} - {""})
        self._origins = frozenset(http.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._error(header_values(scope)) or self._app)(scope, receive, send)

    def _error(self, headers: Mapping[bytes, bytes]) -> Response | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if host not in self._hosts and not (self._any_loopback and _is_loopback(host)):
            message = f"This server does not answer to the name in the Host header. The operator sets {ALLOWED_HOSTS}."
            return error_response(421, "misdirected_request", message)
        if origin and origin not in self._origins | {f"http://{host}", f"https://{host}"}:
            message = f"Pages of this origin may not call this server. The operator sets {ALLOWED_ORIGINS}."
            return error_response(403, "origin_not_allowed", message)
        return None


def _is_loopback(host: str) -> bool:
    name, _, port = host.rpartition(":")
    return host in _LOOPBACK or (name in _LOOPBACK and port.isdigit())


class ValidBody:
    """Reads the body of a request, within a size and a time, and passes on the request if its body is valid.

    Ordinary clients send the whole body before they read the response, and see a broken connection instead of a 413 if
    the server closes before. So the rest of a body that is too large is read too, up to a bound, and discarded.

    The content is checked because the SDK answers some mistakes with a dump of its own validation, some not at all, and
    differently in each revision of the protocol.
    """

    def __init__(self, app: ASGIApp, challenges: Challenges | None) -> None:
        self._app = app
        self._challenges = challenges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = header_values(scope)
        body = await _read(headers, receive)
        error = self._error(scope, headers, body) if isinstance(body, bytes) else body
        if error is not None:
            await error(scope, receive, send)
        elif isinstance(body, bytes):  # else the client went away
            await self._app(scope, _replayed(body, receive), send)

    def _error(self, scope: Scope, headers: Mapping[bytes, bytes], body: bytes) -> Response | None:
        try:
            message = pydantic_core.from_json(body)
        except ValueError:
            return json_rpc_error(PARSE_ERROR, "The body is not JSON.")
        if not isinstance(message, dict):
            text = "The body must be one JSON-RPC message. Batches are not supported."
            return json_rpc_error(INVALID_REQUEST, text)
        if not is_id(message.get("id", "")):
            text = f"The id must be an integer or a string of at most {MAX_ECHO} characters."
            return json_rpc_error(INVALID_REQUEST, text)
        if not (is_request(message) or is_message(message)):
            return json_rpc_error(INVALID_REQUEST, "The body is not a JSON-RPC 2.0 message.", message.get("id"))
        error = _message_error(headers, message)
        if error is None and self._challenges and message.get("method") == "tools/call":
            ordering = (message.get("params") or {}).get("name") == ORDER_TOOL
            return self._challenges.scope_error(caller_in(scope), ORDERS_READ, ORDERS_WRITE) if ordering else None
        return error


def is_request(message: Mapping[str, Any]) -> bool:
    """Whether a message with a valid ID, or with none, is a request or a notification, as the SDK's models have it."""
    is_called = isinstance(message.get("method"), str) and isinstance(message.get("params"), dict | None)
    return is_called and message.get("jsonrpc") == "2.0"


def is_message(message: Mapping[str, Any]) -> bool:
    """Whether it is any message of JSON-RPC: answers are rare here, and the SDK's models take five times as long."""
    try:
        jsonrpc_message_adapter.validate_python(message, by_name=False)
    except ValidationError:
        return False
    return True


def _message_error(headers: Mapping[bytes, bytes], message: Mapping[str, Any]) -> Response | None:
    method, params = message.get("method", ""), message.get("params")
    if not isinstance(method, str) or not isinstance(params, dict | None):
        return json_rpc_error(INVALID_REQUEST, "A method is a string, and params are an object.", message.get("id"))
    meta = (params or {}).get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    if max(len(method), len(str(meta.get("progressToken", "")))) > MAX_ECHO:
        text = f"A method and a progress token may have at most {MAX_ECHO} characters."
        return json_rpc_error(INVALID_REQUEST, text, message.get("id"))
    given = headers.get(b"mcp-protocol-version")
    version = None if given is None else given.decode("latin-1")
    if len(version or "") > MAX_ECHO or meta.get(PROTOCOL_VERSION_META_KEY, version) != version:
        text = f"The header MCP-Protocol-Version does not match {PROTOCOL_VERSION_META_KEY} in _meta."
        return json_rpc_error(HEADER_MISMATCH, text, message.get("id"))
    return None


async def _read(headers: Mapping[bytes, bytes], receive: Receive) -> bytes | Response | None:
    length = headers.get(b"content-length", b"0")
    too_large = not length.isdigit() or int(length) > MAX_BODY_BYTES
    if too_large and b"expect" in headers:
        return _too_large()  # the client has sent no body yet
    chunks, size = [], 0
    with anyio.move_on_after(BODY_DEADLINE):
        while size <= MAX_BODY_BYTES + MAX_DISCARDED_BYTES:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if too_large := too_large or size > MAX_BODY_BYTES:
                chunks.clear()
            if not message.get("more_body", False):
                return _too_large() if too_large else b"".join(chunks)
    if too_large:
        return _too_large()
    text = f"The body did not arrive within {BODY_DEADLINE:g} seconds. Send the request again without pauses."
    return error_response(408, "request_timeout", text, CLOSE)


def _too_large() -> Response:
    message = f"The body is larger than {MAX_BODY_BYTES} bytes, which no call of these tools needs."
    return error_response(413, "content_too_large", message, CLOSE)


def _replayed(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
