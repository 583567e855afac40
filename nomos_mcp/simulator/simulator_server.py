"""The simulator on a port of this machine, for whatever speaks HTTP. Loopback only: its control routes ask nobody."""

import os
import signal
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import anyio
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nomos_mcp.simulator.fault_middleware import RESET_EXTENSION
from nomos_mcp.simulator.simulator_app import Simulator

HOST: Final = "127.0.0.1"
_TENDING_SECONDS: Final = 0.2
_POSIX: Final = os.name == "posix"
_AT_ONCE: Final = struct.pack("ii" if _POSIX else "hh", 1, 0)  # linger for no time: closing sends RST instead of FIN


def bound(port: int) -> socket.socket:
    """Take a port on loopback.

    Args:
        port: Which; 0 lets the system pick one.

    Returns:
        A socket that listens: from here on a request waits to be served instead of being refused.

    Raises:
        OSError: The port is in use, or not for us.
    """
    # With the protocol named, asyncio turns Nagle's algorithm off; without, each answer waits 40 ms for the peer's ACK.
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
    """Give the base URL of what a socket serves."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


def serve(simulator: Simulator, listener: socket.socket) -> None:
    """Serve until the process is told to end (SIGINT or SIGTERM), and then end at once.

    Args:
        simulator: What answers.
        listener: From `bound`.
    """
    # The server restores these handlers when it is done, and repeats the signal that ended it to them.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    anyio.run(_serve, simulator, _server(simulator), listener)


@contextmanager
def served(simulator: Simulator) -> Iterator[str]:
    """Serve from a thread of its own, on a port that the system picks.

    Args:
        simulator: What answers; while it is served, the thread that serves it is the only one that may change it.

    Yields:
        The base URL, which answers already.
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
    return uvicorn.Server(
        uvicorn.Config(
            simulator,
            http=_Connection,
            lifespan="off",
            log_config=None,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )


async def _serve(simulator: Simulator, server: uvicorn.Server, listener: socket.socket) -> None:
    async with _tended(simulator):
        await server.serve(sockets=[listener])


@asynccontextmanager
async def _tended(simulator: Simulator) -> AsyncIterator[None]:
    """Let the simulator do meanwhile what its clock makes due."""

    async def tend() -> None:
        while True:
            await simulator.tend()
            await anyio.sleep(_TENDING_SECONDS)

    async with anyio.create_task_group() as group:
        group.start_soon(tend)
        yield
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
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()
