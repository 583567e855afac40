"""The rate limit: so many requests per second and client, told in the IETF's `ratelimit-*` headers.

The vendor's older quickstart states ten per second. How its window is cut is not documented; whole seconds are ours.
"""

from datetime import datetime
from typing import Final

from nomos_mcp.simulator.clock import Clock

WINDOW_SECONDS: Final = 1


class RateLimit:
    """Counts each client's requests in the present second.

    Args:
        per_second: How many requests a client may make in one second.
        now: The clock, in whole seconds.
    """

    def __init__(self, per_second: int, now: Clock) -> None:
        self._per_second = per_second
        self._now = now
        self._spent: dict[str, tuple[datetime, int]] = {}

    def spend(self, client_id: str) -> tuple[bool, dict[str, str]]:
        """Count one request.

        Args:
            client_id: Whose it is.

        Returns:
            Whether it is within the limit, and the headers that say how much is left.
        """
        second = self._now()
        since, spent = self._spent.get(client_id, (second, 0))
        spent = spent + 1 if since == second else 1
        self._spent[client_id] = (second, spent)
        headers = {
            "ratelimit-limit": str(self._per_second),
            "ratelimit-remaining": str(max(0, self._per_second - spent)),
            "ratelimit-reset": str(WINDOW_SECONDS),
        }
        return spent <= self._per_second, headers
