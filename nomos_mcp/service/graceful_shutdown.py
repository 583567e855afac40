"""uvicorn with a graceful shutdown that loses no call.

uvicorn alone closes idle connections at once, so that a request that crosses the closing is lost; it waits for the
application's shutdown without a limit; and it kills itself with the signal that asked it to end.
"""

import asyncio
import contextlib
import ctypes
import gc
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomos_mcp.service.connection_timeouts import TimeoutProtocol
from nomos_mcp.service.http_limits import BACKLOG, DRAIN, STOP_WITHIN

_CLOSE: Final = (b"connection", b"close")
_POLL: Final = 0.05
_MEMORY_PERIOD: Final = 10  # seconds
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_ACCEPTED_AT_ONCE: Final = 32


class GracefulServer(uvicorn.Server):
    """Calls `on_start` once it accepts connections, and `on_stop` before anything else when the shutdown begins."""

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
            self._with_connection_close(app),
            http=TimeoutProtocol,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_ACCEPTED_AT_ONCE,
            callback_notify=_return_memory,
            timeout_notify=_MEMORY_PERIOD,
            timeout_graceful_shutdown=max(1, int(stop_within - drain) - 1),
        )
        super().__init__(config)
        self._on_start = on_start
        self._on_stop = on_stop
        self._drain = drain
        self._stop_within = stop_within

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signature of handlers
        """Begin the shutdown; another Ctrl-C ends at once."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # The SDK would end its streams at the signal, together with the calls that they answer.
        AppStatus.enable_automatic_graceful_drain = False
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # uvicorn has set it to the number that asyncio accepts at once
        if self._on_start is not None:
            self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._on_stop is not None:
            self._on_stop()
        try:
            async with asyncio.timeout(self._stop_within):
                await self._drain_connections(sockets or [])
                await super().shutdown(sockets)
        except TimeoutError:
            sys.stderr.write(f"nomos-mcp: not everything ended within {self._stop_within:g} s; the rest is cut off.\n")
        finally:
            TimeoutProtocol.close_all_dropped()

    async def _drain_connections(self, sockets: list[socket.socket]) -> None:
        # What the kernel holds for us was promised an answer: it would reset these connections with the listener.
        waiting = [connection for listener in sockets for connection in _accepted(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        ends = asyncio.get_running_loop().time() + self._drain
        # uvicorn's set of connections cannot be awaited
        while (  # noqa: ASYNC110  see above
            self.server_state.connections and not self.force_exit and asyncio.get_running_loop().time() < ends
        ):
            await asyncio.sleep(_POLL)

    def _protocol(self) -> asyncio.Protocol:
        return TimeoutProtocol(self.config, self.server_state, self.lifespan.state)

    def _with_connection_close(self, app: ASGIApp) -> ASGIApp:
        """Return the application, with `Connection: close` on every answer during the shutdown."""

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start" and self.should_exit:
                    message = {**message, "headers": [*message.get("headers", []), _CLOSE]}
                await send(message)

            await app(scope, receive, answer)

        return wrapped


def _accepted(listener: socket.socket) -> list[socket.socket]:
    """Accept all that wait."""
    accepted = []
    with contextlib.suppress(OSError):  # nobody waits any more
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)  # noqa: FBT003  the name says it
            accepted.append(connection)
    return accepted


async def _return_memory() -> None:
    """Return the memory of closed connections to the system; glibc would keep it."""
    gc.collect()
    trim = getattr(_LIBC, "malloc_trim", None)
    if trim is not None:
        trim(0)
