"""`nomos-mcp`: finds the command and runs it. Without a command the server speaks MCP over stdin and stdout."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

from nomos_mcp import __version__
from nomos_mcp.commands import serve_mcp
from nomos_mcp.commands.command import (
    EXIT_CODES,
    EXIT_FAILED,
    EXIT_OK,
    HelpFormatter,
    Subparsers,
    environment_help,
    new_command,
)
from nomos_mcp.variables import VARIABLES

_SHELLS = ("bash", "zsh", "tcsh")

_EPILOG = f"""\
examples:
  nomos-mcp --demo      an MCP server with invented data, no credentials needed
  nomos-mcp demo        a tour for people to read: question, call, answer
  nomos-mcp config claude-desktop    what to paste where, for your assistant
  nomos-mcp doctor      what is wrong with settings, network or token, and how to fix it
  nomos-mcp http --demo the same server over HTTP, on http://127.0.0.1:8000/mcp
  nomos-mcp simulator   a fake Nomos API with invented data
  nomos-mcp explain check_missing --language de --audience customer

environment:
{environment_help(VARIABLES)}
  and those of `nomos-mcp http`: see its own --help

{EXIT_CODES}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, with these arguments instead of the process's if they are given; return its exit code."""
    # Python's own handler waits for the thread that reads stdin; the system's ends the process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    options = _options(sys.argv[1:] if arguments is None else arguments)
    try:
        code: int = options.run(options)
        if sys.stdout is not None:  # it was closed before the start
            sys.stdout.flush()
    except* BrokenPipeError:  # the reader has stopped reading, as `| head` does; a group where tasks were running
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILED
    return code


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    if not arguments or list(arguments) == ["--demo"]:  # an assistant starts this, and waits: load no commands
        return argparse.Namespace(run=serve_mcp.run_stdio_server, demo=bool(arguments))
    return parser().parse_args(arguments)


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    from nomos_mcp.commands import (  # noqa: PLC0415  see `_options`
        assistant_config,
        caller_tokens,
        demo,
        doctor,
        explain,
        history,
        orders,
        simulator,
        watch,
    )

    top = argparse.ArgumentParser(
        prog="nomos-mcp",
        description="MCP server over the Nomos energy API: smart meter orders, explained. "
        "Without a command it speaks MCP over stdin and stdout.",
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"nomos-mcp {__version__}")
    top.add_argument("--demo", action="store_true", help="answer from a built-in simulator with invented data")
    top.set_defaults(run=serve_mcp.run_stdio_server)
    commands = top.add_subparsers(metavar="command")
    for command in (
        demo,
        assistant_config,
        doctor,
        explain,
        serve_mcp,
        caller_tokens,
        watch,
        history,
        orders,
        simulator,
    ):
        command.add(commands)
    _add_completion(commands, top)
    return top


def _add_completion(commands: Subparsers, top: argparse.ArgumentParser) -> None:
    completion = new_command(
        commands,
        "completion",
        partial(_print_completion, top),
        summary="print a script that lets a shell complete this command",
        examples='  eval "$(nomos-mcp completion bash)"                           in ~/.bashrc\n'
        "  nomos-mcp completion zsh > ~/.zfunc/_nomos-mcp                with ~/.zfunc in fpath\n",
    )
    completion.add_argument("shell", choices=_SHELLS)


def _print_completion(top: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    import shtab  # noqa: PLC0415  only this command needs it

    print(shtab.complete(top, options.shell))  # noqa: T201  a command prints
    return EXIT_OK
