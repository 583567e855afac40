"""`nomos-mcp config … --link`: what an assistant reads from a link starts the server, and no secret is in it."""

import json
import os
from pathlib import Path

import anyio
import pytest
from mcp import Client

from nomos_mcp.cli import main
from nomos_mcp.commands.assistants import ASSISTANTS, WAY_OUT, entry, own_command
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES
from tests.serving import served
from tools.ask_links import LINKED, decoded, links_of_readme, started

SECRET = "s3cr3t-and-long-enough-to-be-a-state-key"
EVERY_SECRET = {
    "NOMOS_CLIENT_ID": "id-" + SECRET,
    "NOMOS_CLIENT_SECRET": SECRET,
    "NOMOS_ACCESS_TOKEN": SECRET,
    "NOMOS_MCP_STATE_KEY": SECRET,
    "NOMOS_MCP_DATABASE": f"postgresql://user:{SECRET}@db.example.com/nomos",
    "NOMOS_MCP_WEBHOOK_SECRETS": SECRET,
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (*VARIABLES, *HTTP_VARIABLES):
        monkeypatch.delenv(variable.name, raising=False)
    for name in WAY_OUT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("demo", [["--demo"], []])
@pytest.mark.parametrize("name", LINKED)
def test_a_link_and_its_web_form_hold_what_the_assistants_file_would(
    name: str, demo: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_MCP_READ_ONLY", "1")
    assert main(["config", name, *demo, "--link"]) == 0
    link, said = capsys.readouterr()
    web = next(word for word in said.split() if word.startswith("https://"))
    environ = {"NOMOS_MCP_READ_ONLY": "1"}
    expected = {"name": "nomos", **entry(ASSISTANTS[name], environ, demo=bool(demo))}
    for holds in decoded(link.strip()), decoded(web):
        inputs = holds.pop("inputs", [])
        assert holds == expected
        assert bool(inputs) is (name == "vscode" and not demo)
        assert all(each["password"] for each in inputs)


@pytest.mark.parametrize("left_out", [{"NOMOS_ACCESS_TOKEN"}, {"NOMOS_CLIENT_ID", "NOMOS_CLIENT_SECRET"}])
@pytest.mark.parametrize("name", LINKED)
def test_no_secret_is_in_a_link(
    name: str, left_out: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(EVERY_SECRET) >= {variable.name for variable in (*VARIABLES, *HTTP_VARIABLES) if variable.secret}
    here = {name: value for name, value in EVERY_SECRET.items() if name not in left_out}
    for variable, value in here.items():
        monkeypatch.setenv(variable, value)
    assert main(["config", name, "--link"]) == 0
    link, said = capsys.readouterr()
    web = next(word for word in said.split() if word.startswith("https://"))
    shown = link + said + json.dumps([decoded(link.strip()), decoded(web)])
    assert SECRET not in shown
    read_by_stdio = set(here) & {variable.name for variable in VARIABLES}
    assert {variable for variable in decoded(web)["env"] if variable in EVERY_SECRET} == read_by_stdio


@pytest.mark.parametrize("name", [*sorted(set(ASSISTANTS) - set(LINKED)), "http"])
def test_an_assistant_without_links_is_told_which_have_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", name, "--demo", "--link"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cursor and vscode have one" in printed.err


@pytest.mark.parametrize("name", LINKED)
def test_a_link_that_is_too_long_for_windows_is_warned_about(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for length, warned in (10, False), (2000, True):
        monkeypatch.setenv("NO_PROXY", "x" * length)
        monkeypatch.setenv("NOMOS_ACCESS_TOKEN", SECRET)
        assert main(["config", name, "--link"]) == 0
        link, said = capsys.readouterr()
        assert decoded(link.strip())["env"]["NO_PROXY"] == "x" * length
        assert ("Windows opens no more than 2,082" in said) is warned


@pytest.mark.parametrize(
    "path",
    [
        r"C:\Users\Jörg Müller & Co\100%25 '\"+#?\nomos-mcp.exe",
        "/home/ü 😀/no mos/>>>",  # ">>>" makes a "+" in base64
    ],
)
@pytest.mark.parametrize("name", LINKED)
def test_every_character_of_a_path_comes_through(name: str, path: str) -> None:
    make = ASSISTANTS[name].link
    assert make
    link = make(entry(ASSISTANTS[name], {"SSL_CERT_FILE": path}, demo=False, command=[path, "--say", path]))
    for holds in decoded(link.direct), decoded(link.web):
        assert (holds["command"], holds["args"]) == (path, ["--say", path])
        assert holds["env"]["SSL_CERT_FILE"].endswith(path)


def test_the_readme_shows_links_that_start_the_published_package() -> None:
    shown = [decoded(link) for link in links_of_readme()]
    assert [[each["command"], *each["args"]] for each in shown] == [
        ["uvx", "nomos-mcp", "--demo"],
        ["uvx", "nomos-mcp"],
    ] * len(LINKED)


@pytest.mark.slow
@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("demo", [["--demo"], []])
async def test_what_a_link_holds_starts_a_server_that_answers(
    name: str, demo: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(Simulator()) as url:
        monkeypatch.setenv("NOMOS_BASE_URL", url)
        assert main(["config", name, *demo, "--link"]) == 0
        values = {"NOMOS_CLIENT_ID": DEMO.client_id, "NOMOS_CLIENT_SECRET": DEMO.client_secret}
        server = started(capsys.readouterr().out.strip(), values)
        assert [server.command] == own_command()
        with anyio.fail_after(60):
            async with Client(server) as client:
                order = {"order_id": DEMO.orders["blocked_check_missing"]}
                answer = (await client.call_tool("get_meter_order", order)).structured_content
    assert answer
    assert answer["explanation"]["waiting_on"] == "customer"


@pytest.mark.slow
@pytest.mark.parametrize("link", links_of_readme(), ids=lambda link: decoded(link)["args"][-1])
async def test_what_a_link_of_the_readme_holds_starts_a_server_once_the_package_is_there(
    link: str, tmp_path: Path
) -> None:
    [command] = own_command()
    (tmp_path / "uvx").write_text(f'#!/bin/sh\nshift\nexec "{command}" "$@"\n')  # takes the package's name, as uvx does
    (tmp_path / "uvx").chmod(0o755)
    server = started(link, {"NOMOS_CLIENT_ID": "any", "NOMOS_CLIENT_SECRET": "any"})
    server.env = {**(server.env or {}), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    with anyio.fail_after(60):
        async with Client(server) as client:
            assert (await client.list_tools()).tools
