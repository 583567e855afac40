"""`nomos-mcp http`: checks the options, binds the port, and serves with one process or several."""

import asyncio
import contextlib
import gc
import logging
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from nomos_mcp.authentication_settings import PATH
from nomos_mcp.client.trusted_hosts import is_loopback
from nomos_mcp.service.connection_timeouts import raise_file_limit
from nomos_mcp.service.graceful_shutdown import GracefulServer
from nomos_mcp.service.http_app import create_http_app
from nomos_mcp.service.http_limits import BACKLOG, STOP_WITHIN
from nomos_mcp.service.organisation import choice_problems
from nomos_mcp.service.telemetry import telemetry
from nomos_mcp.service.token_file import TokenFile, TokenFileError
from nomos_mcp.settings import Settings, watch_problems
from nomos_mcp.stderr import StderrHandler
from nomos_mcp.variables import AUTH_ISSUER, CLIENT_ID, STATE_KEY, TOKENS_FILE, WATCH_EVERY

_GRACE: Final = 5.0
_CONTEXT: Final = multiprocessing.get_context("spawn")

Serve = Callable[[Callable[[], object]], object]
"""Serves until SIGTERM; calls its argument once it accepts connections."""


def start_problems(settings: Settings, host: str, workers: int) -> list[str]:
    problems = []
    if not is_loopback(host) and not settings.http.authenticates:
        problems.append(
            f"--host {host}: other machines could call without authentication. Set {AUTH_ISSUER} or "
            f"{TOKENS_FILE}, or bind to 127.0.0.1."
        )
    if workers > 1 and settings.demo:
        problems.append("--workers: the invented data of --demo is in one process. Leave out one of the two options.")
    if workers > 1 and not settings.state_key.get_secret_value():
        problems.append(
            f"{STATE_KEY}: not set, and several processes have to share it: the answer to a question of one may reach "
            "another. Set it to at least 32 random bytes."
        )
    problems += choice_problems(settings)
    if settings.http.watch_every and not settings.demo:
        chosen = [settings.of(each.name) for each in settings.http.organisations] or [settings]
        problems += [
            f"{WATCH_EVERY}: {each.organisation and f'organisation {each.organisation}: '}{problem}"
            for each in chosen
            for problem in watch_problems(each)
        ]
    if settings.http.tokens_file:
        try:
            TokenFile(Path(settings.http.tokens_file)).entries()
        except TokenFileError as error:
            problems.append(f"{TOKENS_FILE}: {error}")
    if settings.database.get_secret_value() and not settings.demo:
        problems += _database_problems(settings)
    return problems


def _database_problems(settings: Settings) -> list[str]:
    """Connect to PostgreSQL once: a pooler is a mistake, while a database that is away is only warned of."""
    from nomos_mcp.database.database import Database  # noqa: PLC0415  loads SQLAlchemy
    from nomos_mcp.database.errors import PooledError, reason_of  # noqa: PLC0415  as above
    from nomos_mcp.database.postgresql import connect  # noqa: PLC0415  as above

    async def look() -> None:
        (await connect(settings.database)).terminate()

    if not Database(settings.database).is_postgresql:
        return []
    try:
        asyncio.run(look())
    except Exception as error:  # noqa: BLE001  the driver's are of many kinds, and their texts quote
        if isinstance(getattr(error, "orig", None), PooledError | ModuleNotFoundError):
            return [reason_of(error)]
        sys.stderr.write(
            f"nomos-mcp: {reason_of(error)} It is looked for again and again; until then nothing can be ordered.\n"
        )
    return []


def serve(settings: Settings, host: str, port: int, workers: int) -> bool:
    """Serve until SIGTERM or SIGINT, if `start_problems` finds nothing; return whether it served at all."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        sys.stderr.write(f"nomos-mcp: cannot listen on {host} port {port}: {error.strerror}.\n")
        return False
    with contextlib.closing(listener):
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}{PATH}"
        if not (settings.demo or settings.has_credentials or settings.http.organisations):
            sys.stderr.write(
                f"nomos-mcp: no Nomos credentials are set ({CLIENT_ID}); most calls will fail and say so.\n"
            )
        serve_once = partial(_serve, settings, listener, workers)
        on_start = partial(sys.stderr.write, f"nomos-mcp: listening on {url}\n")
        return serve_once(on_start) if workers == 1 else run_workers(serve_once, listener, workers, on_start)


def _serve(settings: Settings, listener: socket.socket, processes: int, on_start: Callable[[], object]) -> bool:
    logging.basicConfig(level=logging.WARNING, handlers=[StderrHandler()])
    with telemetry(processes) as (metrics, routes):
        app = create_http_app(settings, processes=processes, metrics=metrics)
        app.router.routes.extend(routes)
        raise_file_limit()
        import_module("httpcore")  # httpx would load it with the first call, which would take 200 ms longer
        gc.collect()
        gc.freeze()  # what is loaded by now stays; without it a collection takes no noticeable time
        server = GracefulServer(app, on_start=on_start, on_stop=app.state.begin_shutdown)
        server.run(sockets=[listener])
    return server.started


def run_workers(work: Serve, listener: socket.socket, count: int, on_start: Callable[[], object]) -> bool:
    """Serve with several processes until SIGTERM or SIGINT. One that dies is replaced.

    uvicorn's own supervisor waits for its processes without a limit; when it is killed, they live on and keep the port.

    Returns:
        False if a process died before it served: the next one would too.
    """
    ending = threading.Event()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    workers = [_start_worker(work) for _ in range(count)]
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
            workers[index] = _start_worker(work)
    listener.close()  # so that nobody connects who would get no answer
    _end_workers([worker for worker, _ in workers])
    return sound


def _start_worker(work: Serve) -> tuple[BaseProcess, Event]:
    serves = _CONTEXT.Event()
    worker = _CONTEXT.Process(target=_run_worker, args=(work, serves))
    worker.start()
    return worker, serves


def _run_worker(work: Serve, serves: Event) -> None:
    """Serve, and end when the parent was killed: otherwise this process would keep the port for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        wait([parent.sentinel] if parent else [])
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    work(serves.set)


def _end_workers(workers: list[BaseProcess]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    ends = time.monotonic() + STOP_WITHIN + _GRACE
    for worker in workers:
        worker.join(max(0.0, ends - time.monotonic()))
        if worker.is_alive():
            worker.kill()
            worker.join()
