"""Requests as a client of either era sends them, for tests that look at HTTP itself."""

import hmac
import socket
import time
from typing import Any

import httpx

MODERN = "2026-07-28"
LEGACY = "2025-06-18"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def call(
    url: str,
    tool: str = "explain_status",
    arguments: dict[str, Any] | None = None,
    *,
    modern: bool = True,
    token: str = "",
    **more: str,
) -> httpx.Response:
    """Call a tool."""
    params: dict[str, Any] = {"name": tool, "arguments": {"status": "blocked"} if arguments is None else arguments}
    return post(url, "tools/call", params, modern=modern, token=token, **more)


def post(
    url: str, method: str, params: dict[str, Any] | None = None, *, modern: bool = True, token: str = "", **more: str
) -> httpx.Response:
    """Send one request; `more` are headers, with `_` for `-`."""
    with httpx.Client(timeout=30) as client:
        return client.send(request(url, method, params or {}, modern=modern, token=token, more=more))


def opened(url: str, tool: str, arguments: dict[str, Any], *, modern: bool = True) -> socket.socket:
    """Call a tool, and return the connection without waiting for the answer."""
    sent = request(url, "tools/call", {"name": tool, "arguments": arguments}, modern=modern, token="", more={})
    connection = socket.create_connection((sent.url.host, sent.url.port or 80))
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.headers.items())
    connection.sendall(f"POST {sent.url.path} HTTP/1.1\r\n{head}\r\n".encode() + sent.read())
    return connection


def request(
    url: str, method: str, params: dict[str, Any], *, modern: bool, token: str, more: dict[str, str]
) -> httpx.Request:
    """Make a request, and do not send it."""
    sent = {**params, **({"_meta": META} if modern else {})}
    headers = {**_ACCEPT, "mcp-protocol-version": MODERN if modern else LEGACY}
    if modern:
        headers["mcp-method"] = method
        if "name" in sent:
            headers["mcp-name"] = sent["name"]
    if token:
        headers["authorization"] = f"Bearer {token}"
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": sent}
    return httpx.Request("POST", f"{url}/mcp", headers=headers, json=body)


def raw(url: str, content: bytes, **more: str) -> httpx.Response:
    """Send a body as it is, in the older era unless a header says otherwise."""
    headers = {**_ACCEPT, **{name.replace("_", "-"): value for name, value in more.items()}}
    return httpx.post(f"{url}/mcp", headers=headers, content=content, timeout=30)


def signature(body: bytes, secret: str, late: float = 0) -> str:
    """Return the header of a webhook, signed so many seconds ago."""
    moment = int(time.time() - late)
    return f"t={moment},v1={hmac.digest(secret.encode(), f'{moment}.'.encode() + body, 'sha256').hex()}"
