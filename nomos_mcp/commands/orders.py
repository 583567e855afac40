"""`nomos-mcp orders`: the record of attempts to order in PostgreSQL, and settling those whose outcome is not known."""

import argparse
import getpass
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from nomos_mcp.commands.command import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Subparsers,
    add_organisation,
    complain,
    new_command,
    note,
    number,
    print_rows,
    settings_or_complaint,
)
from nomos_mcp.commands.exporting import add_export, exit_code_of, export, output
from nomos_mcp.variables import AUDIT_FILE, CLIENT_ID, DATABASE, POSTGRESQL_URLS

if TYPE_CHECKING:  # loads SQLAlchemy; --help answers at once
    from nomos_mcp.client import NomosClient
    from nomos_mcp.replicas.order_attempts import OrderAttempt, OrderAttempts
    from nomos_mcp.settings import Settings

_MANY: Final = 1_000_000_000_000
_HEADINGS: Final = ("NUMBER", "BEGAN (UTC)", "SUBSCRIPTION", "CALLER", "OUTCOME", "ORDER", "")
_SHOWN: Final = 100  # attempts at one subscription
_WITH_ID: Final = {
    "subscription": "subscription",
    "meter order": "order",
}  # kinds of IDs, and the options that take one
_NO_PERSON: Final = {"", "look", "reconcile"}  # what stands there if no person closed an attempt


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "orders",
        run,
        summary=f"the record of attempts to order, in the PostgreSQL database that {DATABASE} names",
        examples="  nomos-mcp orders list --open             whose outcome is not known\n"
        "  nomos-mcp orders show 4711               all about one attempt, or about those at a sub_…\n"
        "  nomos-mcp orders reconcile               look for the orders of all open attempts\n"
        "  nomos-mcp orders reconcile 4711 --as not-ordered    close one by your word\n"
        "  nomos-mcp orders export --format csv --output orders.csv\n",
    )
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    listed = actions.add_parser("list", help="print attempts, newest first")
    listed.add_argument("--open", action="store_true", help="only those whose outcome is not known")
    listed.add_argument("--subscription", metavar="sub_…", help="only those at this subscription")
    listed.add_argument("--limit", type=number(1, 10_000), default=20, metavar="N", help="default: 20")
    shown = actions.add_parser("show", help="print all about an attempt")
    shown.add_argument("attempt", metavar="NUMBER", help="the attempt's number, or sub_… for all at a subscription")
    settled = actions.add_parser("reconcile", help="look for the orders of open attempts, and close those found")
    settled.add_argument(
        "attempts", nargs="*", type=number(1, _MANY), metavar="NUMBER", help="by default all open ones"
    )
    settled.add_argument(
        "--as", dest="word", choices=["ordered", "not-ordered"], help="close this attempt by your word"
    )
    settled.add_argument("--order", metavar="prdo_…", help="with --as ordered: the order")
    settled.add_argument("--by", metavar="NAME", help="with --as: who says so (default: the login name)")
    exported = actions.add_parser("export", help="print all attempts, oldest first")
    add_export(exported)
    for each in (listed, shown, settled, exported):
        add_organisation(each)


def run(options: argparse.Namespace) -> int:
    settings = settings_or_complaint(organisation=options.organisation)
    if settings is None:
        return EXIT_USAGE
    if problems := [*_option_problems(options), *_setting_problems(settings, options)]:
        complain(*problems)
        return EXIT_USAGE

    import anyio  # noqa: PLC0415  --help answers at once

    return anyio.run(_run, settings, options)


def _option_problems(options: argparse.Namespace) -> list[str]:
    from nomos_mcp.client.errors import InvalidRequestError  # noqa: PLC0415  as above
    from nomos_mcp.client.ids import checked  # noqa: PLC0415  as above

    problems = []
    with_id = [(kind, getattr(options, name, None)) for kind, name in _WITH_ID.items()]
    if options.action == "show" and not options.attempt.isdecimal():
        with_id.append(("subscription", options.attempt))
    for kind, value in with_id:
        try:
            _ = value is None or checked(value, kind)
        except InvalidRequestError as error:
            problems.append(str(error))
    if options.action != "reconcile":
        return problems
    if options.word and len(options.attempts) != 1:
        problems.append("--as: it is one person's word about one attempt. Name that attempt's number, and no other.")
    if options.by is not None and not options.word:
        problems.append("--by: says who closes an attempt by their word. Use it with --as.")
    if options.by is not None and options.by.strip() in _NO_PERSON:
        problems.append(f"--by: {options.by!r} names no person. Say who closes the attempt.")
    if options.order and options.word != "ordered":
        problems.append("--order: names the order that was made. Use it with --as ordered.")
    return problems


