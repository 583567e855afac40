"""`nomos-mcp http`: the server as a web service, for many callers at once."""

import argparse

from nomos_mcp.commands.command import EXIT_CODES, EXIT_FAILED, EXIT_OK, EXIT_USAGE, Subparsers, complain, new_command
from nomos_mcp.variables import HTTP_VARIABLES

_WIDEST = max(len(variable.name) for variable in HTTP_VARIABLES)
_ENVIRONMENT = "\n".join(f"  {variable.name:<{_WIDEST}}  {variable.purpose}" for variable in HTTP_VARIABLES)
_HIGHEST_PORT = 65_535


def add(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "http",
        run,
        summary="serve over HTTP, to many callers at once; ends gently at SIGTERM and Ctrl-C",
        examples="  nomos-mcp http --demo            on http://127.0.0.1:8000/mcp, on invented data\n"
        "  nomos-mcp http --host 0.0.0.0    for other machines; takes authentication, see docs/deploy.md\n",
        exit_codes=f"environment, besides that of `nomos-mcp`:\n{_ENVIRONMENT}\n\n{EXIT_CODES}",
    )
    parser.add_argument("--host", default="127.0.0.1", help="what to bind to (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0 lets the system pick one")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes behind one port (default: 1)")
    # Without a default of its own, so that `nomos-mcp --demo http` is not undone.
    parser.add_argument(
        "--demo", action="store_true", default=argparse.SUPPRESS, help="answer from a built-in simulator"
    )


def run(options: argparse.Namespace) -> int:
    """Check what the server is started with, tell every mistake at once, and serve."""
    from nomos_mcp.settings import Settings, SettingsError  # noqa: PLC0415  --help answers at once

    problems = []
    if not 0 <= options.port <= _HIGHEST_PORT:
        problems.append(f"--port: {options.port} is no port. Use 0 to {_HIGHEST_PORT}.")
    if options.workers < 1:
        problems.append(f"--workers: {options.workers} processes cannot serve. Use 1 or more.")
    try:
        settings = Settings.from_env(demo=options.demo)
    except SettingsError as error:
        return _complained([*problems, *error.problems])
    from nomos_mcp.service.serve import serve, start_problems  # noqa: PLC0415  as above

    problems += start_problems(settings, options.host, options.workers)
    if problems:
        return _complained(problems)
    return EXIT_OK if serve(settings, options.host, options.port, options.workers) else EXIT_FAILED


def _complained(problems: list[str]) -> int:
    for problem in problems:
        complain(problem)
    return EXIT_USAGE
