"""Where events are sent to, and how badly behaved the deliveries are."""

import secrets
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nomos_mcp.simulator.world.events import Topic


def _on_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not _is_loopback(parts.hostname or ""):
        raise ValueError(
            "the simulator sends to http:// on loopback only (127.0.0.1, [::1], localhost): invented events must not "
            "reach a system that takes them for real"
        )
    return url


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, without looking it up."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Endpoint(BaseModel):
    """A receiver of events.

    Attributes:
        url: Where deliveries are posted to: `http://` on loopback.
        secret: Of the signature; made up where none is given.
        topics: Which events; None for all.
        out_of_order: Whether what is due at the same time is shuffled, by the simulator's seed.
        duplicates: Whether every event is delivered twice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[str, Field(max_length=2000), AfterValidator(_on_loopback)]
    secret: Annotated[str, Field(min_length=1, max_length=200)] = Field(default_factory=secrets.token_hex)
    topics: frozenset[Topic] | None = None
    out_of_order: bool = False
    duplicates: bool = False
