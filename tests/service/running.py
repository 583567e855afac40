"""The service on a real loopback socket, in a thread of its own, ended as at a signal."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nomos_mcp.client import NomosClient
from nomos_mcp.service import create_http_app
from nomos_mcp.service.graceful_shutdown import GracefulServer
from nomos_mcp.settings import Settings


class Running:
    """A server that runs.

    Attributes:
        url: Its base URL.
        port: Its port.
    """

    def __init__(self, server: GracefulServer, listener: socket.socket) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        self.port: int = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)  # uvicorn offers nothing to wait for across threads

    def begin_to_end(self) -> None:
        self._server.should_exit = True

    def wait_until_ending(self) -> None:
        while self._server.servers and self._server.servers[0].is_serving():
            time.sleep(0.01)  # as above

    def connections(self) -> list[Any]:
        """Return the open connections, as uvicorn knows them."""
        return list(self._server.server_state.connections)

    def end(self) -> None:
        self.begin_to_end()
        self._thread.join()


@contextmanager
def running(
    settings: Settings | None = None, *, client: NomosClient | None = None, app: Any = None, **options: Any
) -> Iterator[Running]:
    """Serve for as long as the block lasts: the service with these settings, or another application."""
    if app is None:
        app = create_http_app(settings or Settings(demo=True), client=client)
        options = {"on_stop": app.state.begin_shutdown, **options}
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        server = Running(GracefulServer(app, **{"drain": 0.2, "stop_within": 5, **options}), listener)
        server.start()
        try:
            yield server
        finally:
            server.end()
