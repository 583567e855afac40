"""Losing a connection, over a socket and in process."""

from typing import Final, Never

from starlette.types import Receive, Scope

RESET_EXTENSION: Final = "nomos_mcp.simulator.reset"
"""Key in `scope["extensions"]` of a function that resets the connection; the simulator's own server offers it."""


async def lose(scope: Scope, receive: Receive) -> None:
    """Reset the connection of a request.

    Over the simulator's own server the peer sees a TCP reset. In process there is no connection: the application raises
    what `httpx` raises for a reset, which its `ASGITransport` hands on unchanged. Under another ASGI server that is an
    unhandled error, which most answer with a 500.

    Args:
        scope: Of the request.
        receive: Of the request; read until the server has noticed, so that it does not answer in our place.

    Raises:
        httpx.ReadError: There is no connection to reset.
    """
    reset = scope.get("extensions", {}).get(RESET_EXTENSION)
    if reset is None:
        _raise_as_httpx_would()
    reset()
    while (await receive())["type"] != "http.disconnect":
        pass


def _raise_as_httpx_would() -> Never:
    import httpx  # noqa: PLC0415  the one caller that has httpx loaded already is the one that comes here

    raise httpx.ReadError("Connection reset by the simulator, on demand")
