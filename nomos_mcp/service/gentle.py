"""uvicorn, ended without losing a call: what was taken is finished, and all of it within a bound.

What uvicorn alone lacks: it closes idle connections at once, so a request that crosses the closing is lost; it waits
for the application's end without a bound; it dies by the signal that it was asked to end with; it lets a connection
that sends nothing, or half a head, stay for ever; and it waits for ever for a client that does not read its answer.
"""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import ClassVar, Final

import h11
import uvicorn
from sse_starlette.sse import AppStatus
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nomos_mcp.service.constants import (
    BACKLOG,
    DRAIN,
    HEAD_DEADLINE,
    MAX_NEWCOMERS,
    READ_SIZE,
    SEND_DEADLINE,
    STOP_WITHIN,
)

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

_CLOSE: Final = (b"connection", b"close")
_POLL: Final = 0.05
_MEMORY_PERIOD: Final = 10  # seconds
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_ACCEPTED_AT_ONCE: Final = 32
_RESET: Final = struct.pack("ii", 1, 0)  # linger for no time


def max_parked() -> int:
    """Return how many sockets may be left open that nothing is read from: half of what the process may open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 if resource else 0


class PatientProtocol(H11Protocol):
    """HTTP/1.1, patient for a while only.

    A connection is closed that is without a complete head of a request, or whose client still sends a body that was
    answered already. It is aborted if the client does not read what it is sent. It is given up if it is the oldest of
    too many that have not sent one whole request yet.
    """

    _newcomers: ClassVar[dict["PatientProtocol", None]] = {}
    _parked: ClassVar[set[int]] = set()
    _awaited: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
    _receive_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        """Start waiting for the first head."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that whatever the client has not taken pauses writing
        transport.max_size = READ_SIZE  # type: ignore[attr-defined]  # of asyncio's transports, 256 KiB by default
        self._newcomers[self] = None
        if len(self._newcomers) > MAX_NEWCOMERS:
            next(iter(self._newcomers))._park()  # noqa: SLF001  of this class
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take in data; a head may be complete then, and the next one may have begun."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next head; what came of a body that nobody read is not kept."""
        self.cycle.body.clear()
        if self.conn.their_state is not h11.SEND_BODY:
            self._newcomers.pop(self, None)
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Start waiting for the client to read."""
        super().pause_writing()
        self._send_timer = self.loop.call_later(SEND_DEADLINE, self._abort)

    def resume_writing(self) -> None:
        """Stop waiting: the client has been sent everything."""
        super().resume_writing()
        self._stop(self._send_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._newcomers.pop(self, None)
        self._stop(self._receive_timer)
        self._stop(self._send_timer)
        super().connection_lost(exc)

    def _watch(self) -> None:
        state = None if self.transport.is_closing() else self.conn.their_state
        awaited = state if state in {h11.IDLE, h11.SEND_BODY} else None
        if awaited is not self._awaited:
            self._stop(self._receive_timer)
            self._awaited = awaited
            if awaited is not None:
                self._receive_timer = self.loop.call_later(HEAD_DEADLINE, self.transport.close)

    def _park(self) -> None:
        """Give the connection up, but close its socket later: whoever is cut off at once connects again at once."""
        self._newcomers.pop(self, None)
        if len(self._parked) < max_parked():
            with contextlib.suppress(OSError):
                number = os.dup(self.transport.get_extra_info("socket").fileno())
                self._parked.add(number)
                self.loop.call_later(HEAD_DEADLINE, self._unpark, number)
        self.transport.abort()

    @classmethod
    def _unpark(cls, number: int) -> None:
        cls._parked.discard(number)
        os.close(number)

    def _abort(self) -> None:
        # With a reset: otherwise the kernel keeps for minutes what the client does not read.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._newcomers.pop(self, None)
        self.transport.abort()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


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
            backlog=_ACCEPTED_AT_ONCE,
            callback_notify=_give_memory_back,
            timeout_notify=_MEMORY_PERIOD,
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
        for listener in sockets or []:
            listener.listen(BACKLOG)  # which uvicorn set to what asyncio accepts before it does anything else
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


async def _give_memory_back() -> None:
    """Free what ended connections left. glibc keeps it otherwise, for as long as the process lives."""
    gc.collect()
    if _LIBC is not None and hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
