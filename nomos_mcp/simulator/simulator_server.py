"""The simulator on a port of this machine. Loopback only: its control routes need no credentials."""

import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nomos_mcp.simulator.faults import RESET_EXTENSION
from nomos_mcp.simulator.simulator_app import Simulator

HOST: Final = "127.0.0.1"
_TEND_SECONDS: Final = 0.2
_POSIX: Final = os.name == "posix"
_NO_LINGER: Final = struct.pack("ii" if _POSIX else "hh", 1, 0)  # closing sends RST instead of FIN


def bound(port: int) -> socket.socket:
    """Listen on a port of loopback; 0 lets the system pick one. From now on requests wait instead of being refused."""
    # With the protocol named, asyncio turns Nagle's algorithm off; otherwise answers wait 40 ms for the peer's ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Elsewhere than on POSIX this would let two servers share a port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, _POSIX)
        listener.bind((HOST, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def serve(simulator: Simulator, listener: socket.socket) -> None:
    """Serve until the process gets SIGINT or SIGTERM, and then end at once."""
    # The server restores these handlers when it is done, and repeats the signal that ended it to them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    anyio.run(_serve, simulator, _server(simulator), listener)


@contextmanager
def served(simulator: Simulator) -> Iterator[str]:
    """Serve from another thread, on a port that the system picks, and yield the base URL.

    Meanwhile only that thread may change the simulator.
    """
    with bound(0) as listener:
        server = _server(simulator)
        thread = threading.Thread(target=anyio.run, args=(_serve, simulator, server, listener), daemon=True)
        thread.start()
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join()


def _server(simulator: Simulator) -> uvicorn.Server:
    config = uvicorn.Config(
        simulator,
        http=_Connection,
        lifespan="off",
        log_config=None,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


async def _serve(simulator: Simulator, server: uvicorn.Server, listener: socket.socket) -> None:
    async def tend() -> None:
        while True:
            await simulator.tend()
            await anyio.sleep(_TEND_SECONDS)

    async with anyio.create_task_group() as group:
        group.start_soon(tend)
        await server.serve(sockets=[listener])
        group.cancel_scope.cancel()


class _Connection(H11Protocol):
    """A connection that the application can reset."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def resettable(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[RESET_EXTENSION] = self._reset
            await app(scope, receive, send)

        self.app = resettable

    def _reset(self) -> None:
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()
