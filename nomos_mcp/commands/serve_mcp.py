"""Serving MCP: over stdin and stdout, which is what an assistant starts, and `nomos-mcp http`, for many callers."""

import argparse
import gc
import logging

from nomos_mcp.commands.command import (
    EXIT_CODES,
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Subparsers,
    add_demo,
    complain,
    environment_help,
    new_command,
    settings_or_complaint,
)
from nomos_mcp.stderr import StderrHandler
from nomos_mcp.variables import HTTP_VARIABLES

_HIGHEST_PORT = 65_535


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "http",
        _run_http_server,
        summary="serve over HTTP, to many callers at once; shuts down gracefully at SIGTERM and Ctrl-C",
        examples="  nomos-mcp http --demo            on http://127.0.0.1:8000/mcp, with invented data\n"
        "  nomos-mcp http --host 0.0.0.0    for other machines; needs authentication, see docs/deploy.md\n",
        exit_codes=f"environment, besides that of `nomos-mcp`:\n{environment_help(HTTP_VARIABLES)}\n\n{EXIT_CODES}",
    )
    parser.add_argument("--host", default="127.0.0.1", help="what to bind to (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0 lets the system pick one")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes behind one port (default: 1)")
    add_demo(parser, "answer from a built-in simulator")


def run_stdio_server(options: argparse.Namespace) -> int:
    """Serve over stdin and stdout until one of them is closed. stdout carries the protocol only."""
    logging.basicConfig(level=logging.WARNING, handlers=[StderrHandler()])
    # What is loaded here lasts as long as the process. Collecting it as garbage again and again would slow down the
    # start, and once more at exit would take longer than everything else that the process does then.
    gc.disable()
    try:
        settings = settings_or_complaint(demo=options.demo)
        if settings is None:
            return EXIT_USAGE
        # --help, --version and mistakes answer at once
        from nomos_mcp.server import create_server  # noqa: PLC0415
        from nomos_mcp.server.stdio_transport import run_stdio  # noqa: PLC0415

        server = create_server(settings)
    finally:
        gc.freeze()
        gc.enable()
    run_stdio(server)
    return EXIT_OK


def _run_http_server(options: argparse.Namespace) -> int:
    """Check the options and settings, report every mistake at once, and serve."""
    from nomos_mcp.settings import Settings, SettingsError  # noqa: PLC0415  --help answers at once

    problems = []
    if not 0 <= options.port <= _HIGHEST_PORT:
        problems.append(f"--port: {options.port} is not a port. Use 0 to {_HIGHEST_PORT}.")
    if options.workers < 1:
        problems.append(f"--workers: {options.workers} processes cannot serve. Use 1 or more.")
    try:
        settings = Settings.from_env(demo=options.demo)
    except SettingsError as error:
        complain(*problems, *error.problems)
        return EXIT_USAGE
    from nomos_mcp.service.http_server import serve, start_problems  # noqa: PLC0415  as above

    problems += start_problems(settings, options.host, options.workers)
    if problems:
        complain(*problems)
        return EXIT_USAGE
    return EXIT_OK if serve(settings, options.host, options.port, options.workers) else EXIT_FAILED