def _setting_problems(settings: "Settings", options: argparse.Namespace) -> list[str]:
    if not settings.database.get_secret_value().startswith(POSTGRESQL_URLS):
        elsewhere = f"so attempts to order are on stderr and in {AUDIT_FILE} only"
        return [f"{DATABASE}: names no PostgreSQL database, {elsewhere}. Set it to the database that the servers use."]
    if options.action == "reconcile" and not settings.has_credentials:
        return [f"{CLIENT_ID}: not set. Looking for orders at Nomos takes credentials."]
    return []


def _attempts_of(settings: "Settings") -> "OrderAttempts":
    from urllib.parse import urlsplit  # noqa: PLC0415  as above

    from nomos_mcp.database.database import Database  # noqa: PLC0415  as above
    from nomos_mcp.replicas.order_attempts import OrderAttempts  # noqa: PLC0415  as above

    return OrderAttempts(Database(settings.database, settings.organisation), urlsplit(settings.base_url).netloc)


async def _run(settings: "Settings", options: argparse.Namespace) -> int:
    attempts = _attempts_of(settings)
    works = {
        "list": lambda: _list(attempts, options),
        "show": lambda: _show(attempts, options.attempt),
        "export": lambda: _export(attempts, options),
        "reconcile": lambda: _reconcile(attempts, settings, options),
    }
    try:
        return await exit_code_of(works[options.action](), getattr(options, "output", None))
    finally:
        await attempts.database.aclose()


async def _list(attempts: "OrderAttempts", options: argparse.Namespace) -> int:
    from nomos_mcp.client.http_messages import cleaned  # noqa: PLC0415  as above

    found = await attempts.newest(
        limit=options.limit + 1, subscription_id=options.subscription or "", only_open=options.open
    )
    if not found:
        note("No attempt is open." if options.open else "No attempts.")
        return EXIT_OK
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for each in found[: options.limit]:
        outcome = f"{each.outcome} ({each.reason})" if each.reason else each.outcome
        open_ = "open" if each.is_open else ""
        began = f"{each.began_at:%Y-%m-%d %H:%M:%S}"
        cells = (str(each.number), began, each.subscription_id, each.caller, outcome, each.order_id, open_)
        rows.append(tuple(map(cleaned, cells)))
    print_rows(rows, style="bold")
    if len(found) > options.limit:
        note(f"There are more than these {options.limit}: see --limit.")
    return EXIT_OK


async def _show(attempts: "OrderAttempts", which: str) -> int:
    from nomos_mcp.client.http_messages import cleaned  # noqa: PLC0415  as above

    by_number = which.isdecimal()
    found = (
        await attempts.newest(limit=1, number=min(int(which[:20]), _MANY))
        if by_number
        else await attempts.newest(limit=_SHOWN, subscription_id=which)
    )
    if not found or which == "0":
        complain(f"no attempt {'has the number' if by_number else 'is recorded for'} {which}.")
        return EXIT_FAILED
    for index, each in enumerate(found):
        rows = [(name.replace("_", " "), cleaned(str(getattr(each, name) or ""))) for name in _exported(each)]
        rows = [row for row in rows if row[1]]
        if index:
            print()
        print_rows([*rows, ("this means", _meaning(each))], style="bold")
    return EXIT_OK


def _meaning(attempt: "OrderAttempt") -> str:
    from nomos_mcp.replicas.reconciliation import YOUNG  # noqa: PLC0415  as above

    if attempt.is_open:
        return (
            "The order may exist or not. Nothing else is sent for the subscription until `nomos-mcp orders reconcile` "
            "finds the order, or a person closes the attempt with --as."
        )
    if attempt.outcome == "begun":
        return "It is under way." if attempt.age < YOUNG else "Its process ended before anything was sent."
    if attempt.sent_at is None:
        return "This attempt sent nothing."
    return f"It is closed{f', by {attempt.closed_by}' if attempt.closed_by else ''}."


def _exported(kind: "type[OrderAttempt] | OrderAttempt") -> list[str]:
    return [each.name for each in fields(kind) if each.name != "age"]


async def _export(attempts: "OrderAttempts", options: argparse.Namespace) -> int:
    from nomos_mcp.replicas.order_attempts import OrderAttempt  # noqa: PLC0415  as above

    with output(options.output) as file:
        exported = await export(attempts.exported(), _exported(OrderAttempt), options.format, file)
    note(f"Attempts exported: {exported}")
    return EXIT_OK


