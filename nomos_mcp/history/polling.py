"""Watching: one run, and one run after the other for as long as a process lives."""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio

from nomos_mcp.client import NomosClient, NomosError, UnsupportedVersionError
from nomos_mcp.history.database import HistoryError
from nomos_mcp.history.order_walk import OrderWalk
from nomos_mcp.history.run_progress import RunReport
from nomos_mcp.history.runs import BEAT, Run, WatchError
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import VERSIONS

_RELEASED_WITHIN: Final = 2.0


async def poll(
    history: History, client: NomosClient, *, pause: float = 0.0, report: Callable[[int], None] = lambda _: None
) -> RunReport:
    """Make one run, or finish the last one if it did not end.

    Args:
        history: The whole organisation's.
        client: The whole organisation's.
        pause: Seconds from the beginning of one request to the next one at least, so that others may use the client.
        report: Told how many orders were read so far.

    Raises:
        WatchError: Another process is watching.
        HistoryError: The database does not answer.
        NomosError: Nomos does not answer. The next run goes on from here.
    """
    if client.api_version not in VERSIONS:
        raise UnsupportedVersionError(f"API version {client.api_version} has no meter orders to watch.")
    run = await history.runs.begin(f"{socket.gethostname()[:50]} {os.getpid()} {secrets.token_hex(8)}")
    failure: Exception | None = None
    found: RunReport | None = None
    ended = anyio.Event()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_keep_alive, history, run, ended)
            try:
                found = await OrderWalk(history, client, run, pause, report).finish()
            except (NomosError, HistoryError, WatchError) as error:
                failure = error  # raised below, as it is and not in a group
            ended.set()
    finally:
        if found is None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_RELEASED_WITHIN), suppress(HistoryError):
                await history.runs.release(run)
    if failure is not None:
        raise failure
    assert found is not None  # noqa: S101  no failure
    return found


async def _keep_alive(history: History, run: Run, ended: anyio.Event) -> None:
    while True:
        with anyio.move_on_after(BEAT):
            await ended.wait()
            return
        with suppress(HistoryError):  # the walker notices too, and says so
            await history.runs.beat(run)
