"""Names that were meant by misspelt ones."""

import re
from collections.abc import Iterable
from typing import Final

_CLOSE: Final = 0.6
"""Similarity (0 to 1) from which a name is worth suggesting; the default of difflib."""

MAX_NAME: Final = 100
"""Characters of a name that are quoted. A longer one is like no other, and comparing it would take long."""


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that resemble a misspelt one, the closest first. Equally close ones keep their order."""
    if len(name) > MAX_NAME:
        return []
    from difflib import SequenceMatcher  # noqa: PLC0415  only a wrong name needs it

    closeness = {each: SequenceMatcher(None, spelling(each), spelling(name)).ratio() for each in known}
    near = [each for each, ratio in closeness.items() if ratio >= _CLOSE]
    return sorted(near, key=closeness.__getitem__, reverse=True)[:3]


def spelling(name: str) -> str:
    """A name by its letters and digits alone, whatever their case and what stands between them."""
    return re.sub(r"[\W_]+", "", name.casefold())
