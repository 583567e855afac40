"""An ASGI application in place of upstream that gives fixed answers, and a client of it."""

import json
from collections.abc import Sequence

from nomos_mcp.client import (
    CURIE,
    ApiVersion,
    Listing,
    MeterOrder,
    NomosClient,
)
from nomos_mcp.client.http_messages import AsgiApp
from tests.client.fake_time import SkippingTime


def answering(
    *answers: tuple[int, bytes], content_type: bytes = b"application/json", version: str = CURIE
) -> tuple[AsgiApp, list[str]]:
    """Return an application that gives these answers in turn, the last one for ever, and the list of what was asked."""
    asked: list[str] = []

    async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ARG001  ASGI
        asked.append(f"{scope['path']}?{scope['query_string'].decode()}")
        status, body = answers[min(len(asked), len(answers)) - 1]
        headers = [(b"content-type", content_type)] + ([(b"x-api-version", version.encode())] if version else [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app, asked


def client_of(app: AsgiApp, api_version: ApiVersion = CURIE) -> NomosClient:
    timing = SkippingTime().timing
    return NomosClient(
        access_token="token", base_url="http://127.0.0.1", app=app, api_version=api_version, timing=timing
    )


async def read(listing: Listing[MeterOrder], into: list[str]) -> None:
    """Read IDs for as long as there are any; what came before an error stays."""
    async for order in listing:
        into += [order.id]


def page(items: Sequence[object], **more: object) -> bytes:
    return json.dumps({"object": "list", "items": items, **more}).encode()
