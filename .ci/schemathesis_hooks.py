# ruff: noqa: INP001 - loaded by its path
"""Makes schemathesis find what exists: invented IDs alone would be answered with 404 only.

Runs in schemathesis' own environment, which knows nothing of this package; the IDs come from the running simulator.
"""

import json
import os
from base64 import b64encode
from typing import Any
from urllib.request import urlopen
from zlib import crc32

import schemathesis

with urlopen(f"{os.environ['SIMULATOR']}/_simulator/") as answer:  # noqa: S310 - loopback
    STATE = json.load(answer)
NAMED: dict[str, list[str]] = {}
for item in STATE["named"]:
    NAMED.setdefault(item["kind"], []).append(item["id"])
KINDS = {
    "/meter-orders/{id}": "meter_order",
    "/subscriptions/{id}": "subscription",
    "/customers/{id}": "customer",
    "/events/{id}": "event",
}


def _named(kind: str, made_up: object) -> str | None:
    """Choose one that exists for three of four made-up values, always the same for the same value."""
    number = crc32(repr(made_up).encode())
    return NAMED[kind][number // 4 % len(NAMED[kind])] if number % 4 else None


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Put IDs that exist in the place of most of the made-up ones."""
    kind = KINDS.get(context.operation.path)
    found = _named(kind, path_parameters) if kind and path_parameters else None
    return {**(path_parameters or {}), "id": found} if found else path_parameters


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Order for subscriptions that exist, and ask for tokens with grants that are served."""
    if not isinstance(body, dict):
        return body
    if context.operation.path == "/meter-orders":
        found = _named("subscription", body)
        return {**body, "subscription": found} if found else body
    if context.operation.path == "/oauth/token" and crc32(repr(body).encode()) % 2:
        return {**body, "grant_type": "client_credentials"}
    return body


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Show the token endpoint the client, and everything else the static key."""
    del context, kwargs
    credentials = STATE["credentials"]
    shown = f"Bearer {credentials['access_token']}"
    if case.operation.path == "/oauth/token":
        pair = f"{credentials['client_id']}:{credentials['client_secret']}"
        shown = f"Basic {b64encode(pair.encode()).decode()}"
    case.headers["Authorization"] = shown
