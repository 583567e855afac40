"""Watching inside `nomos-mcp http`: runs when they are due, in one of the processes, and a line in the log for each."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nomos_mcp.client import NomosClient
from nomos_mcp.client.rate_limiter import REQUESTS_PER_SECOND
from nomos_mcp.stderr import write_line

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.run_progress import RunReport
    from nomos_mcp.history.store import History


async def watch_in_background(history: "History", client: NomosClient, every: timedelta, processes: int) -> None:
    """Watch until cancelled, with half of this process's part of the rate limit, so that callers do not starve."""
    from nomos_mcp.history.polling import pause_for, watch  # noqa: PLC0415  as above

    pause = pause_for(REQUESTS_PER_SECOND / processes)
    await watch(history, client, every, pause=pause, finished=_log_run, failed=_log_failure)


def _log_run(report: "RunReport") -> None:
    _log(event="watched", **asdict(report))


def _log_failure(why: str) -> None:
    _log(event="watch_failed", why=why)


def _log(**fields: object) -> None:
    line = {"time": datetime.now(UTC), **fields}
    write_line(
        json.dumps(line, separators=(",", ":"), default=lambda moment: moment.isoformat(timespec="milliseconds"))
    )
