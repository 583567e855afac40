"""Several processes behind one socket. One that dies is replaced; a signal to the parent ends all of them gently."""

import multiprocessing
import signal
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Final

from nomos_mcp.service.constants import STOP_WITHIN

TOO_SOON: Final = 5.0
"""Seconds: a process that dies this soon after its start would die again."""
_GRACE: Final = 5.0
_CONTEXT: Final = multiprocessing.get_context("spawn")


def run_workers(work: Callable[[], object], listener: socket.socket, count: int) -> bool:
    """Serve with several processes until SIGTERM or SIGINT.

    Args:
        work: What each process does; it ends by itself at SIGTERM.
        listener: What they share; closed here when they are to end, so that nobody waits for an answer in vain.
        count: How many processes.

    Returns:
        False if a process died while it started.
    """
    ending = False

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal ending
        ending = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    workers = [_started(work) for _ in range(count)]
    sound = True
    while sound and not ending:
        wait([worker.sentinel for worker, _ in workers], timeout=0.2)
        for index, (worker, since) in enumerate(workers):
            if worker.is_alive() or ending:
                continue
            if time.monotonic() - since < TOO_SOON:
                sound = False
                break
            sys.stderr.write(f"nomos-mcp: process {worker.pid} died (exit code {worker.exitcode}); replacing it.\n")
            workers[index] = _started(work)
    listener.close()
    _end([worker for worker, _ in workers])
    return sound


def _started(work: Callable[[], object]) -> tuple[BaseProcess, float]:
    worker = _CONTEXT.Process(target=work)
    worker.start()
    return worker, time.monotonic()


def _end(workers: list[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    ends = time.monotonic() + STOP_WITHIN + _GRACE
    for worker in workers:
        worker.join(max(0.0, ends - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()
