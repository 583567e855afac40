"""Several processes behind one socket. One that dies is replaced; a signal to the parent ends all of them gently."""

import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from types import FrameType
from typing import Final

from nomos_mcp.service.constants import STOP_WITHIN

_GRACE: Final = 5.0
_CONTEXT: Final = multiprocessing.get_context("spawn")


Work = Callable[[Callable[[], object]], object]
"""What a process does: calls its argument once it serves, and ends by itself at SIGTERM."""


def run_workers(work: Work, listener: socket.socket, count: int, on_start: Callable[[], object]) -> bool:
    """Serve with several processes until SIGTERM or SIGINT.

    Args:
        work: What each process does.
        listener: What they share; closed here when they are to end, so that nobody waits for an answer in vain.
        count: How many processes.
        on_start: Called once all of them serve.

    Returns:
        False if a process died before it served: the next one would, too.
    """
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    workers = [_started(work) for _ in range(count)]
    sound, announced = True, False
    while sound and not ending.is_set():
        wait([worker.sentinel for worker, _ in workers], timeout=0.2)
        if not announced and all(serves.is_set() for _, serves in workers):
            announced = True
            on_start()
        dead = [index for index, (worker, _) in enumerate(workers) if not worker.is_alive()]
        sound = ending.is_set() or all(workers[index][1].is_set() for index in dead)
        for index in dead if sound and not ending.is_set() else ():
            worker = workers[index][0]
            sys.stderr.write(f"nomos-mcp: process {worker.pid} died (exit code {worker.exitcode}); replacing it.\n")
            workers[index] = _started(work)
    listener.close()
    _end([worker for worker, _ in workers])
    return sound


def _started(work: Work) -> tuple[BaseProcess, Event]:
    serves = _CONTEXT.Event()
    worker = _CONTEXT.Process(target=_outlived_by_parent, args=(work, serves))
    worker.start()
    return worker, serves


def _outlived_by_parent(work: Work, serves: Event) -> None:
    """Work, and end when the parent was killed: nobody would end this process then, and it would keep the port."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        wait([parent.sentinel] if parent else [])
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    work(serves.set)


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
