"""`python -m tools.replicas`: see the package."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Final

import anyio

from tools.replicas.deployment import Deployment, deployed, missing_programs
from tools.replicas.growth import growth
from tools.replicas.parts import disturbed, undisturbed
from tools.replicas.promises import Line, left_out, table

_SHORT: Final = 20.0
_GROWTH: Final = 4.0


def main() -> int:
    """Run the check, print the table, and return the exit code: 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.replicas")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the two parts with all callers")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--short", action="store_true", help=f"{_SHORT:g} seconds for each part")
    parser.add_argument("--without-database", action="store_true", help="the first part only; shows that it can fail")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if missing := missing_programs():
        parser.error(f"not installed: {', '.join(missing)}")
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    seconds = _SHORT if options.short else options.seconds
    with deployed(callers=options.callers, with_database=not options.without_database) as deployment:
        lines = anyio.run(_checked, deployment, seconds)
        deployment.keeps_logs = not all(line.kept for line in lines)
    print(table(lines))
    if options.json:
        options.json.write_text(json.dumps([line._asdict() for line in lines], indent=2) + "\n")
    return 0 if all(line.kept for line in lines) else 1


async def _checked(deployment: Deployment, seconds: float) -> list[Line]:
    lines = [*await undisturbed(deployment, seconds)]
    if deployment.database:
        lines += await disturbed(deployment, seconds)
        lines += await growth(deployment, _GROWTH)
    return [*lines, left_out(deployment.said(), deployment.secrets())]


if __name__ == "__main__":
    sys.exit(main())
