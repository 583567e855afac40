"""Cursors of our own lists. Opaque to the caller, bound to the query that they continue.

Upstream's cursor says which page to read; ours also says after which item of that page to go on, since a page of
upstream's may hold more matches than were asked for. Where a list is walked in several parts at once, it says so for
each of them.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from nomos_mcp.client.constants import MAX_PAGE_SIZE
from nomos_mcp.client.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk over one part of a list stands.

    Attributes:
        part: The statuses that make up the part; empty for the whole list.
        page: Upstream's cursor of the page to read; empty for the first.
        after: ID of the last item that was handed out from that page; empty for none.
        created: When that item was created; tells where to go on if it has left the page.
    """

    part: tuple[str, ...] = ()
    page: str = ""
    after: str = ""
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list.

    Attributes:
        page_size: `limit` that upstream is asked with; it must not change along a walk.
        places: Where each of its parts stands; a part that is not among them has ended.
    """

    page_size: int
    places: tuple[Place, ...] = (Place(),)

    def text(self, query: tuple[str, ...]) -> str:
        """Return the cursor as it is handed out, bound to `query`."""
        places = [
            [" ".join(place.part), place.page, place.after, place.created.isoformat() if place.created else ""]
            for place in self.places
        ]
        raw = json.dumps([_digest(query), self.page_size, places], separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def cursor_of(text: str, query: tuple[str, ...]) -> Cursor:
    """Read a cursor that was handed out for the same query.

    Raises:
        InvalidRequestError: It is none, or one of another query.
    """
    try:
        digest, page_size, places = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        cursor = Cursor(int(page_size), tuple(_place(*place) for place in places))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise _malformed() from None
    zoned = all(place.created is None or place.created.tzinfo is not None for place in cursor.places)
    if not (zoned and cursor.places and 1 <= cursor.page_size <= MAX_PAGE_SIZE):
        raise _malformed()
    if digest != _digest(query):
        raise InvalidRequestError(
            "The cursor belongs to another query. Repeat the call that returned it, with every other argument "
            "unchanged, or leave the cursor out to start again."
        )
    return cursor


def _place(part: str, page: str, after: str, created: str) -> Place:
    return Place(tuple(part.split()), str(page), str(after), datetime.fromisoformat(created) if created else None)


def _malformed() -> InvalidRequestError:
    return InvalidRequestError(
        "The cursor is malformed. Pass next_cursor exactly as it was returned, or leave it out to start again."
    )


def _digest(query: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(query).encode()).hexdigest()[:12]
