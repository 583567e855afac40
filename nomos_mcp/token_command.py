"""`nomos-mcp token add|list|revoke`: tokens for callers of the web service, without an identity provider."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nomos_mcp.settings_http import TOKENS_FILE

if TYPE_CHECKING:
    from nomos_mcp.service.auth.token_file import TokenFile

_EPILOG: Final = """\
The tokens are kept, as salted hashes, in the file that NOMOS_MCP_TOKENS_FILE names. A running server notices a change.

examples:
  nomos-mcp token add support-bot --customer cus_4fK2    sees this customer's objects only, may order for them
  nomos-mcp token add reporting --scopes orders:read,org sees everybody's, may not order
  nomos-mcp token list
  nomos-mcp token revoke support-bot

exit codes: 0 done, 1 failed, 2 wrong usage or settings
"""


def add_token(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    parser.epilog, parser.formatter_class = _EPILOG, argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    add = actions.add_parser("add", help="make a token and print it, once")
    add.add_argument("name", metavar="NAME", help="who will hold it; goes on record and into the log")
    add.add_argument("--customer", default="", metavar="cus_…", help="the one customer whose objects it sees")
    add.add_argument("--scopes", default="", help="of orders:read, orders:write, org, separated by commas")
    actions.add_parser("list", help="show the tokens there are, without their secrets")
    revoke = actions.add_parser("revoke", help="make a token invalid")
    revoke.add_argument("name", metavar="NAME", help="as `list` shows it")


def manage_tokens(options: argparse.Namespace) -> int:
    """Carry the action out.

    Returns:
        The exit code.
    """
    from nomos_mcp.service.auth.token_file import TokenFile, TokenFileError  # noqa: PLC0415  --help answers at once

    path = os.environ.get(TOKENS_FILE, "").strip()
    if not path:
        sys.stderr.write(f"nomos-mcp: {TOKENS_FILE}: not set. Set it to the file that the server reads.\n")
        return 2
    file = TokenFile(Path(path))
    try:
        if options.action == "add":
            _add(file, options)
        elif options.action == "revoke":
            file.revoke(options.name)
            sys.stderr.write(f"nomos-mcp: {options.name} is revoked.\n")
        else:
            _list(file)
    except TokenFileError as error:
        sys.stderr.write(f"nomos-mcp: {error}\n")
        return 1
    return 0


def _add(file: "TokenFile", options: argparse.Namespace) -> None:
    from nomos_mcp.server.callers import ORDERS_READ, ORDERS_WRITE, ORG  # noqa: PLC0415  as above

    usual = (ORDERS_READ, ORDERS_WRITE) if options.customer else (ORDERS_READ, ORG)
    scopes = [scope.strip() for scope in options.scopes.split(",") if scope.strip()] or usual
    token = file.add(options.name, scopes, options.customer)
    sys.stderr.write("nomos-mcp: this token is shown once; only its hash is kept.\n")
    print(token)


def _list(file: "TokenFile") -> None:
    for entry in file.entries():
        whose = entry.customer or "everybody"
        print(f"{entry.name:<24}  {entry.created:%Y-%m-%d}  {whose:<32}  {' '.join(entry.scopes)}")
