"""`nomos-mcp explain`: what one status, or another word of the field, means, offline."""

import argparse
import shutil
from typing import Final

from nomos_mcp.commands.command import EXIT_OK, EXIT_USAGE, Subparsers, complain, new_command, print_rows, styled

_MAX_WIDTH: Final = 110
"""Columns beyond which a line is hard to read, however wide the terminal."""


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "explain",
        run,
        summary="say what a smart meter order's status, an error code or a word of the field means, offline",
        examples="  nomos-mcp explain scheduled\n"
        "  nomos-mcp explain check_missing --language de --audience customer\n"
        "  nomos-mcp explain blocked --api-version edison\n"
        "  nomos-mcp explain MaLo\n",
    )
    parser.add_argument(
        "status",
        metavar="STATUS",
        help="a status of either API version, blocked, a reason, an error code, a word, or glossary",
    )
    # What is not given is left to the defaults of `status_lines`.
    parser.argument_default = argparse.SUPPRESS
    parser.add_argument("--language", help="en (default) or de")
    parser.add_argument("--audience", help="agent (default) or customer: only what a customer may be told")
    parser.add_argument("--api-version", help="whose status it is, such as 2026-05-27.curie (default) or edison")
    parser.add_argument("--blocked-reason", help="why it is blocked, such as check_missing")
    parser.add_argument(
        "--customer-says", choices=["already_done"], help="the message where the customer says that it is done"
    )
    parser.add_argument("--cancelled-reason", help="why it was cancelled, such as pre_existing")


def run(options: argparse.Namespace) -> int:
    """Print the explanation, or on stderr why there is none and what to ask instead."""
    from nomos_mcp.lifecycle import (  # noqa: PLC0415  a server's start does not pay for it
        LifecycleError,
        UnknownStatusError,
        status_lines,
    )

    asked = {name: value for name, value in vars(options).items() if name not in {"run", "demo"}}
    try:
        found = status_lines(**asked)
    except UnknownStatusError as error:
        if asked["status"]:
            return _print_word(**asked)
        complain(str(error))
        return EXIT_USAGE
    except LifecycleError as error:
        complain(str(error))
        return EXIT_USAGE
    print(f"{styled(found.title, 'bold')}\n")
    print_rows(found.lines, style="cyan", width=min(shutil.get_terminal_size().columns, _MAX_WIDTH))
    return EXIT_OK


def _print_word(status: str, *, language: str = "en", audience: str = "agent", **others: str) -> int:
    """Print what is said about a word that is no status."""
    from nomos_mcp.lifecycle import CURIE, LifecycleError, known_audience  # noqa: PLC0415  as above
    from nomos_mcp.server.explained_words import unknown_word, word_markdown  # noqa: PLC0415  as above

    try:
        text = word_markdown(status, language, known_audience(audience))
        if text is None:
            complain(str(unknown_word(status, others.get("api_version", CURIE))))
        elif others:
            given = ", ".join(f"--{name.replace('_', '-')}" for name in others)
            complain(f"{status} is no status, so it goes alone: leave {given} out.")
        else:
            print(text.rstrip())
            return EXIT_OK
    except LifecycleError as error:
        complain(str(error))
    return EXIT_USAGE
