"""`nomos-mcp token add|list|revoke`: tokens for callers over HTTP, without an identity provider."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nomos_mcp.commands.command import EXIT_FAILED, EXIT_OK, EXIT_USAGE, Subparsers, complain, new_command, note
from nomos_mcp.variables import ORGANISATIONS, TOKENS_FILE

if TYPE_CHECKING:  # loading it loads the whole service
    from nomos_mcp.service.token_file import TokenFile

_CUSTOMER_SCOPES: Final = "orders:read,orders:write"
_ORG_SCOPES: Final = "orders:read"


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "token",
        run,
        summary=f"make, list and revoke tokens for callers over HTTP, in the file that {TOKENS_FILE} names",
        examples="  nomos-mcp token add chat --customer cus_4fK2...           sees only this customer's objects\n"
        "  nomos-mcp token add reports --org                         sees the whole organisation, may not order\n"
        "  nomos-mcp token revoke chat                               takes effect in a running server at once\n",
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    added = actions.add_parser("add", help="make a token and print it, once")
    added.add_argument("name", metavar="NAME", help="who will hold it; appears in the audit log and the access log")
    whose = added.add_mutually_exclusive_group(required=True)
    whose.add_argument("--customer", default="", metavar="cus_…", help="the one customer whose objects it sees")
    whose.add_argument("--org", action="store_true", help="sees the objects of the whole organisation")
    added.add_argument(
        "--scopes", default="", help=f"default: {_CUSTOMER_SCOPES} for one customer, {_ORG_SCOPES} with --org"
    )
    added.add_argument("--organisation", default="", metavar="NAME", help=f"whose caller, as in {ORGANISATIONS}")
    actions.add_parser("list", help="show all tokens, without their secrets")
    revoked = actions.add_parser("revoke", help="make a token invalid")
    revoked.add_argument("name", metavar="NAME", help="as `list` shows it")


def run(options: argparse.Namespace) -> int:
    from nomos_mcp.service.token_file import TokenFile, TokenFileError  # noqa: PLC0415  --help answers at once

    path = os.environ.get(TOKENS_FILE, "").strip()
    if not path:
        complain(f"{TOKENS_FILE}: not set. Set it to the file that the server reads.")
        return EXIT_USAGE
    file = TokenFile(Path(path))
    try:
        if options.action == "add":
            _add(file, options)
        elif options.action == "revoke":
            file.revoke(options.name)
            note(f"{options.name} is revoked.")
        else:
            _list(file)
    except TokenFileError as error:
        complain(str(error))
        return EXIT_FAILED
    return EXIT_OK


def _add(file: "TokenFile", options: argparse.Namespace) -> None:
    default = _ORG_SCOPES if options.org else _CUSTOMER_SCOPES
    scopes = [scope.strip() for scope in (options.scopes or default).split(",")]
    token = file.add(options.name, [*scopes, "org"] if options.org else scopes, options.customer, options.organisation)
    note("This token is shown once; only its hash is kept.")
    print(token)


def _list(file: "TokenFile") -> None:
    for entry in file.entries():
        whose = " ".join(filter(None, (entry.organisation, entry.customer or "organisation")))
        print(f"{entry.name:<24}  {entry.created:%Y-%m-%d}  {whose:<32}  {' '.join(entry.scopes)}")
