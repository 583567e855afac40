"""`--organisation`: needed where a file of organisations is set, refused where not, and it reaches only that one."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nomos_mcp.cli import main
from nomos_mcp.client import EDISON
from nomos_mcp.commands import doctor_checks
from nomos_mcp.database.database import Database
from nomos_mcp.history.store import History
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES
from tests.databases import Clock
from tests.history.looks import look
from tests.serving import served

COMMANDS = [
    ["watch", "--once"],
    ["history", "export", "--format", "jsonl"],
    ["history", "prune", "--older-than", "400d"],
    ["orders", "list"],
    ["orders", "reconcile"],
    ["orders", "export", "--format", "jsonl"],
]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, *HTTP_VARIABLES):
        monkeypatch.delenv(variable.name, raising=False)


@pytest.fixture
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A file of two organisations, at one simulator of two clients."""
    with served(Simulator()) as url:
        tables = [
            f'[{name}]\nclient_id_env = "{name.upper()}_ID"\nclient_secret_env = "SECRET"\nbase_url = "{url}"\n'
            for name in ("acme", "beta")
        ]
        (tmp_path / "organisations.toml").write_text("".join(tables))
        monkeypatch.setenv("NOMOS_MCP_ORGANISATIONS", str(tmp_path / "organisations.toml"))
        monkeypatch.setenv("ACME_ID", DEMO.client_id)
        monkeypatch.setenv("BETA_ID", DEMO.other_client_id)
        monkeypatch.setenv("SECRET", DEMO.client_secret)
        yield


@pytest.mark.usefixtures("_file")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_one_of_those_in_the_file_has_to_be_named(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for option, said in ([], "not given"), (["--organisation", "gamma"], "'gamma' is unknown"):
        assert main([*command, *option]) == 2
        error = capsys.readouterr().err
        assert f"--organisation: {said}. Use one of those in NOMOS_MCP_ORGANISATIONS: acme, beta.\n" in error


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_the_file_none_can_be_named(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--organisation", "acme"]) == 2
    assert "--organisation: given, but NOMOS_MCP_ORGANISATIONS is not set" in capsys.readouterr().err


@pytest.mark.usefixtures("_file")
@pytest.mark.parametrize("command", [[], ["config", "claude-desktop"]], ids=["stdio", "config"])
def test_what_works_for_a_single_one_refuses_the_file(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "NOMOS_MCP_ORGANISATIONS: set, and this command works for a single one" in capsys.readouterr().err


@pytest.mark.usefixtures("_file")
def test_a_server_without_tokens_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["http", "--port", "0"]) == 2
    assert "NOMOS_MCP_ORGANISATIONS: set, but callers need no token" in capsys.readouterr().err


@pytest.mark.usefixtures("_file")
def test_a_server_that_cannot_watch_for_one_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "organisations.toml").open("a") as file:
        file.write('api_version = "2025-12-01.chucky"\n')  # of beta, the last table
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(tmp_path / "tokens.json"))
    monkeypatch.setenv("NOMOS_MCP_DATABASE", "postgresql://nobody@127.0.0.1:9/nothing")
    monkeypatch.setenv("NOMOS_MCP_WATCH_EVERY", "24h")
    assert main(["http", "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert "NOMOS_MCP_WATCH_EVERY: organisation beta: NOMOS_API_VERSION: 2025-12-01.chucky has no" in said
    assert "acme" not in said


@pytest.mark.usefixtures("_file")
def test_the_doctor_examines_the_one_that_is_named_and_names_its_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(tmp_path / "tokens.json"))
    assert main(["doctor", "--json"]) == 2
    (failed,) = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["state"] == "failed"]
    assert failed["found"] == "--organisation: not given"
    assert main(["doctor", "--json", "--organisation", "acme"]) == 1  # there are no tokens yet
    checks = {each["name"]: each["state"] for each in json.loads(capsys.readouterr().out)["checks"]}
    assert (checks["read"], checks["token"]) == ("ok", "ok")
    monkeypatch.setenv("ACME_ID", "somebody-else")
    assert main(["doctor", "--json", "--organisation", "acme"]) == 2
    (failed,) = [each for each in json.loads(capsys.readouterr().out)["checks"] if each["state"] == "failed"]
    assert failed["cure"].startswith("Check client_id_env and client_secret_env, and that base_url is")


