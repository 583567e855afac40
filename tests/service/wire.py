"""Requests as a client of either era sends them, for tests that look at HTTP itself."""

from typing import Any

import httpx

MODERN = "2026-07-28"
LEGACY = "2025-06-18"
_META = {
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
    sent = {**(params or {}), **({"_meta": _META} if modern else {})}
    headers = {**_ACCEPT, "mcp-protocol-version": MODERN if modern else LEGACY}
    if modern:
        headers["mcp-method"] = method
        if "name" in sent:
            headers["mcp-name"] = sent["name"]
    if token:
        headers["authorization"] = f"Bearer {token}"
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": sent}
    return httpx.post(f"{url}/mcp", headers=headers, json=body, timeout=30)


def raw(url: str, content: bytes, **more: str) -> httpx.Response:
    """Send a body as it is, in the older era unless a header says otherwise."""
    headers = {**_ACCEPT, **{name.replace("_", "-"): value for name, value in more.items()}}
    return httpx.post(f"{url}/mcp", headers=headers, content=content, timeout=30)
