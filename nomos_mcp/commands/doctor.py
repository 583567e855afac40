"""`nomos-mcp doctor`: looks at everything that a start needs, and says what is wrong and what helps."""

import argparse
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from nomos_mcp import __version__
from nomos_mcp.commands.command import Subparsers, new_command

if TYPE_CHECKING:  # a start does not pay for what only the doctor needs
    from nomos_mcp.commands.doctor_checks import Finding, State

_EXIT_CODES: Final = "exit codes: 0 all is well, 1 something deserves a look, 2 something has failed"
_COLOURS: Final = {"ok": "32", "warning": "33", "failed": "31"}
_DEADLINE: Final = 120.0  # seconds; each question to Nomos has a shorter one of its own


def add(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "doctor",
        run,
        summary="look at settings, packages, network, token and clock, and say what helps",
        examples="  nomos-mcp doctor           with the settings of this shell; reads at most one order\n"
        "  nomos-mcp doctor --demo    the same with invented data, without network\n"
        "  nomos-mcp doctor --json    for programs\n"
        "\nSecrets are masked: the report can be shown to others.\n",
        exit_codes=_EXIT_CODES,
    )
    parser.add_argument("--demo", action="store_true", default=argparse.SUPPRESS, help="look at the built-in simulator")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Look, and print what was found."""
    import anyio  # noqa: PLC0415  as above

    from nomos_mcp.commands.doctor_checks import worst  # noqa: PLC0415  as above

    findings: list[Finding] = []

    async def look() -> None:
        with anyio.fail_after(_DEADLINE):
            async for finding in _visit(demo=options.demo):
                findings.append(finding)
                if not options.json:
                    _show(finding)

    if not options.json:
        print(f"nomos-mcp {__version__}")
    anyio.run(look)
    result = worst(findings)
    if options.json:
        _print_json(findings, result)
    else:
        _print_settings()
    return {"ok": 0, "warning": 1, "failed": 2}[result]


async def _visit(*, demo: bool) -> "AsyncIterator[Finding]":
    from nomos_mcp.commands import doctor_checks, doctor_http_checks  # noqa: PLC0415  as above
    from nomos_mcp.server.server_factory import client_of  # noqa: PLC0415  as above

    yield doctor_checks.python()
    yield doctor_checks.packages()
    settings, findings = doctor_checks.settings(os.environ, demo=demo)
    for finding in findings:
        yield finding
    if settings is None:
        return
    if doctor_checks.serves_http(os.environ):
        _announce("Asking the issuer ...")
        async for finding in doctor_http_checks.visit(settings.http):
            _announce("")
            yield finding
    async with client_of(settings) as client:
        _announce("Asking Nomos ...")
        async for finding in doctor_checks.visit(client, settings):
            _announce("")
            yield finding
            _announce("Asking Nomos ...")
        _announce("")


def _show(finding: "Finding") -> None:
    print(f"  {_coloured(finding.state)}  {finding.name:<9} {finding.found}", flush=True)
    if finding.cure:
        print(f"  {'':<7}  {'':<9} -> {finding.cure}", flush=True)


def _coloured(state: "State") -> str:
    word = f"{state:<7}"
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return word
    return f"\x1b[{_COLOURS[state]}m{word}\x1b[0m"


def _announce(words: str) -> None:
    """Say on a terminal what is being waited for; it is wiped out by what is found."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()


def _print_settings() -> None:
    from nomos_mcp.commands.doctor_checks import in_force  # noqa: PLC0415  as above

    there = in_force(os.environ)
    widest = max(map(len, there))
    print("\nsettings in force:")
    for name, value in there.items():
        print(f"  {name:<{widest}}  {value or '-'}")


def _print_json(findings: "list[Finding]", result: "State") -> None:
    from dataclasses import asdict  # noqa: PLC0415  as above

    from nomos_mcp.commands.doctor_checks import in_force  # noqa: PLC0415  as above

    report = {
        "version": __version__,
        "result": result,
        "checks": [asdict(finding) for finding in findings],
        "settings": in_force(os.environ),
    }
    print(json.dumps(report, indent=2, ensure_ascii=False))
