"""`nomos-mcp doctor`: says how everything is, what helps, and ends with 0, 1 or 2."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError
from typing import Any, get_args

import pytest

from nomos_mcp.cli import main
from nomos_mcp.commands import doctor_checks
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulator_server import served
from nomos_mcp.variables import VARIABLES, ConfirmMode

Report = dict[str, dict[str, str]]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)


@pytest.fixture
def nomos(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator on a socket, and the settings that lead there."""
    simulator = Simulator(rate_limit=10)
    with served(simulator) as url:
        monkeypatch.setenv("NOMOS_BASE_URL", url)
        monkeypatch.setenv("NOMOS_CLIENT_ID", DEMO.client_id)
        monkeypatch.setenv("NOMOS_CLIENT_SECRET", DEMO.client_secret)
        yield simulator


def examined(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Report, str]:
    """Return the exit code, the checks by name, and the whole report."""
    code = main(["doctor", "--json", *arguments])
    text = capsys.readouterr().out
    report: dict[str, Any] = json.loads(text)
    return code, {check["name"]: check for check in report["checks"]}, text


@pytest.mark.usefixtures("nomos")
def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks, _ = examined(capsys)
    assert code == 0
    settled = ["python", "packages", "settings", "ordering"]
    assert list(checks) == [*settled, "host", "clock", "token", "version", "read", "rate"]
    assert {check["state"] for check in checks.values()} == {"ok"}
    assert "read:* write:*" in checks["token"]["found"]
    assert "within 60 s" in checks["clock"]["found"]
    assert checks["rate"]["found"].startswith("10 requests")


def test_the_demo_needs_no_network_and_no_settings(capsys: pytest.CaptureFixture[str]) -> None:
    code, checks, _ = examined(capsys, "--demo")
    assert (code, checks["host"]["found"][:22]) == (0, "the built-in simulator")


@pytest.mark.usefixtures("nomos")
def test_the_table_says_the_same_and_holds_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "  ok       token     granted read:* write:*\n" in shown
    assert "  NOMOS_CLIENT_SECRET   ********\n" in shown
    assert "  NOMOS_MCP_CONFIRM     auto\n" in shown
    assert DEMO.client_secret not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("CONFIRM", mode, f"(NOMOS_MCP_CONFIRM={mode})") for mode in get_args(ConfirmMode)]
    + [("READ_ONLY", "1", "is switched off")],
)
def test_it_says_how_an_order_is_confirmed(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"NOMOS_MCP_{variable}", value)
    _, checks, _ = examined(capsys, "--demo")
    assert checks["ordering"]["found"].endswith(said)


@pytest.mark.usefixtures("nomos")
def test_the_report_for_programs_masks_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, text = examined(capsys)
    assert DEMO.client_secret not in text
    assert json.loads(text)["settings"]["NOMOS_CLIENT_ID"] == DEMO.client_id


