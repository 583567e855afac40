"""Whether a list is worth walking in several parts at once, and in which. Pure: knows counts, and reads nothing."""

from collections.abc import Mapping, Sequence

TRUNK_PAGES = 2
"""Pages that are read of the whole list before it may be parted; a shorter list is read with no request too many."""
LONG = 6
"""Pages that a walk is expected to go on for before parting it pays: every part ends with a page that is not full."""


def is_long(found: int, wanted: int, pages: int) -> bool:
    """Tell whether so many pages, with so many finds on them, leave a long way to go to `wanted` finds."""
    return pages * (wanted - found) > LONG * found


def parts_of(statuses: Sequence[str], seen: Mapping[str, int], most: int) -> list[tuple[str, ...]]:
    """Divide statuses into parts that promise to take about as long as each other.

    Args:
        statuses: All that the list holds.
        seen: How many items of each status were on the pages read so far, as a forecast of the rest.
        most: How many parts to make at most.

    Returns:
        At most one part for each status that was seen; the others go along with them.
    """
    weights = {status: seen.get(status, 0) for status in statuses}
    useful = sum(weight > 0 for weight in weights.values())
    parts: list[list[str]] = [[] for _ in range(max(1, min(most, useful)))]
    for status in sorted(statuses, key=lambda status: -weights[status]):
        min(parts, key=lambda part: sum(weights[each] for each in part)).append(status)
    return [tuple(part) for part in parts]
