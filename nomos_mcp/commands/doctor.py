"""`nomos-mcp doctor`: checks everything that a start needs, and says what is wrong and how to fix it."""

import argparse
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from nomos_mcp import __version__
from nomos_mcp.commands.command import Style, Subparsers, add_demo, add_organisation, new_command, print_rows

if TYPE_CHECKING:  # only the doctor pays for what it loads
    from nomos_mcp.commands.doctor_checks import Finding

_EXIT_CODES: Final = "exit codes: 0 all is well, 1 there are warnings, 2 a check failed"
_STYLES: Final[Mapping[str, Style]] = {"ok": "green", "warning": "yellow", "failed": "red"}
_DEADLINE: Final = 120.0  # seconds; each question to Nomos has a shorter one of its own


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "doctor",
        run,
        summary="check settings, packages, database, network, token and clock, and say how to fix what is wrong",
        examples="  nomos-mcp doctor           with the settings of this shell; reads at most one order\n"
        "  nomos-mcp doctor --demo    the same with invented data, without network\n"
        "  nomos-mcp doctor --json    for programs\n"
        "\nSecrets are masked: the report can be shown to others.\n",
        exit_codes=_EXIT_CODES,
    )
    add_demo(parser, "check the built-in simulator")
    add_organisation(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    import anyio  # noqa: PLC0415  as above

    from nomos_mcp.commands.doctor_checks import settings_in_force  # noqa: PLC0415  as above

    findings: list[Finding] = []

    async def check() -> None:
        with anyio.fail_after(_DEADLINE):
            async for finding in _checks(options.organisation, demo=options.demo):
                findings.append(finding)
                if not options.json:
                    _print(finding)

    if not options.json:
        print(f"nomos-mcp {__version__}")
    anyio.run(check)
    states = {finding.state for finding in findings}
    result = next((state for state in ("failed", "warning") if state in states), "ok")
    settings = settings_in_force(os.environ, options.organisation)
    if options.json:
        checks = [asdict(finding) for finding in findings]
        report = {"version": __version__, "result": result, "checks": checks, "settings": settings}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print("\nsettings in force:")
        print_rows([(name, value or "-") for name, value in settings.items()], indent=2, style="cyan")
    return {"ok": 0, "warning": 1, "failed": 2}[result]


async def _checks(organisation: str, *, demo: bool) -> "AsyncIterator[Finding]":
    from nomos_mcp.commands import doctor_checks  # noqa: PLC0415  as above
    from nomos_mcp.commands.doctor_database_check import database_check  # noqa: PLC0415  as above
    from nomos_mcp.server.server_factory import client_of  # noqa: PLC0415  as above

    yield doctor_checks.python()
    yield doctor_checks.packages()
    settings, findings = doctor_checks.settings(os.environ, organisation, demo=demo)
    for finding in findings:
        yield finding
    if settings is None:
        return
    if doctor_checks.uses_http(os.environ):
        _show_progress("Asking the issuer ...")
        async for finding in doctor_checks.http_checks(settings):
            yield finding
    if settings.database.get_secret_value():
        _show_progress("Opening the database ...")
        yield await database_check(settings)
    async with client_of(settings) as client:
        _show_progress("Asking Nomos ...")
        async for finding in doctor_checks.nomos_checks(client, settings):
            yield finding
            _show_progress("Asking Nomos ...")
        _show_progress("")


def _print(finding: "Finding") -> None:
    _show_progress("")
    print_rows([(f"{finding.state:<7}", f"{finding.name:<8}", finding.found)], indent=2, style=_STYLES[finding.state])
    if finding.cure:
        print_rows([(" " * 7, " " * 8, f"-> {finding.cure}")], indent=2, style="bold")


def _show_progress(words: str) -> None:
    """Show on a terminal what is being waited for, in place of the words before."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()
