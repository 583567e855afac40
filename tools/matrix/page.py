"""The table of docs/clients.md."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tools.matrix.clients import Client, Transport
from tools.matrix.trial import Outcome

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
_PART: Final = re.compile(r"(<!-- written by python -m tools.matrix -->\n).*?(<!-- end -->)", re.DOTALL)
_REFUSED: Final = {
    "server": "refused with the nearest name",
    "client": "refused by the client",
    "nobody": "removed by the client",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A client over a transport."""

    client: Client
    transport: Transport
    outcome: Outcome

    def cells(self) -> list[str]:
        """Return the row of the table."""
        found = self.outcome
        known = [self.client.name, ", ".join(self.client.packages), self.transport]
        end = "; ".join(found.failures) or found.known
        if not found.tools:
            return [*known, "", "", "", "", "", end]
        listed = ", ".join(f"{count} {what}" for what, count in found.listed.items()) or "none"
        tools = f"{found.tools}{' strict' if found.strict else ''}"
        refusal = _REFUSED.get(found.refusal, found.refusal)
        return [*known, tools, found.answer, refusal, found.order, listed, end or "passed"]

    def line(self) -> str:
        """Return the row for a terminal."""
        return " | ".join(self.cells())


def _merged(rows: Sequence[Row]) -> list[list[str]]:
    """Return the rows for a page: one for both transports if all else is the same, and no installer's report."""
    merged: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        client, packages, transport, *found, end = row.cells()
        end = "not installed" if end.startswith("not installed:") else end
        merged.setdefault((client, packages, *found, end), []).append(transport)
    return [[client, packages, ", ".join(over), *found] for (client, packages, *found), over in merged.items()]


def write_page(rows: Sequence[Row]) -> None:
    """Write the table with today's date."""
    head = ["Client", "Packages", "Transport", "Tools", "Answer", "Unknown argument", "Order", "Lists", "Outcome"]
    lines = [
        f"Run on {datetime.now(UTC):%d %B %Y}.",
        "",
        f"| {' | '.join(head)} |",
        f"|{' --- |' * len(head)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in _merged(rows)),
    ]
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_PART.sub(lambda found: f"{found[1]}{chr(10).join(lines)}\n{found[2]}", text), encoding="utf-8")
