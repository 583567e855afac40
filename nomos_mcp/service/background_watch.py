"""Watching inside `nomos-mcp http`: runs when they are due, in one of the processes, and a line in the log for each."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from nomos_mcp.client import NomosClient
from nomos_mcp.client.rate_limiter import REQUESTS_PER_SECOND
from nomos_mcp.service.access_log import log_line

if TYPE_CHECKING:  # loads SQLAlchemy, which only a server with a database pays for
    from nomos_mcp.history.run_progress import RunReport
    from nomos_mcp.history.store import History


async def watch_in_background(
    history: "History", client: NomosClient, every: timedelta, processes: int, organisation: str = ""
) -> None:
    """Watch until cancelled, with half of this process's part of the rate limit, so that callers do not starve."""
    whose = {"organisation": organisation} if organisation else {}

    def finished(report: "RunReport") -> None:
        log_line(event="watched", **whose, **asdict(report))

    def failed(why: str) -> None:
        log_line(event="watch_failed", **whose, why=why)

    from nomos_mcp.history.polling import pause_for, watch  # noqa: PLC0415  as above

    pause = pause_for(REQUESTS_PER_SECOND / processes)
    await watch(history, client, every, pause=pause, finished=finished, failed=failed)