@pytest.mark.usefixtures("_file")
def test_the_doctor_says_what_is_in_force_for_it_and_does_not_doubt_the_variables_of_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "organisations.toml"
    named = file.read_text().replace("ACME_ID", "NOMOS_ACME_ID")
    file.write_text(named.replace("[acme]\n", f'[acme]\napi_version = "{EDISON}"\n'))
    monkeypatch.setenv("NOMOS_ACME_ID", DEMO.client_id)
    assert main(["doctor", "--json", "--organisation", "acme"]) == 2
    report = json.loads(capsys.readouterr().out)
    checks = {each["name"]: each for each in report["checks"]}
    assert checks["settings"]["state"] == "ok"
    assert checks["callers"]["state"] == "failed"
    assert "`nomos-mcp http` does not start" in checks["callers"]["found"]
    in_force = report["settings"]
    assert in_force["NOMOS_CLIENT_ID"] == DEMO.client_id
    assert in_force["NOMOS_API_VERSION"] == EDISON
    assert in_force["NOMOS_BASE_URL"].startswith("http://127.0.0.1:")
    assert in_force["NOMOS_CLIENT_SECRET"] == doctor_checks.MASK


@pytest.mark.slow
@pytest.mark.usefixtures("_file")
@pytest.mark.parametrize("engine", ["postgresql"])
def test_each_works_on_the_history_of_the_one_that_is_named(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", database_url)

    async def record() -> None:
        history = History(Database(database_url, "beta"), lambda: datetime.now(UTC))
        await history.record([look(Clock(datetime.now(UTC)), "placed", order_id="prdo_of_beta")])
        await history.aclose()

    asyncio.run(record())
    assert main(["watch", "--once", "--organisation", "acme"]) == 0
    assert json.loads(capsys.readouterr().out)["orders_read"] > 30
    exported = {}
    for name in ("acme", "beta"):
        assert main(["history", "export", "--format", "jsonl", "--organisation", name]) == 0
        exported[name] = [json.loads(line)["order_id"] for line in capsys.readouterr().out.splitlines()]
    assert len(exported["acme"]) > 30
    assert exported["beta"] == ["prdo_of_beta"]
    assert main(["orders", "list", "--organisation", "acme"]) == 0


def test_a_token_of_an_organisation_is_made_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(tmp_path / "tokens.json"))
    assert main(["token", "add", "bot", "--org", "--organisation", "acme"]) == 0
    assert main(["token", "add", "chat", "--customer", DEMO.customers["placed"], "--organisation", "beta"]) == 0
    assert main(["token", "add", "old", "--org"]) == 0
    assert main(["token", "add", "bad", "--org", "--organisation", "A-B"]) == 1
    assert "An organisation has 1 to 31 small letters" in capsys.readouterr().err
    assert main(["token", "list"]) == 0
    bot, chat, old = (line.split() for line in capsys.readouterr().out.splitlines())
    assert bot[2:4] == ["acme", "organisation"]
    assert chat[2:4] == ["beta", DEMO.customers["placed"]]
    assert old[2:4] == ["organisation", "orders:read"]


def test_a_token_file_without_organisations_is_as_older_releases_wrote_and_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(tmp_path / "tokens.json"))
    assert main(["token", "add", "old", "--org"]) == 0
    (entry,) = json.loads((tmp_path / "tokens.json").read_text())["tokens"]
    assert entry.keys() <= {"id", "name", "salt", "hash", "scopes", "customer", "created"}
