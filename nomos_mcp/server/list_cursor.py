"""The cursors with which a later call reads on in a list or in the feed: what they hold, and how they are written."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.pages import MAX_PAGE_SIZE

_ANY = "surrogatepass"  # upstream's cursor may be any text that JSON can write
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_SEAL = 12


@dataclass(frozen=True, slots=True)
class Position:
    """How far a list was read."""

    created: datetime | None = None
    """When the oldest item that was read was created; None if none was read."""
    ids: tuple[str, ...] = ()
    """Digests of the items of that moment that were read."""
    undated: tuple[str, ...] = ()
    """Digests of the items that were read of which the creation cannot be read: their place in a list is not known."""

    def covers(self, item_id: str, created: datetime | None) -> bool:
        if created is None:
            return digest(item_id, 8) in self.undated
        if self.created is None or created < self.created:
            return False
        return created > self.created or digest(item_id, 8) in self.ids

    def past(self, item_id: str, created: datetime | None) -> "Position":
        if created is None:
            return replace(self, undated=(*self.undated, digest(item_id, 8)))
        if self.created is None or created < self.created:
            return replace(self, created=created, ids=(digest(item_id, 8),))
        return self if created > self.created else replace(self, ids=(*self.ids, digest(item_id, 8)))

    def reaches(self, other: "Position") -> bool:
        """Whether a list that is read as far as this has been read as far as the other."""
        if self.created is None or other.created is None:
            return False
        return self.created < other.created or (self.created == other.created and set(other.ids) <= set(self.ids))

    def cut(self, most: int) -> "Position":
        """Return the position with at most so many digests of each kind, the last ones."""
        return replace(self, ids=self.ids[-most:], undated=self.undated[-most:])


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading goes on.

    Attributes:
        query: Which of the tool's queries is asked.
        page: Upstream's cursor of the page to read; empty for the first.
        again: Whether a part of that page was handed out.
        position: What was read; items before it are left out.
        gaps: Whether an earlier call has left something out.
    """

    page_size: int
    query: int = 0
    page: str = ""
    again: bool = False
    position: Position = Position()
    gaps: bool = False

    def text(self, binding: str) -> str:
        """Return the cursor as it is handed out, bound to the arguments of a call."""
        created = _ticks(self.position.created)
        flags = 2 * self.again + self.gaps
        page = quote(self.page, safe="", errors=_ANY)
        ids = "~".join(self.position.ids) + "!" * bool(self.position.undated) + "~".join(self.position.undated)
        fields = [binding, self.page_size, self.query, flags, created, ids, page]
        return ".".join("" if field is None else str(field) for field in fields)


def cursor_of(text: str, binding: str) -> Cursor:
    """Read a cursor that was handed out for the same arguments."""
    try:
        bound, size, query, flags, created, ids, page = text.split(".", 6)
        dated, _, undated = ids.partition("!")
        position = Position(_moment(created), _parts(dated), _parts(undated))
        again, gaps = bool(int(flags) & 2), bool(int(flags) & 1)
        cursor = Cursor(int(size), int(query), unquote(page, errors=_ANY), again, position, gaps)
    except (ValueError, OverflowError):
        raise malformed_cursor() from None
    if not (1 <= cursor.page_size <= MAX_PAGE_SIZE and cursor.query >= 0):
        raise malformed_cursor()
    _require(bound, binding)
    return cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCursor:
    """Where reading goes on in the feed.

    Attributes:
        since: The first moment of the feed; a default that depends on the clock must not move from page to page.
        told: The time of the last change that was told; None if none was.
        tie: Which of the changes of that time it was: its sealed number in the history, or a digest.
        start: Where the orders begin that are read for their dates; None if the feed is read from the history.
        end: Where the orders begin that are not read before all changes of these are told; None at the end of the list.
        gaps: Whether an earlier call has left something out.
    """

    since: datetime
    told: datetime | None = None
    tie: str = ""
    start: Cursor | None = None
    end: Cursor | None = None
    gaps: bool = False

    def text(self, binding: str) -> str:
        """Return the cursor as it is handed out, bound to the arguments of a call."""
        told = "" if self.told is None else str(_ticks(self.told))
        head = ".".join([binding, str(_ticks(self.since)), told, self.tie, str(int(self.gaps))])
        return "|".join([head, *(each.text("") if each else "" for each in (self.start, self.end))])


def feed_cursor_of(text: str, binding: str) -> FeedCursor:
    """Read a cursor of the feed that was handed out for the same arguments."""
    try:
        head, *walk = text.split("|")
        bound, first, told, tie, gaps = head.split(".")
        start, end = (cursor_of(each, "") if each else None for each in walk)
        since = _EPOCH + int(first) * _TICK
        cursor = FeedCursor(since=since, told=_moment(told), tie=tie, start=start, end=end, gaps=bool(int(gaps)))
    except (ValueError, OverflowError):
        raise malformed_cursor() from None
    _require(bound, binding)
    return cursor


def sealed(number: int, key: bytes) -> str:
    """Return the number of a change as a cursor may show it: numbers in the clear would count everybody's changes."""
    seal = digest(str(number), _SEAL, key)
    return f"{seal}{number ^ _mask(seal, key):x}"


def unsealed(text: str, key: bytes) -> int:
    """Return the number that was sealed with this key."""
    seal, hidden = text[:_SEAL], text[_SEAL:]
    try:
        number = int(hidden, 16) ^ _mask(seal, key)
    except ValueError:
        raise malformed_cursor() from None
    if not text.isascii() or seal != digest(str(number), _SEAL, key):
        raise malformed_cursor()
    return number


def _mask(seal: str, key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, f"mask {seal}".encode(), "sha256")[:8])


def _require(bound: str, binding: str) -> None:
    if bound != binding:
        raise InvalidRequestError(
            "The cursor belongs to another query. Repeat the call that returned it, with every other argument "
            "unchanged, or leave the cursor out to start again."
        )


def _ticks(moment: datetime | None) -> int | None:
    return (moment - _EPOCH) // _TICK if moment else None


def _moment(ticks: str) -> datetime | None:
    return _EPOCH + int(ticks) * _TICK if ticks else None


def _parts(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split("~")))


def malformed_cursor() -> InvalidRequestError:
    return InvalidRequestError(
        "The cursor is malformed. Pass next_cursor exactly as it was returned, or leave it out to start again."
    )


def digest(text: str, length: int, key: bytes = b"") -> str:
    """Return the first characters of a text's SHA-256 in Base64; with a key, of its HMAC."""
    found = hmac.digest(key, text.encode(), "sha256") if key else hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(found)[:length].decode()
