"""What all commands share: exit codes, the layout of help texts, colours and columns, and reporting mistakes.

Colours not by rich: wherever that is installed, the MCP SDK loads it, which would add 36 ms to each start of a server.
"""

import argparse
import errno
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from nomos_mcp.variables import ORGANISATIONS, Variable

if TYPE_CHECKING:  # loading the settings loads the client, which not every command needs
    from nomos_mcp.settings import Settings

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2

EXIT_CODES: Final = "exit codes: 0 done, 1 failed, 2 wrong usage or settings"

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  see below
"""What `ArgumentParser.add_subparsers` returns; the standard library has no public name for it."""

Style = Literal["bold", "red", "green", "yellow", "cyan"]

_CODES: Final[dict[Style, int]] = {"bold": 1, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_HELP: Final = re.compile(r"(?m)^(?P<bold>[a-z][^\n:]*:)|(?<![\w-])(?P<cyan>--?[a-z][\w-]*)|(?P<green>\bNOMOS_\w+)")
_PORT_PROBLEMS: Final = {
    errno.EADDRINUSE: "it is in use. Choose another one with --port, or --port 0 for any that is free",
    errno.EACCES: "this user may not use it. Choose one above 1023 with --port",
}
_UNLIMITED: Final = 100_000


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def format_help(self) -> str:
        """Put headings, options and variables in colour; argparse does so from 3.14."""
        text = super().format_help()
        if sys.version_info >= (3, 14) or not _has_colours():
            return text
        return _HELP.sub(lambda found: f"\x1b[{_CODES[found.lastgroup]}m{found[0]}\x1b[0m", text)  # type: ignore[index]


def new_command(
    commands: Subparsers,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str,
    examples: str,
    exit_codes: str = EXIT_CODES,
) -> argparse.ArgumentParser:
    """Add a command, described by its summary, whose help ends with examples and exit codes; return its parser."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}\n{exit_codes}\n",
        formatter_class=HelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_demo(parser: argparse.ArgumentParser, words: str) -> None:
    """Add `--demo`, without a default of its own, so that `nomos-mcp --demo http` is not undone."""
    parser.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help=words)


def number(least: int, most: int) -> Callable[[str], int]:
    """Return what reads an option that is a number within bounds."""

    def read(text: str) -> int:
        with suppress(ValueError):
            if least <= (value := int(text)) <= most:
                return value
        raise argparse.ArgumentTypeError(f"use a number from {least} to {most}")

    return read


def port_problem(error: OSError) -> str:
    """Return why a port cannot be used, to follow its name."""
    return f"cannot be used: {_PORT_PROBLEMS.get(error.errno or 0, error.strerror)}"


def environment_help(variables: Sequence[Variable]) -> str:
    widest = max(len(variable.name) for variable in variables)
    return "\n".join(f"  {variable.name:<{widest}}  {variable.purpose}" for variable in variables)


def add_organisation(parser: argparse.ArgumentParser) -> None:
    """Add `--organisation`, for `settings_or_complaint`."""
    words = f"which one of those that {ORGANISATIONS} names; needed if that is set"
    parser.add_argument("--organisation", default="", metavar="NAME", help=words)


def settings_or_complaint(*, demo: bool = False, organisation: str | None = None) -> "Settings | None":
    """Read the settings; if there are mistakes, print all of them on stderr and return None.

    Args:
        demo: Whether all data is invented.
        organisation: What `add_organisation` has read; None for a command that works for a single one.
    """
    from nomos_mcp.settings import Settings, SettingsError  # noqa: PLC0415  as above

    try:
        settings = Settings.from_env(demo=demo)
        if organisation is not None or not settings.http.organisations:
            return settings.of(organisation or "")
        complain(f"{ORGANISATIONS}: set, and this command works for a single one. Unset it here.")
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


def _has_colours() -> bool:
    """Whether stdout is a terminal that understands colours, and its user has not turned them off."""
    terminal = sys.stdout is not None and sys.stdout.isatty()
    terminal = terminal and (sys.platform != "win32" or "WT_SESSION" in os.environ)
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: Style) -> str:
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if _has_colours() else text


def print_rows(rows: Sequence[Sequence[str]], *, indent: int = 0, style: Style, width: int | None = None) -> None:
    """Print rows in aligned columns: the first one gets the style, the last one is wrapped.

    The width is that of everything; by default the terminal's, and unlimited in a pipe.
    """
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else _UNLIMITED
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    start = indent + sum(each + 2 for each in widths)
    for row in rows:
        first, *others = (cell.ljust(each) for cell, each in zip(row, widths, strict=False))
        lines = textwrap.wrap(row[-1], max(width - start, 1), break_long_words=False, break_on_hyphens=False)
        print(" " * indent + "  ".join([styled(first, style), *others, f"\n{' ' * start}".join(lines)]), flush=True)
