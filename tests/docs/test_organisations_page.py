"""What docs/organisations.md shows is so: its file is understood, its commands exist, its answers are given."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from nomos_mcp import variables
from nomos_mcp.cli import parser
from nomos_mcp.organisations_file import OrganisationSettings
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.databases import Clock, execute
from tests.docs.blocks import ROOT, blocks
from tests.history.looks import look
from tests.service.running import running
from tests.service.wire import call
from tests.serving import served

PAGE = "docs/organisations.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks(PAGE, "console")
    for line in block.text.splitlines()
    if line.startswith("$ ")
]
REFUSAL, READINESS = (json.loads(block.text) for block in blocks(PAGE, "json"))


def test_the_file_on_the_page_is_understood_and_shows_every_key(tmp_path: Path) -> None:
    (shown,) = blocks(PAGE, "toml")
    file = tmp_path / "organisations.toml"
    file.write_text(shown.text, encoding="utf-8")
    tables = tomllib.loads(shown.text)
    named = {value for table in tables.values() for key, value in table.items() if key.endswith("_env")}
    (shell,) = blocks(PAGE, "shell")
    assert named <= set(re.findall(r"(\w+)=", shell.text))
    environment = {name: f"invented-value-of-{name}" for name in named}
    settings = Settings.from_env(
        {
            **environment,
            "NOMOS_MCP_ORGANISATIONS": str(file),
            "NOMOS_MCP_DATABASE": "postgresql://nomos@db.example.com/nomos",
        }
    )
    assert [each.name for each in settings.http.organisations] == list(tables)
    keys = {key for table in tables.values() for key in table}
    assert len(keys) == len(OrganisationSettings.model_fields.keys() - {"name", "variables"})
    assert not [key for key in keys if f"`{key}`" not in TEXT]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_the_page_is_understood(command: str) -> None:
    options = parser().parse_args(shlex.split(command)[1:])
    assert "--organisation" not in command or options.organisation in {"acme", "beta"}


def test_the_variables_on_the_page_exist() -> None:
    known = {each.name for each in (*variables.VARIABLES, *variables.HTTP_VARIABLES)}
    assert set(re.findall(r"\bNOMOS_\w+", TEXT)) <= known


def test_the_answers_on_the_page_are_given(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    token = TokenFile(file).add("nobody", ("orders:read", "org"))
    with served(Simulator()) as url:
        two = tuple(
            OrganisationSettings(name=name, access_token=SecretStr(value), base_url=url)
            for name, value in (("acme", DEMO.access_token), ("beta", "wrong"))
        )
        with running(Settings(http=HttpSettings(tokens_file=str(file), organisations=two))) as server:
            assert call(server.url, token=token).json() == REFUSAL
            assert httpx.get(f"{server.url}/readyz").json() == READINESS


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_the_statements_on_the_page_hand_a_history_to_an_organisation(database_url: str, clock: Clock) -> None:
    from nomos_mcp.database.database import Database  # noqa: PLC0415  loads SQLAlchemy
    from nomos_mcp.history.store import History  # noqa: PLC0415  as above

    before = History(database_url, clock)
    await before.record([look(clock)])
    await before.aclose()
    (statements,) = blocks(PAGE, "sql")
    execute(database_url, statements.text)
    for name, known in (("acme", 1), ("", 0)):
        history = History(Database(database_url, name), clock)
        assert len(await history.looks("prdo_1")) == known
        clock.advance(days=3)
        assert await history.record([look(clock, "installed")]) or not known
        await history.aclose()
