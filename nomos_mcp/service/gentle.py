"""uvicorn, ended without losing a call: what was taken is finished, and all of it within a bound.

What uvicorn alone lacks: it closes idle connections at once, so a request that crosses the closing is lost; it waits
for the application's end without a bound; it dies by the signal that it was asked to end with; and it lets a
connection that sends nothing, or half a head, stay for ever.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final

import h11
import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nomos_mcp.service.constants import DRAIN, HEAD_DEADLINE, STOP_WITHIN

_CLOSE: Final = (b"connection", b"close")
_POLL: Final = 0.05


class PatientProtocol(H11Protocol):
    """HTTP/1.1, patient for a while only: a connection without a complete head of a request is closed."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Start waiting for the first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take in data; a head may be complete then, and the next one may have begun."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next head."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_watching()
        super().connection_lost(exc)

    def _watch(self) -> None:
        waits = self.conn.their_state is h11.IDLE and not self.transport.is_closing()
        if waits and self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_DEADLINE, self.transport.close)
        elif not waits:
            self._stop_watching()

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class GentleServer(uvicorn.Server):
    """A server that ends gently.

    Args:
        app: What is served.
        on_start: Called once it is served.
        on_stop: Called when the end begins, before anything else.
        drain: Seconds in which open connections are told to close before they are closed.
        stop_within: Seconds from the signal to the end of `run`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_start: Callable[[], object] | None = None,
        on_stop: Callable[[], object] | None = None,
        drain: float = DRAIN,
        stop_within: float = STOP_WITHIN,
    ) -> None:
        # Of uvicorn's own limits the one on concurrency is not used: it counts connections that send nothing.
        config = uvicorn.Config(
            self._closing(app),
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, int(stop_within - drain) - 1),
        )
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop
        self._drain = drain
        self._stop_within = stop_within

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of handlers
        """Begin to end; an interrupt after that ends at once."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        # The SDK's streams would end themselves at the signal, with the calls that they answer.
        AppStatus.enable_automatic_graceful_drain = False
        await super().startup(sockets)
        if self._on_start is not None:
            self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what was begun, and end within the bound."""
        if self._on_stop is not None:
            self._on_stop()
        try:
            async with asyncio.timeout(self._stop_within):
                await self._drained(sockets or [])
                await super().shutdown(sockets)
        except TimeoutError:
            sys.stderr.write(f"nomos-mcp: not everything ended within {self._stop_within:g} s; it is cut off.\n")

    async def _drained(self, sockets: list[socket.socket]) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        ends = asyncio.get_running_loop().time() + self._drain
        # uvicorn's set of connections is nothing that can be awaited
        while self._has_open_connections() and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110  as said
            await asyncio.sleep(_POLL)

    def _has_open_connections(self) -> bool:
        return bool(self.server_state.connections) and not self.force_exit

    def _closing(self, app: ASGIApp) -> ASGIApp:
        """Return the application, with `Connection: close` on every answer once the end has begun."""

        async def closing(scope: Scope, receive: Receive, send: Send) -> None:
            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start" and self.should_exit:
                    message = {**message, "headers": [*message.get("headers", []), _CLOSE]}
                await send(message)

            await app(scope, receive, answer)

        return closing
