"""`nomos-mcp completion`: what a shell needs to complete the command line."""

import argparse
from functools import partial

from nomos_mcp.commands.command import EXIT_OK, Subparsers, new_command

_SHELLS = ("bash", "zsh", "tcsh")


def add(commands: Subparsers, top: argparse.ArgumentParser) -> None:
    """Add the command.

    Args:
        commands: Where to add it.
        top: The whole command line, which is what gets completed.
    """
    parser = new_command(
        commands,
        "completion",
        partial(run, top),
        summary="print a script that lets a shell complete this command",
        examples='  eval "$(nomos-mcp completion bash)"                           in ~/.bashrc\n'
        "  nomos-mcp completion zsh > ~/.zfunc/_nomos-mcp                with ~/.zfunc in fpath\n",
    )
    parser.add_argument("shell", choices=_SHELLS)


def run(top: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    """Print the script."""
    import shtab  # noqa: PLC0415  only this command needs it

    print(shtab.complete(top, options.shell))
    return EXIT_OK
