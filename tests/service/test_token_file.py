"""Tokens of a file: made, shown once, taken until they are revoked."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nomos_mcp.cli import main
from nomos_mcp.service.authorization import TokenCheckUnavailableError
from nomos_mcp.service.token_file import TokenFile, TokenFileError
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO
from tests.service.running import Running, running
from tests.service.wire import call

OWN = DEMO.customers["blocked_check_missing"]
READ = ("orders:read",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture
def file(path: Path) -> TokenFile:
    return TokenFile(path)


@pytest.fixture
def service(path: Path) -> Iterator[Running]:
    with running(Settings(demo=True, http=HttpSettings(tokens_file=str(path)))) as server:
        yield server


def test_a_token_works_from_the_moment_it_is_made_until_it_is_revoked(service: Running, file: TokenFile) -> None:
    text = file.add("bot", READ, OWN)
    assert call(service.url, token=text).status_code == 200
    file.revoke("bot")
    response = call(service.url, token=text)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token", ')
    assert "resource_metadata" not in response.headers["www-authenticate"]


def test_without_an_issuer_no_other_token_is_taken(service: Running) -> None:
    assert "nomos-mcp token add" in call(service.url, token="eyJ.e30.x").json()["error_description"]
    assert call(service.url).status_code == 401
    assert httpx.get(f"{service.url}/.well-known/oauth-protected-resource/mcp").status_code == 404


def test_the_file_holds_no_secret_and_is_readable_by_its_owner_only(file: TokenFile, path: Path) -> None:
    text = file.add("bot", READ, OWN)
    assert text.rpartition("_")[2] not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1], lambda text: text + "x", lambda text: text.replace("_", "")]
)
def test_nearly_the_token_is_not_the_token(service: Running, file: TokenFile, change: Any) -> None:
    assert call(service.url, token=change(file.add("bot", READ, OWN))).status_code == 401


def test_a_token_of_one_customer_is_limited_to_that_customer(service: Running, file: TokenFile) -> None:
    text = file.add("bot", READ, OWN)
    foreign = call(service.url, "get_meter_order", {"order_id": DEMO.orders["installed"]}, token=text)
    assert '"isError":true' in foreign.text


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"tokens":[{}]}', b"\xff", b'{"tokens":[],"more":1}'])
def test_a_file_that_is_none_lets_nobody_in(service: Running, file: TokenFile, path: Path, content: bytes) -> None:
    text = file.add("bot", READ, OWN)
    path.write_bytes(content)
    assert call(service.url, token=text).status_code == 503


def test_an_entry_without_a_customer_and_without_org_is_none(file: TokenFile, path: Path) -> None:
    text = file.add("bot", READ, OWN)
    path.write_text(path.read_text().replace(OWN, ""))
    with pytest.raises(TokenCheckUnavailableError):
        file.check(text)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "tokens.json"):
        with pytest.raises(TokenFileError, match="cannot be read"):
            TokenFile(path).entries()


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenFileError, match="cannot be written"):
        TokenFile(tmp_path / "no" / "tokens.json").add("bot", READ, OWN)


def test_a_disk_that_is_full_is_told_and_leaves_the_file_as_it_was(
    file: TokenFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.add("bot", READ, OWN)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(TokenFileError, match="No space left"):
        file.add("robot", READ, OWN)
    assert [entry.name for entry in file.entries()] == ["bot"]
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "scopes", "customer", "said"),
    [
        ("", READ, OWN, "A name has"),
        ("a b", READ, OWN, "A name has"),
        ("x" * 65, READ, OWN, "A name has"),
        ("bot", READ, "", "for one customer, or it has the scope org"),
        ("bot", ("orders:read", "org"), OWN, "for one customer, or"),
        ("bot", ("orders:write",), OWN, "could not call anything"),
        ("bot", ("orders:read", "admin"), OWN, "no scope 'admin'"),
        ("bot", READ, "sub_1", "not a valid customer ID"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    file: TokenFile, path: Path, name: str, scopes: tuple[str, ...], customer: str, said: str
) -> None:
    with pytest.raises(TokenFileError, match=said):
        file.add(name, scopes, customer)
    assert not path.exists()


def test_a_name_is_used_once_and_one_that_is_not_there_is_not_revoked(file: TokenFile) -> None:
    file.add("bot", READ, OWN)
    with pytest.raises(TokenFileError, match="already"):
        file.add("bot", READ, OWN)
    with pytest.raises(TokenFileError, match="no token named 'robot'"):
        file.revoke("robot")
    assert [entry.name for entry in file.entries()] == ["bot"]


def test_two_commands_at_once_do_not_undo_each_other(path: Path) -> None:
    refused: list[str] = []

    def add(name: str) -> None:
        try:
            TokenFile(path).add(name, READ, OWN)
        except TokenFileError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=add, args=(f"bot-{number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(TokenFile(path).entries()) + len(refused) == 20
    assert all("Another command is writing" in text for text in refused)


def test_the_command_makes_lists_and_revokes(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(path))
    assert main(["token", "add", "bot", "--customer", OWN]) == 0
    assert main(["token", "add", "reports", "--org"]) == 0
    made = capsys.readouterr().out.split()
    assert [TokenFile(path).check(text).caller.name for text in made] == ["bot", "reports"]
    assert main(["token", "list"]) == 0
    bot, reports = capsys.readouterr().out.splitlines()
    assert bot.split()[0::2] == ["bot", OWN, "orders:write"]
    assert reports.split()[2:] == ["organisation", "orders:read", "org"]
    assert main(["token", "revoke", "bot"]) == 0
    assert main(["token", "revoke", "bot"]) == 1
    assert [entry["name"] for entry in json.loads(path.read_text())["tokens"]] == ["reports"]


@pytest.mark.parametrize("whose", [[], ["--customer", ""], ["--customer", OWN, "--org"]])
def test_the_command_makes_no_token_without_being_told_whose_objects_it_sees(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], whose: list[str]
) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(path))
    with pytest.raises(SystemExit) as ended:
        main(["token", "add", "bot", *whose])
    assert ended.value.code == 2
    assert "--customer" in capsys.readouterr().err
    assert not path.exists()


def test_the_command_makes_a_token_that_may_order_for_everybody(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(path))
    assert main(["token", "add", "desk", "--org", "--scopes", "orders:read,orders:write"]) == 0
    assert [entry.scopes for entry in TokenFile(path).entries()] == [("orders:read", "orders:write", "org")]


def test_the_command_says_which_variable_names_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NOMOS_MCP_TOKENS_FILE", raising=False)
    assert main(["token", "list"]) == 2
    assert "NOMOS_MCP_TOKENS_FILE: not set" in capsys.readouterr().err
