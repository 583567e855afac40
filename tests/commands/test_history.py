"""`nomos-mcp history`: exports what was seen, deletes what is old, and is clear about what it cannot do."""

import asyncio
import csv
import io
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nomos_mcp.cli import main
from nomos_mcp.database.revisions import REVISION
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.variables import VARIABLES
from tests.databases import Clock
from tests.history.looks import look

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable.name, raising=False)


@pytest.fixture
def looks(database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[OrderLook]:
    """Two states of one order, 500 and 450 days old, and one of 10 days ago."""
    monkeypatch.setenv("NOMOS_MCP_DATABASE", database_url)
    states = [(500, "placed", "check_missing"), (450, "scheduled", None), (10, "installed", None)]
    looks = [
        look(Clock(NOW - timedelta(days=days)), status, blocked_reason=reason, event_id="evt_1")
        for days, status, reason in states
    ]

    async def record() -> None:
        history = History(database_url, lambda: NOW)
        for each in looks:
            await history.record([each])
        await history.aclose()

    asyncio.run(record())
    return looks


def test_every_state_is_exported_as_json_lines(looks: list[OrderLook], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "export", "--format", "jsonl"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["status"] for row in rows] == ["placed", "scheduled", "installed"]
    assert rows[0]["seen_at"] == looks[0].seen_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert rows[0].keys() == {*OrderLook.__dataclass_fields__}
    assert (rows[0]["blocked_reason"], rows[1]["blocked_reason"]) == ("check_missing", None)
    assert err == "States exported: 3\n"


@pytest.mark.usefixtures("looks")
def test_every_state_is_exported_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("what was there before")
    assert main(["history", "export", "--format", "csv", "--output", str(file)]) == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert [row["status"] for row in rows] == ["placed", "scheduled", "installed"]
    assert (rows[0]["created_at"], rows[0]["installed_at"]) == ("2026-05-01T08:00:00Z", "")
    assert capsys.readouterr() == ("", "States exported: 3\n")
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.usefixtures("looks")
@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_file_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "export", "--format", "csv", "--output", "/no/such/folder/orders.csv"]) == 1
    assert "/no/such/folder/orders.csv cannot be written" in capsys.readouterr().err


@pytest.mark.usefixtures("looks")
def test_what_ended_long_ago_is_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "prune", "--older-than", "400d"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("States deleted that ended before ")
    assert said.endswith(" UTC: 1\n")
    main(["history", "export", "--format", "jsonl"])
    rows = [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()]
    assert rows == ["scheduled", "installed"]  # the first is how it was 400 days ago


@pytest.mark.parametrize("age", ["400", "23h", "0d", "-1d", "long"])
def test_an_age_that_is_none_is_wrong_usage(age: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["history", "prune", f"--older-than={age}"])
    assert caught.value.code == 2
    assert "use a number of days such as 400d" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["prune", "--older-than", "400d"], ["export", "--format", "csv"]])
def test_without_a_database_there_is_nothing_to_do(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", *arguments]) == 2
    assert "NOMOS_MCP_DATABASE: not set" in capsys.readouterr().err


def test_a_database_that_does_not_answer_fails_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", "postgresql://nomos:s3cr3t@127.0.0.1:1/nomos")
    assert main(["history", "export", "--format", "csv"]) == 1
    said = capsys.readouterr().err
    assert "The database does not answer" in said
    assert "s3cr3t" not in said


def database_line(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    main(["doctor", "--json"])
    text = capsys.readouterr().out
    assert "s3cr3t" not in text
    [found] = [check for check in json.loads(text)["checks"] if check["name"] == "database"]
    return dict(found)


@pytest.fixture
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the doctor asks Nomos is tested elsewhere."""
    monkeypatch.setenv("NOMOS_BASE_URL", "http://127.0.0.1:1")


@pytest.mark.usefixtures("looks", "_nothing_else")
@pytest.mark.parametrize("engine", ["sqlite"])
def test_the_doctor_tells_how_the_database_is(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = database_line(capsys)
    assert (found["state"], found["found"]) == (
        "warning", f"SQLite, tables {REVISION}, can be written; never looked at all orders"
    )  # fmt: skip
    assert "nomos-mcp watch --once" in found["cure"]
    with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
        start = f"{NOW:%Y-%m-%d %H:%M:%S}.000000"
        connection.execute(
            "INSERT INTO runs (started_at, holder, heartbeat_at, requests, orders_read, changes, finished_at,"
            " not_covered) VALUES (?, 'h', ?, 1, 1, 0, ?, '')",
            [start] * 3,
        )
    connection.close()
    found = database_line(capsys)
    assert found["state"] == "ok"
    assert found["found"].endswith(f"last looked at all orders on {NOW:%Y-%m-%d at %H:%M} UTC")


@pytest.mark.usefixtures("_nothing_else")
def test_the_doctor_tells_what_is_wrong_with_the_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", "postgresql://nomos:s3cr3t@127.0.0.1:1/nomos")
    found = database_line(capsys)
    assert (found["state"], found["found"]) == ("failed", "The database does not answer")
    assert found["cure"] == "See that it runs, and that NOMOS_MCP_DATABASE points to it."
