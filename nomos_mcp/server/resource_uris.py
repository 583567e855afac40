"""The addresses of resources that more than one file names, and which of them hold texts that never change."""

from typing import Final
from urllib.parse import unquote

from nomos_mcp.server.apps import SCHEME

ORDERS: Final = "nomos://meter-orders/"
SUBSCRIPTIONS: Final = "nomos://subscriptions/"
CHANGES: Final = "nomos://changes{?since}"
DURATIONS: Final = "nomos://statistics/durations"
"""For callers of the whole organisation: it is about the orders of all."""
LIFECYCLE: Final = "nomos://lifecycle/{api_version}"
STATUS: Final = "nomos://statuses/{status}"
ERROR: Final = "nomos://errors/{code}"

_WORDS: Final = STATUS.partition("{")[0]
_STATIC: Final = ("nomos://lifecycle", _WORDS, "nomos://glossary", SCHEME)


def is_static(uri: str) -> bool:
    """Whether what stands at an address is the same for everyone until the server is updated."""
    if not uri.startswith(_STATIC):
        return False
    from nomos_mcp.server.explained_words import is_same_for_all  # noqa: PLC0415  nobody reads while a server starts

    return not uri.startswith(_WORDS) or is_same_for_all(unquote(uri.removeprefix(_WORDS)))