def test_it_reads_and_never_writes(nomos: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    examined(capsys)
    asked = [(request.method, request.path) for request in nomos.requests]
    assert [path for method, path in asked if method != "GET"] == ["/oauth/token"]


@pytest.mark.usefixtures("nomos")
def test_no_credentials_are_a_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NOMOS_CLIENT_ID")
    monkeypatch.delenv("NOMOS_CLIENT_SECRET")
    code, checks, _ = examined(capsys)
    assert (code, checks["token"]["state"]) == (1, "warning")
    assert "NOMOS_CLIENT_ID" in checks["token"]["cure"]
    assert "read" not in checks


@pytest.mark.usefixtures("nomos")
@pytest.mark.parametrize(("read_only", "expected"), [("0", (1, "warning")), ("1", (0, "ok"))])
def test_a_token_that_cannot_write_is_a_warning_unless_that_is_meant(
    read_only: str, expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_CLIENT_ID", DEMO.read_only_client_id)
    monkeypatch.setenv("NOMOS_MCP_READ_ONLY", read_only)
    code, checks, _ = examined(capsys)
    assert (code, checks["token"]["state"]) == expected


@pytest.mark.usefixtures("nomos")
def test_refused_credentials_fail_with_the_variables_to_look_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_CLIENT_SECRET", "wrong")
    code, checks, _ = examined(capsys)
    assert (code, checks["token"]["state"]) == (2, "failed")
    assert "NOMOS_CLIENT_SECRET" in checks["token"]["cure"]


@pytest.mark.usefixtures("nomos")
def test_a_static_token_is_looked_at_by_reading(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("NOMOS_CLIENT_ID", "NOMOS_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", DEMO.access_token)
    assert examined(capsys)[0] == 0
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", "expired")
    code, checks, _ = examined(capsys)
    assert code == 2
    assert "NOMOS_ACCESS_TOKEN" in checks["read"]["cure"]


@pytest.mark.parametrize(
    ("fault", "check", "said"),
    [
        (Fault(kind="wrong_version", path="/meter-orders", value="2026-01-29.edison"), "version", "NOMOS_API_VERSION"),
        (Fault(kind="status", path="/meter-orders", status=403), "read", "Ask Nomos"),
        (Fault(kind="reset", path="/health"), "host", "NOMOS_BASE_URL"),
        (Fault(kind="wrong_type_body", path="/meter-orders"), "read", ""),
    ],
    ids=["version", "forbidden", "reset", "unreadable"],
)
def test_the_first_failure_ends_the_visit_and_names_a_cure(
    fault: Fault, check: str, said: str, nomos: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    nomos.faults.add(fault)
    code, checks, _ = examined(capsys)
    assert code == 2
    assert list(checks)[-1] == check
    assert checks[check]["state"] == "failed"
    assert said in checks[check]["cure"]


def test_a_host_that_nobody_serves_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NOMOS_BASE_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        code, checks, _ = examined(capsys)
    assert (code, checks["host"]["state"]) == (2, "failed")
    assert "NOMOS_BASE_URL" in checks["host"]["cure"]


@pytest.mark.usefixtures("nomos")
def test_a_version_without_meter_orders_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_API_VERSION", "2025-12-16.batman")
    code, checks, _ = examined(capsys)
    assert (code, checks["version"]["state"]) == (1, "warning")
    assert "curie" in checks["version"]["cure"]
    assert checks["read"]["found"].startswith("one subscription")


def test_every_mistake_in_the_settings_is_a_line_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_API_VERSION", "curie")
    monkeypatch.setenv("NOMOS_MCP_READ_ONLY", "perhaps")
    assert main(["doctor"]) == 2
    shown = capsys.readouterr().out
    assert shown.count("  failed   settings") == 2
    assert "-> Use one of 2026-05-27.curie" in shown


@pytest.mark.parametrize(
    ("name", "cure"), [("NOMOS_CLIENT_SECRTE", "Did you mean NOMOS_CLIENT_SECRET?"), ("NOMOS_X", "Unset it")]
)
def test_a_name_that_no_setting_has_is_a_warning(
    name: str, cure: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, "x")
    code, checks, _ = examined(capsys, "--demo")
    assert (code, checks["settings"]["state"]) == (1, "warning")
    assert cure in checks["settings"]["cure"]


def test_a_missing_package_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor_checks, "version", version)
    assert doctor_checks.packages().state == "failed"
    assert "httpx" in doctor_checks.packages().found


@pytest.mark.parametrize(("off", "said"), [(-300, "behind"), (300, "ahead of")])
def test_a_clock_that_is_off_is_a_warning(off: float, said: str) -> None:
    finding = doctor_checks.clock(datetime.now(UTC) - timedelta(seconds=off))
    assert finding.state == "warning"
    assert said in finding.found


def test_a_token_without_any_scope_fails() -> None:
    finding = doctor_checks.scope(frozenset(), read_only=False)
    assert (finding.state, finding.found) == ("failed", "granted nothing")


def test_colours_and_progress_are_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    main(["doctor", "--demo"])
    shown = capsys.readouterr()
    assert "\x1b[32mok     \x1b[0m" in shown.out
    assert "Asking Nomos ..." in shown.err
    monkeypatch.setenv("NO_COLOR", "1")
    main(["doctor", "--demo"])
    assert "\x1b" not in capsys.readouterr().out
