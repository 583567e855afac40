"""What all commands share: exit codes, the layout of help texts, and how mistakes in settings are reported."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from nomos_mcp.commands.terminal import styled_help
from nomos_mcp.variables import Variable

if TYPE_CHECKING:  # loading the settings loads the client, which not every command needs
    from nomos_mcp.settings import Settings

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

EXIT_CODES: Final = "exit codes: 0 done, 1 failed, 2 wrong usage or settings"

Run = Callable[[argparse.Namespace], int]
"""Runs a command with its options and returns the exit code."""

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  see below
"""What `ArgumentParser.add_subparsers` returns; the standard library has no public name for it."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def format_help(self) -> str:
        return styled_help(super().format_help())


def new_command(
    commands: Subparsers, name: str, run: Run, *, summary: str, examples: str, exit_codes: str = EXIT_CODES
) -> argparse.ArgumentParser:
    """Add a command whose help ends with examples and exit codes.

    Args:
        commands: Where to add it.
        name: What a person types.
        run: What it does.
        summary: One line, for the list of commands and the top of the command's own help.
        examples: One line each: the command, at least two spaces, what it is for.
        exit_codes: One line.

    Returns:
        The command's parser, for its arguments.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}\n{exit_codes}\n",
        formatter_class=HelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def environment_help(variables: Sequence[Variable]) -> str:
    """Return one line for each environment variable, for a help text."""
    widest = max(len(variable.name) for variable in variables)
    return "\n".join(f"  {variable.name:<{widest}}  {variable.purpose}" for variable in variables)


def settings_or_complaint(*, demo: bool = False) -> "Settings | None":
    """Read the settings; if there are mistakes, print all of them on stderr and return None."""
    from nomos_mcp.settings import Settings, SettingsError  # noqa: PLC0415  as above

    try:
        return Settings.from_env(demo=demo)
    except SettingsError as error:
        complain(*error.problems)
        return None


def note(words: str) -> None:
    """Print on stderr what explains the output on stdout."""
    sys.stderr.write(f"{words}\n")


def complain(*problems: str) -> None:
    """Print on stderr what is wrong; stdout may belong to the protocol, or to a pipe."""
    for problem in problems:
        sys.stderr.write(f"nomos-mcp: {problem}\n")
