"""`nomos-mcp explain`: one status in the terminal, offline."""

import subprocess
import sys

import pytest

from nomos_mcp.cli import main
from nomos_mcp.lifecycle import STATUSES


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    "status", sorted({"check_missing", "pre_existing", "blocked", *(s for names in STATUSES.values() for s in names)})
)
def test_every_name_is_explained(status: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", status, "--language", language]) == 0
    out, err = capsys.readouterr()
    assert status in out.splitlines()[0]
    assert {"en": "Do not say", "de": "Nicht sagen"}[language] in out
    assert not err


def test_a_status_is_laid_out_to_be_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert (
        main(["explain", "blocked_wim", "--language", "de", "--audience", "customer", "--api-version", "edison"]) == 0
    )
    assert (
        capsys.readouterr().out
        == """\
blocked_wim: Wartet auf den Netzbetreiber [2026-01-29.edison]

Bedeutung             Die Bestellung ist im Wechselprozess angehalten:
                      Der Netzbetreiber muss den Einbau bestätigen.
Angehalten, weil      Die Bestätigung des Netzbetreibers steht aus.
Wer am Zug ist        wartet auf den Netzbetreiber
Zu tun: Kundin/Kunde  Nichts.
Nachricht             Ihre Smart-Meter-Bestellung wartet auf Ihren
                      örtlichen Netzbetreiber: Er muss den Einbau noch
                      bestätigen. Sie müssen nichts tun. Liegt die
                      Bestätigung vor, kann es weitergehen.
Was folgt             Mit der Bestätigung kann es weitergehen.
Zeit                  Für keinen Schritt ist eine Dauer veröffentlicht.
"""
    )


def test_the_message_to_a_customer_who_has_done_it_already_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "check_missing", "--customer-says", "already_done"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "you have already sent the details" in out
    assert "Whose turn who must act is unknown" in out


def test_a_status_is_printed_with_the_path_around_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "placed", "--audience", "customer"]) == 0
    assert "Usual progress" in (out := " ".join(capsys.readouterr().out.split()))
    assert "Order accepted → With the installation partner → Check submitted" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["blocked"], "To do: customer  not known\n"),
        (["placed", "--blocked-reason", "roof_missing"], "To do: customer  not known\n"),
        (["installed", "--blocked-reason", "check_missing"], "To do: customer  not known\n"),
        (["blocked", "--language", "de"], "Zu tun: Kundin/Kunde  nicht bekannt\n"),
        (["grid_operator_registration"], "To do: customer  Nothing.\n"),
    ],
)
def test_that_there_is_nothing_to_do_is_printed_only_where_it_is_known(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments, "--audience", "customer"]) == 0
    assert line in capsys.readouterr().out


def test_a_customer_gets_nothing_that_is_for_support(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "placed", "--audience", "customer"]) == 0
    out = capsys.readouterr().out
    assert not any(label in out for label in ("To do: support", "Do not say", "Sources", "inferred"))


def test_a_reason_may_be_given_beside_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "placed", "--blocked-reason", "grid_operator_registration"]) == 0
    assert "waiting on the grid operator (inferred)" in capsys.readouterr().out
    assert main(["explain", "cancelled", "--cancelled-reason", "pre_existing"]) == 0
    assert "Good news" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["placd"], "Did you mean placed?"),
        (["MalLo"], "Did you mean MaLo"),
        (["MaLo", "--api-version", "edison"], "MaLo is no status, so it goes alone: leave --api-version out."),
        (["MaLo", "--audience", "press"], "'agent' for support staff, or 'customer'"),
        (["MaLo", "--language", "fr"], "the languages are en, de"),
        (["placed", "--language", "fr"], "the languages are en, de"),
        (["placed", "--api-version", "2025-12-16.batman"], "2026-05-27.curie and 2026-01-29.edison only"),
        (["placed", "--audience", "press"], "'agent' for support staff, or 'customer'"),
        (["activated", "--blocked-reason", "check_missing"], "activated is final"),
        (["pre_existing", "--blocked-reason", "check_missing"], "exclude each other"),
        ([""], "No status was given"),
    ],
)
def test_what_cannot_be_explained_is_named_on_stderr(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("nomos-mcp: ")
    assert said in err


def test_explaining_loads_neither_the_http_library_nor_the_protocol() -> None:
    script = (
        "import sys; from nomos_mcp.cli import main; assert main(['explain', 'placed']) == 0; "
        "print({name.partition('.')[0] for name in sys.modules} & {'httpx', 'httpx2', 'mcp', 'starlette'})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("set()\n")
