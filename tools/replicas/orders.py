"""What became of the orders: what upstream saw and keeps, beside the table, the log and what callers were told."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx2

from nomos_mcp.replicas.reconciliation import RECONCILE
from tools.replicas.callers import ORDER, Call
from tools.replicas.deployment import Deployment
from tools.replicas.promises import Line
from tools.replicas.upstream import POSTS, listed

_KNEW_OR_COULD_NOT: Final = {"ordered", "already_ordered", "outcome_unknown", ""}
"""What a caller may be told of a subscription that has an order; nothing at all if the connection was lost."""


@dataclass(frozen=True)
class Orders:
    """All that is known of them.

    Attributes:
        posts: For which subscriptions orders arrived upstream, each as often as one did.
        ledger: Each subscription that has an order upstream, and the order's ID.
        rows: The table of attempts.
        logged: Subscriptions that a line of a replica's log is about.
        calls: What callers were told.
    """

    posts: Sequence[str]
    ledger: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    logged: frozenset[str]
    calls: Sequence[Call]

    @classmethod
    async def read(cls, deployment: Deployment, calls: Sequence[Call]) -> "Orders":
        """Ask upstream, the database and the logs."""
        assert deployment.database
        async with httpx2.AsyncClient(timeout=30) as http:
            found = (await http.get(f"{deployment.upstream_url}/_simulator/ledger")).json()["orders"]
        connection = await asyncpg.connect(deployment.database.url)
        try:
            rows = [dict(row) for row in await connection.fetch("SELECT * FROM order_attempts")]
        finally:
            await connection.close()
        lines = (json.loads(line) for line in deployment.said().splitlines() if line.startswith("{"))
        return cls(
            posts=listed(deployment.folder, POSTS),
            ledger={each["subscription_id"]: each["order_id"] for each in found},
            rows=rows,
            logged=frozenset(line["subscription"] for line in lines if "subscription" in line),
            calls=[call for call in calls if call.tool == ORDER],
        )

    def lines(self) -> list[Line]:
        """Judge them."""
        told = Counter(call.outcome or call.kind for call in self.calls)
        text = "; ".join(f"{count} {outcome}" for outcome, count in told.most_common())
        return [
            Line("calls to order, and their outcomes", text),
            self._once(),
            self._on_record(),
            self._told_truly(),
            self._settled(),
        ]

    def _once(self) -> Line:
        twice = [each for each, count in Counter(self.posts).items() if count > 1]
        return Line(
            "orders that were sent twice",
            f"{len(twice)} of {len(set(self.posts))}{_such_as(twice)}; upstream made {len(self.ledger)}",
            "0",
            not twice,
        )

    def _on_record(self) -> Line:
        known = {row["subscription_id"] for row in self.rows if row["is_open"]}
        known |= {
            row["subscription_id"] for row in self.rows if row["order_id"] == self.ledger.get(row["subscription_id"])
        }
        missing = [each for each in self.ledger if each not in known]
        unlogged = [each for each in self.ledger if each not in self.logged]
        return Line(
            "orders without a row in the table, and without a line in the log",
            f"{len(missing)}{_such_as(missing)} and {len(unlogged)}{_such_as(unlogged)} of {len(self.ledger)}",
            "0 and 0",
            not missing and not unlogged,
        )

    def _settled(self) -> Line:
        still = [row["subscription_id"] for row in self.rows if row["is_open"]]
        found = [each for each in still if each in self.ledger]
        by_command = sum(row["closed_by"] == RECONCILE for row in self.rows)
        return Line(
            "attempts that stay open after `nomos-mcp orders reconcile`, although upstream has the order",
            f"{len(found)}{_such_as(found)} of {len(still)}; {by_command} were closed by that command",
            "0",
            not found,
        )

    def _told_truly(self) -> Line:
        said = [call.subject for call in self.calls if call.outcome in {"ordered", "already_ordered"}]
        said += [row["subscription_id"] for row in self.rows if row["outcome"] == "ordered"]
        false = sorted({each for each in said if each not in self.ledger})
        honest = {call.subject for call in self.calls if call.outcome in _KNEW_OR_COULD_NOT}
        denied = [each for each in self.ledger if each not in honest]
        return Line(
            'false "ordered", and false "refused"',
            f"{len(false)}{_such_as(false)} and {len(denied)}{_such_as(denied)}",
            "0 and 0",
            not false and not denied,
        )


def _such_as(ids: Sequence[str]) -> str:
    return f" (such as {ids[0]})" if ids else ""
