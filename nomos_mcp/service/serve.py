"""`nomos-mcp http`: checks that serving makes sense, binds, and serves with one process or several."""

import contextlib
import gc
import logging
import socket
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

from nomos_mcp.client.trusted_hosts import is_loopback
from nomos_mcp.service.app import create_http_app
from nomos_mcp.service.auth.token_file import TokenFile, TokenFileError
from nomos_mcp.service.constants import BACKLOG, MAX_FILES
from nomos_mcp.service.gentle import GentleServer
from nomos_mcp.service.telemetry import telemetry
from nomos_mcp.service.workers import run_workers
from nomos_mcp.settings import Settings
from nomos_mcp.settings_http import PATH
from nomos_mcp.stderr import StderrHandler
from nomos_mcp.variables import AUTH_ISSUER, CLIENT_ID, STATE_KEY, TOKENS_FILE


def start_problems(settings: Settings, host: str, workers: int) -> list[str]:
    """Return why the server must not be started like this: what is wrong, why, and the cure.

    Args:
        settings: Read without mistakes.
        host: What to bind to.
        workers: How many processes.
    """
    problems = []
    if not is_loopback(host) and not settings.http.authenticates:
        problems.append(
            f"--host {host}: other machines could call, and nobody would be asked who they are. Set {AUTH_ISSUER} or "
            f"{TOKENS_FILE}, or bind to 127.0.0.1."
        )
    if workers > 1 and settings.demo:
        problems.append("--workers: the invented data lives in one process. Leave --workers out, or --demo.")
    if workers > 1 and not settings.state_key.get_secret_value():
        problems.append(
            f"{STATE_KEY}: not set, and several processes have to share it: a question that one asks is answered to "
            "another. Set it to at least 32 random bytes."
        )
    if settings.http.tokens_file:
        try:
            TokenFile(Path(settings.http.tokens_file)).entries()
        except TokenFileError as error:
            problems.append(f"{TOKENS_FILE}: {error}")
    return problems


def serve(settings: Settings, host: str, port: int, workers: int) -> bool:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: For which `start_problems` finds nothing.
        host: What to bind to.
        port: 0 picks a free one.
        workers: How many processes.

    Returns:
        Whether it served at all.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        sys.stderr.write(f"nomos-mcp: cannot listen on {host} port {port}: {error.strerror}.\n")
        return False
    with contextlib.closing(listener):
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}{PATH}"
        if not (settings.demo or settings.has_credentials):
            sys.stderr.write(f"nomos-mcp: no Nomos credentials are set ({CLIENT_ID}); most calls will say so.\n")
        work = partial(_serve, settings, listener, workers)
        on_start = partial(sys.stderr.write, f"nomos-mcp: listening on {url}\n")
        return work(on_start) if workers == 1 else run_workers(work, listener, workers, on_start)


def _serve(settings: Settings, listener: socket.socket, processes: int, on_start: Callable[[], object]) -> bool:
    """Serve with this process, one of so many; return whether it served at all."""
    logging.basicConfig(level=logging.WARNING, handlers=[StderrHandler()])
    with telemetry():
        app = create_http_app(settings, processes=processes)
        _raise_file_limit()
        _load()
        gc.collect()
        gc.freeze()  # what is loaded by now stays: without it a collection takes no noticeable time
        server = GentleServer(app, on_start=on_start, on_stop=app.state.stop_ordering)
        server.run(sockets=[listener])
    return server.started


def _raise_file_limit() -> None:
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415  not on Windows

        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MAX_FILES if most == resource.RLIM_INFINITY else min(most, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, wanted), most))


def _load() -> None:
    """Load what the client loads with its first request, so that a process that replaces another is as quick."""
    import_module("httpcore")
