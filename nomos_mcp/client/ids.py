"""IDs: told apart by their prefix, checked before they are put into a URL, and again when upstream sends them."""

import re
from typing import Final

from nomos_mcp.client.errors import InvalidRequestError

MAX_ID_LENGTH: Final = 64
"""IDs have 24 characters after the prefix in practice; the length is not relied upon, only bounded."""

PREFIXES: dict[str, tuple[str, ...]] = {
    "meter order": ("prdo",),
    "subscription": ("sub",),
    "customer": ("cus",),
    "plan": ("plan", "pln"),
    "event": ("evt",),
}
"""Prefix of each kind of ID (vendor's documentation; plans occur with both)."""

UNREADABLE: Final = "(unreadable)"
"""Stands for a malformed ID from upstream. A model reads it, so no other text may pass as an ID."""

_BODY = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_ID_LENGTH}}}")
_ANY = re.compile(rf"(?:[a-z]{{1,16}}_)?{_BODY.pattern}")  # the vendor adds kinds, and kinds may get other prefixes


def is_well_formed(value: str) -> bool:
    """Whether a text from upstream can be the ID of anything."""
    return _ANY.fullmatch(value) is not None


def kind_of(value: str) -> str | None:
    """Tell what an ID names by its prefix, or None where the prefix is unknown or the ID is malformed."""
    prefix, separator, body = value.partition("_")
    if not separator or not _BODY.fullmatch(body):
        return None
    return next((kind for kind, prefixes in PREFIXES.items() if prefix in prefixes), None)


def checked(value: str, *kinds: str) -> str:
    """Return `value` if it is a well-formed ID of one of `kinds` (keys of `PREFIXES`); else `InvalidRequestError`."""
    found = kind_of(value)
    if found in kinds:
        return value
    expected = " or ".join(f"{prefix}_…" for kind in kinds for prefix in PREFIXES[kind])
    shown = value if len(value) <= MAX_ID_LENGTH else value[:MAX_ID_LENGTH] + "…"
    why = f"it is the ID of {'an' if found == 'event' else 'a'} {found}" if found else "it is malformed"
    raise InvalidRequestError(
        f"{shown!r} is not a valid {' or '.join(kinds)} ID: {why}. It should read {expected} (letters and digits after "
        "the prefix)."
    )
