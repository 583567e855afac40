"""`nomos-mcp http`: the server as a web service. Cheap to load; what it runs with is imported when it runs."""

import argparse
import sys
from typing import Final

_EPILOG: Final = """\
examples:
  nomos-mcp http --demo            on http://127.0.0.1:8000/mcp, on invented data
  nomos-mcp http --host 0.0.0.0    for other machines; takes authentication, see docs/deploy.md

It ends gently at SIGTERM and Ctrl-C: what was taken is finished, within 30 seconds.

exit codes: 0 done, 1 failed, 2 wrong usage or settings
"""


def add_http(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.epilog, parser.formatter_class = _EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1", help="what to bind to (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="0 picks a free one (default: 8000)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes behind one port (default: 1)")
    # Without a default of its own, so that `nomos-mcp --demo http` is not undone.
    parser.add_argument(
        "--demo", action="store_true", default=argparse.SUPPRESS, help="answer from a built-in simulator"
    )


def serve_http(options: argparse.Namespace) -> int:
    """Check what the server is started with, and serve.

    Returns:
        The exit code.
    """
    from nomos_mcp.settings import Settings, SettingsError  # noqa: PLC0415  --help answers at once

    problems = []
    if not 0 <= options.port <= 65535:  # noqa: PLR2004  the highest port
        problems.append(f"--port: {options.port} is no port. Use 0 to 65535.")
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
    return 0 if serve(settings, options.host, options.port, options.workers) else 1


def _complained(problems: list[str]) -> int:
    for problem in problems:
        sys.stderr.write(f"nomos-mcp: {problem}\n")
    return 2
