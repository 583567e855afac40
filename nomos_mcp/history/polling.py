"""Watching: one run, or one after the other for as long as a process lives."""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import anyio

from nomos_mcp.client import NomosClient, NomosError, UnsupportedVersionError
from nomos_mcp.database.database import DatabaseError
from nomos_mcp.history.order_walk import OrderWalk
from nomos_mcp.history.run_progress import RunReport
from nomos_mcp.history.runs import BEAT, Run, WatchError
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import VERSIONS

Report = Callable[[int, int], None]
"""Told how many orders a run has read, and about how many there are to read; 0 if that is not known."""

_CHECKED_EVERY: Final = 5.0  # with the lease of a run that ends silently, another process goes on within 30 seconds
_RELEASED_WITHIN: Final = 2.0


def pause_for(requests_per_second: float) -> float:
    """Return the pause that leaves half of the rate limit to others."""
    return 2 / requests_per_second


async def poll(
    history: History, client: NomosClient, *, pause: float = 0.0, report: Report = lambda *_: None
) -> RunReport:
    """Make one run, or finish the last one if it did not end.

    Args:
        history: The whole organisation's.
        client: The whole organisation's.
        pause: Seconds from the beginning of one request to the next one at least, so that others may use the client.
        report: Told how far it is.

    Raises:
        WatchError: Another process is watching.
        DatabaseError: The database does not answer.
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
            except (NomosError, DatabaseError, WatchError) as error:
                failure = error  # raised below, as it is and not in a group
            ended.set()
    finally:
        if found is None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_RELEASED_WITHIN), suppress(DatabaseError):
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
        with suppress(DatabaseError):  # the walker notices too, and says so
            await history.runs.beat(run)


async def watch(
    history: History,
    client: NomosClient,
    every: timedelta,
    *,
    pause: float,
    finished: Callable[[RunReport], None],
    failed: Callable[[str], None],
    report: Report = lambda *_: None,
) -> None:
    """Make a run whenever one is due, for ever, whatever fails. Any number of processes may do so; one of them walks.

    Args:
        history: As `poll`.
        client: As `poll`.
        every: From the beginning of one run to the beginning of the next one.
        pause: As `poll`.
        finished: Told what a run did.
        failed: Told why one did not end.
        report: As `poll`.
    """
    is_away = False
    while True:
        try:
            is_due = await history.runs.is_due(every)
            is_away = False
            if is_due:
                finished(await poll(history, client, pause=pause, report=report))
        except WatchError:
            pass  # the other process says what it does
        except DatabaseError as error:
            if not is_away:
                failed(str(error))
            is_away = True
        except NomosError as error:
            failed(f"{error} The next run goes on where this one stopped.")
        except Exception as error:  # noqa: BLE001  a mistake of ours must not end the process that serves calls
            failed(f"The run failed unexpectedly: {_named(error)}. It is tried again.")
        await anyio.sleep(_CHECKED_EVERY)


def _named(error: BaseException) -> str:
    """Return the type of an error: its text may hold what was read."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
