"""What goes over the wire and what comes back, whichever library carries it."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from nomos_mcp.client.answers import cleaned
from nomos_mcp.client.constants import MAX_WORD

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]
"""An ASGI application that answers in place of the network."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        method: HTTP method.
        path: Path below the base URL, its parts already percent-encoded.
        query: Query parameters, not yet encoded.
        body: The JSON to send; None for none.
        headers: Without secrets.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status code.
        headers: By lower-case name.
        content: The body, unpacked.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    @property
    def request_id(self) -> str:
        """The request ID that a header carries; empty if none does."""
        return cleaned(self.headers.get("x-request-id", ""), MAX_WORD)
