"""The addresses of resources that more than one file names, and which of them hold texts that never change."""

from typing import Final

from nomos_mcp.server.apps import SCHEME

ORDERS: Final = "nomos://meter-orders/"
SUBSCRIPTIONS: Final = "nomos://subscriptions/"
CHANGES: Final = "nomos://changes{?since}"
DURATIONS: Final = "nomos://statistics/durations"
"""For callers of the whole organisation: it is about the orders of all."""
LIFECYCLE: Final = "nomos://lifecycle/{api_version}"
STATUS: Final = "nomos://statuses/{status}"
ERROR: Final = "nomos://errors/{code}"

_STATIC: Final = ("nomos://lifecycle", "nomos://statuses/", "nomos://glossary", SCHEME)


def is_static(uri: str) -> bool:
    """Whether what stands at an address is the same for everyone until the server is updated."""
    return uri.startswith(_STATIC)
