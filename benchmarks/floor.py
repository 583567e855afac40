"""What the API allows at best: the fewest requests for a question, and the least time, for one who knows the answer.

A page's cursor is known only with the page before it, so the pages of one query are a chain. Several queries, one a
status, can be walked side by side. No more than so many requests go out in any one second.
"""

from dataclasses import dataclass

from benchmarks.upstream import OPEN, orders

PAGE = 100
REQUESTS_GOAL = 1.2
TIME_GOAL = 1.3


@dataclass(frozen=True, slots=True)
class Floor:
    """The best that is possible.

    Attributes:
        requests: The fewest, over pages of 100.
        seconds: The least, over one walk or one walk a status, whichever is quicker; one that takes more requests than
            their goal allows does not count.
        blocked: How many orders are blocked.
    """

    requests: int
    seconds: float
    blocked: int


def floor(size: int, wanted: int | None, latency: float, per_second: int) -> Floor:
    """Work out the floor for "which orders are blocked?" among made-up orders.

    Args:
        size: How many orders there are.
        wanted: How many of the blocked ones to find, the newest; None for all.
        latency: Seconds that a request takes.
        per_second: Requests that upstream takes in any one second; 0 for any number.
    """
    seen = dict.fromkeys(OPEN, 0)
    blocked = read = 0
    for status, _, is_blocked in orders(size):
        if status not in seen:
            continue
        blocked += is_blocked
        if wanted is None or blocked < wanted or (blocked == wanted and is_blocked):
            seen[status] += 1
            read += 1
    one = [_pages(read)]
    several = [_pages(count) for count in seen.values()]
    lean = [chains for chains in (one, several) if sum(chains) <= REQUESTS_GOAL * one[0]]
    return Floor(one[0], min(_duration(chains, latency, per_second) for chains in lean), blocked)


def _pages(items: int) -> int:
    return max(1, -(-items // PAGE))


def _duration(chains: list[int], latency: float, per_second: int) -> float:
    """Play the walks through: the longest goes first, each request as early as its chain and the limit let it."""
    left, free = list(chains), [0.0] * len(chains)
    starts: list[float] = []
    while any(left):
        at = min((index for index, pages in enumerate(left) if pages), key=lambda index: (free[index], -left[index]))
        begun = free[at]
        if per_second and len(starts) >= per_second:
            begun = max(begun, starts[-per_second] + 1.0)
        starts.append(begun)
        left[at] -= 1
        free[at] = begun + latency
    return max(free)
