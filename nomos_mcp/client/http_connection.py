"""The event loop that a client belongs to: the one of its first call, until it is closed there.

Connections, locks and calls that wait for each other cannot be shared between two loops. Without this check a second
loop gets the library's bare `RuntimeError`, or waits for ever.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Lock

from anyio.lowlevel import current_token

from nomos_mcp.client.errors import InvalidRequestError


class EventLoop:
    """Lets the calls of one event loop at a time through."""

    def __init__(self) -> None:
        self._guard = Lock()  # two threads may each make their first call at once
        self._token: object = None
        self._calls = 0

    @contextmanager
    def calling(self, begin: Callable[[], None]) -> Generator[None]:
        """Hold the client in the running loop during a call.

        Args:
            begin: Called before the first call in a loop.

        Raises:
            InvalidRequestError: Another loop has it.
        """
        with self._guard:
            if self._token is None:
                begin()
                self._token = current_token()
            if self.is_elsewhere:
                raise _elsewhere()
            self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1

    @property
    def is_elsewhere(self) -> bool:
        """Whether another loop than the running one has the client."""
        return self._token is not None and self._token != current_token()

    @contextmanager
    def closing(self) -> Generator[None]:
        """Let the client go from the running loop, unless calls are still under way in it.

        Raises:
            InvalidRequestError: Another loop has it.
        """
        if self.is_elsewhere:
            raise _elsewhere()
        yield
        if not self._calls:
            self._token = None


def _elsewhere() -> InvalidRequestError:
    return InvalidRequestError(
        "This client is used in another event loop, and connections cannot be shared between two. Make a client for "
        "each event loop, or close this one with aclose() in the loop that used it. Nothing was sent."
    )