async def _reconcile(attempts: "OrderAttempts", settings: "Settings", options: argparse.Namespace) -> int:
    from nomos_mcp.server.server_factory import client_of  # noqa: PLC0415  as above

    found, code = [], EXIT_OK
    for wanted in options.attempts:
        named = await attempts.newest(limit=1, number=wanted)
        if not named:
            complain(f"no attempt has the number {wanted}.")
            code = EXIT_FAILED
        elif not named[0].is_open:
            complain(f"attempt {wanted} is not open; its outcome is {named[0].outcome}. Nothing was changed.")
            code = EXIT_FAILED if options.word else code
        found += [each for each in named if each.is_open]
    if not options.attempts:
        found = await attempts.newest(limit=_MANY, only_open=True)
        note(f"Open attempts: {len(found)}")
    async with client_of(settings) as client:  # which shares the rate limit with the servers
        for each in reversed(found):
            if each.host != attempts.host:
                complain(
                    f"attempt {each.number} was sent to {each.host}. Set NOMOS_BASE_URL to that host to settle it."
                )
                code = EXIT_FAILED
            elif options.word:
                code = max(code, await _close(each, attempts, client, options))
            else:
                code = max(code, await _look_for(each, attempts, client))
    return code


async def _look_for(attempt: "OrderAttempt", attempts: "OrderAttempts", client: "NomosClient") -> int:
    from nomos_mcp.client import NomosError  # noqa: PLC0415  as above
    from nomos_mcp.replicas.reconciliation import reconciled  # noqa: PLC0415  as above

    what = f"{attempt.number}  {attempt.subscription_id}  "
    try:
        look = await reconciled(attempt, attempts, client)
    except NomosError as error:
        complain(f"attempt {attempt.number}: its order could not be looked for, so it stays open. {error}")
        return EXIT_FAILED
    if look.order is not None:
        print(f"{what}closed: the order {look.order.id} is there, with status {look.order.status}")
        return EXIT_OK
    print(f"{what}stays open: it was sent, or about to be, {_ago(attempt.age)}, and Nomos shows no order")
    if look.interest:
        print(f"  Nomos shows a customer's interest, {', '.join(look.interest)}, which may be this order.")
    print(
        "  Look again later, or ask support@nomos.energy whether the order exists. Then close it with your word:\n"
        f"  nomos-mcp orders reconcile {attempt.number} --as ordered --order prdo_…\n"
        f"  nomos-mcp orders reconcile {attempt.number} --as not-ordered"
    )
    return EXIT_OK


async def _close(
    attempt: "OrderAttempt", attempts: "OrderAttempts", client: "NomosClient", options: argparse.Namespace
) -> int:
    """Close an attempt by a person's word, unless Nomos shows what is true."""
    from nomos_mcp.client import NomosError  # noqa: PLC0415  as above
    from nomos_mcp.replicas.reconciliation import YOUNG, close_by_word, reconciled  # noqa: PLC0415  as above

    try:
        look = await reconciled(attempt, attempts, client)
    except NomosError as error:
        complain(f"attempt {attempt.number}: nothing was closed, since Nomos could not be asked first. {error}")
        return EXIT_FAILED
    if look.order is not None:
        print(f"{attempt.number}  {attempt.subscription_id}  closed as ordered: Nomos shows the order {look.order.id}")
        return EXIT_OK if options.word == "ordered" else EXIT_FAILED
    if attempt.age < YOUNG:
        wait = int(YOUNG - attempt.age) + 1
        opened = f"attempt {attempt.number} was opened {_ago(attempt.age)}"
        complain(f"{opened}, and its process may still be at work. Try again in {wait} seconds.")
        return EXIT_FAILED
    by = options.by or _login_name()
    if not await close_by_word(attempt, attempts, options.word, options.order or "", by):
        complain(f"attempt {attempt.number} was closed meanwhile. Nothing was changed.")
        return EXIT_FAILED
    print(f"{attempt.number}  {attempt.subscription_id}  closed as {options.word}, by {by}")
    return EXIT_OK


def _ago(seconds: float) -> str:
    minutes, days = int(seconds / 60), int(seconds / 86_400)
    if days:
        return f"{days} days ago" if days > 1 else "a day ago"
    return f"{minutes} minutes ago" if minutes > 1 else f"{int(seconds)} seconds ago"


def _login_name() -> str:
    with suppress(OSError, KeyError, ImportError):  # a container may run as a user without a name
        return getpass.getuser()
    return "somebody"
