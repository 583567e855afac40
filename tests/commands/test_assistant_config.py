"""`nomos-mcp config`: what is printed works where it is pasted, secrets stay out, files are merged or left alone."""

import io
import json
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from nomos_mcp.cli import main
from nomos_mcp.commands.assistants import ASSISTANTS, WAY_OUT
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES

FILES = ["claude-desktop", "cursor", "vscode"]
SECRET = "s3cr3t-and-long-enough-to-be-a-state-key"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, a working folder and an environment in which nothing is set."""
    for variable in (*VARIABLES, *HTTP_VARIABLES):
        monkeypatch.delenv(variable.name, raising=False)
    for name in ("XDG_CONFIG_HOME", *WAY_OUT):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HOME", "APPDATA", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMOS_CLIENT_ID", "my-id")
    monkeypatch.setenv("NOMOS_CLIENT_SECRET", SECRET)


def entry_in(text: str) -> dict[str, Any]:
    read = json.loads(text)
    servers = read.get("mcpServers") or read["servers"]
    entry: dict[str, Any] = servers["nomos"]
    return entry


@pytest.mark.slow
@pytest.mark.parametrize("assistant", FILES)
async def test_the_printed_entry_starts_a_server_that_answers(
    assistant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", assistant, "--demo"]) == 0
    entry = entry_in(capsys.readouterr().out)
    assert Path(entry["command"]).is_absolute()
    with anyio.fail_after(60):
        async with Client(StdioServerParameters(**entry)) as client:
            assert (await client.list_tools()).tools


def test_claude_code_is_told_by_one_command_that_a_shell_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "claude-code", "--demo"]) == 0
    words = shlex.split(capsys.readouterr().out)
    assert words[:-1] == ["claude", "mcp", "add-json", "--scope", "user", "nomos"]
    assert json.loads(words[-1])["args"][-1] == "--demo"


@pytest.mark.parametrize("assistant", FILES)
def test_where_to_paste_it_is_told_apart_from_what_to_paste(assistant: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", assistant])
    assert str(ASSISTANTS[assistant].file()) in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--demo"], ["--demo", "--write"]])
def test_claude_desktop_is_to_be_restarted_and_expects_no_variables_from_a_shell(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "claude-desktop", *arguments]) == 0
    said = capsys.readouterr().err
    assert "quit Claude Desktop and start it again" in said
    assert ("under mcpServers > nomos > env" in said) is (not arguments)
    assert "Set the variables" not in said


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("assistant", [*ASSISTANTS, "http"])
def test_no_secret_is_ever_printed(
    assistant: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_MCP_STATE_KEY", SECRET)
    assert main(["config", assistant]) == 0
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err


def test_vscode_is_told_to_ask_for_the_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    main(["config", "vscode"])
    text = capsys.readouterr().out
    asked = {entry["id"] for entry in json.loads(text)["inputs"]}
    assert {f"${{input:{name}}}" for name in asked} == set(entry_in(text)["env"].values())


def test_settings_that_are_no_secret_are_taken_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("NOMOS_MCP_READ_ONLY", " 1 ")
    monkeypatch.setenv("NOMOS_MCP_AUDIT_FILE", "audit.jsonl")
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", SECRET)
    main(["config", "cursor"])
    assert entry_in(capsys.readouterr().out)["env"] == {
        "NOMOS_MCP_READ_ONLY": "1",
        "NOMOS_MCP_AUDIT_FILE": str(home / "audit.jsonl"),
        "NOMOS_ACCESS_TOKEN": "${env:NOMOS_ACCESS_TOKEN}",
    }


def test_the_way_out_of_a_companys_network_is_taken_over_without_a_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", SECRET)
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{SECRET}@proxy.example.com:8080")
    monkeypatch.setenv("no_proxy", ".example.internal")
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    main(["config", "cursor"])
    printed = capsys.readouterr()
    assert "HTTPS_PROXY may hold a password and was left out" in printed.err
    assert SECRET not in printed.out + printed.err
    assert entry_in(printed.out)["env"] == {
        "NO_PROXY": ".example.internal",
        "SSL_CERT_FILE": str(home / "ca.pem"),
        "NOMOS_ACCESS_TOKEN": "${env:NOMOS_ACCESS_TOKEN}",
    }
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:8080")
    main(["config", "cursor"])
    assert entry_in(capsys.readouterr().out)["env"]["HTTPS_PROXY"] == "http://proxy.example.com:8080"
    monkeypatch.setenv("https_proxy", "http://other.example.com:8080")  # which is the one that Python uses
    main(["config", "cursor"])
    assert entry_in(capsys.readouterr().out)["env"]["HTTPS_PROXY"] == "http://other.example.com:8080"


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("HTTPS_PROXY", "me:%s@proxy"),
        ("https_proxy", "http://me:%s@proxy:8080"),
        ("ALL_PROXY", "http://me%%3A%s%%40proxy:8080"),
        ("all_proxy", "http://proxy:8080/?password=%s"),
        ("NO_PROXY", "example.com,me:%s@proxy"),
    ],
)
def test_a_password_is_left_out_of_every_variable(
    name: str, way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", "token")
    monkeypatch.setenv(name, way % SECRET)
    main(["config", "cursor"])
    printed = capsys.readouterr()
    assert SECRET not in printed.out + printed.err
    assert f"{name.upper()} may hold a password" in printed.err


@pytest.mark.parametrize(
    "way", ["proxy:8080", "http://10.0.0.1:3128/", "https://proxy.example.com", "http://[::1]:8080"]
)
def test_an_address_alone_is_taken_over(
    way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", "token")
    monkeypatch.setenv("HTTPS_PROXY", f" {way} ")
    main(["config", "cursor"])
    assert entry_in(capsys.readouterr().out)["env"]["HTTPS_PROXY"] == way


@pytest.mark.usefixtures("credentials")
def test_a_demo_is_handed_neither_credentials_nor_a_host(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_BASE_URL", "https://api.sandbox.nomos.energy")
    main(["config", "claude-desktop", "--demo"])
    assert entry_in(capsys.readouterr().out)["env"] == {}


def test_wrong_settings_are_told_and_not_passed_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_CLIENT_ID", "my-id")
    assert main(["config", "cursor"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "NOMOS_CLIENT_SECRET: not set" in printed.err


def test_the_http_service_is_named_by_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "http", "--demo"]) == 0
    printed = capsys.readouterr()
    assert entry_in(printed.out)["url"].startswith("http://127.0.0.1:")
    assert "http --demo" in printed.err
    assert main(["config", "http", "--write"]) == 2


def test_callers_that_have_to_show_a_token_are_told_where_to_put_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_MCP_TOKENS_FILE", str(home / "tokens.json"))
    monkeypatch.setenv("NOMOS_MCP_PUBLIC_URL", "https://mcp.example.com/mcp")
    assert main(["config", "http"]) == 0
    printed = capsys.readouterr()
    entry = entry_in(printed.out)
    assert entry["url"] == "https://mcp.example.com/mcp"
    assert entry["headers"] == {"Authorization": "Bearer ${NOMOS_MCP_TOKEN}"}
    assert "nomos-mcp token add" in printed.err


@pytest.mark.parametrize("assistant", ASSISTANTS)
def test_writing_makes_the_file_and_its_folder(assistant: str) -> None:
    assert main(["config", assistant, "--demo", "--write"]) == 0
    file = ASSISTANTS[assistant].file()
    assert entry_in(file.read_text(encoding="utf-8"))["args"][-1] == "--demo"
    assert list(file.parent.glob("*.backup-*")) == []


@pytest.mark.usefixtures("credentials")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_only_a_file_that_needs_the_secret_gets_it_and_only_its_owner_reads_it() -> None:
    for assistant, described in ASSISTANTS.items():
        assert main(["config", assistant, "--write"]) == 0
        file = described.file()
        assert (SECRET in file.read_text(encoding="utf-8")) is (assistant == "claude-desktop")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.usefixtures("credentials")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_a_file_that_others_may_read_is_closed_to_them_before_it_gets_the_secret() -> None:
    file = ASSISTANTS["claude-desktop"].file()
    file.parent.mkdir(parents=True)
    file.write_text("{}", encoding="utf-8")
    file.chmod(0o644)
    for again in range(2):
        assert main(["config", "claude-desktop", "--write"]) == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, again
        file.chmod(0o644)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_a_file_without_a_secret_stays_as_open_as_it_was(home: Path) -> None:
    file = home / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text("{}", encoding="utf-8")
    file.chmod(0o644)
    assert main(["config", "cursor", "--demo", "--write"]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.parametrize("options", [[], ["--write"], ["--link"]])
def test_what_is_not_text_is_told_and_goes_into_no_configuration(
    options: list[str], home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", SECRET)
    monkeypatch.setenv("SSL_CERT_FILE", str(home / "\udcff.pem"))  # a name that is not UTF-8
    assert main(["config", "cursor", *options]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "not UTF-8" in printed.err
    assert not (home / ".cursor").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use stays there")
@pytest.mark.parametrize("arguments", [["vscode"], ["vscode", "--write"], ["cursor"]])
def test_a_working_folder_that_is_gone_is_told(
    arguments: list[str], home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    (home / "gone").rmdir()
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    monkeypatch.setenv("NOMOS_ACCESS_TOKEN", SECRET)
    assert main(["config", *arguments]) == 1
    assert "folder that this was started in does not exist" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_that_leads_to_itself_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".cursor").mkdir()
    (home / ".cursor" / "mcp.json").symlink_to("mcp.json")
    assert main(["config", "cursor", "--demo", "--write"]) == 1
    assert "mcp.json: is a link that leads to itself. Nothing was changed" in capsys.readouterr().err


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("history.db", "{here}/history.db"),
        ("~/history.db", "{here}/history.db"),
        ("sqlite:///history.db", "sqlite:///{here}/history.db"),
        ("sqlite:////var/lib/../history.db", "sqlite:////var/lib/../history.db"),
        ("postgresql://u:p@db.example.com/nomos", "postgresql://u:p@db.example.com/nomos"),
    ],
)
def test_a_database_in_a_file_is_the_same_file_wherever_claude_desktop_starts_the_server(
    given: str, written: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_MCP_DATABASE", given)
    assert main(["config", "claude-desktop", "--write"]) == 0
    entry = entry_in(ASSISTANTS["claude-desktop"].file().read_text(encoding="utf-8"))
    assert entry["env"]["NOMOS_MCP_DATABASE"] == written.format(here=home)


def test_a_file_that_needs_the_secret_is_not_written_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "claude-desktop", "--write"]) == 2
    assert "NOMOS_CLIENT_ID" in capsys.readouterr().err
    assert not ASSISTANTS["claude-desktop"].file().exists()


def test_what_else_is_in_the_file_stays_and_the_file_is_backed_up(home: Path) -> None:
    file = home / ".cursor" / "mcp.json"
    file.parent.mkdir()
    before = '{"theme": "ä", "mcpServers": {"other": {"command": "x"}, "nomos": {"command": "old", "env": {"A": "1"}}}}'
    file.write_text(before, encoding="utf-8")
    assert main(["config", "cursor", "--demo", "--write"]) == 0
    after = json.loads(file.read_text(encoding="utf-8"))
    assert after["theme"] == "ä"
    assert after["mcpServers"]["other"] == {"command": "x"}
    assert after["mcpServers"]["nomos"]["env"] == {}
    assert (home / ".cursor" / "mcp.json.backup-1").read_text(encoding="utf-8") == before


def test_writing_twice_changes_nothing_and_a_second_change_keeps_both_backups(home: Path) -> None:
    file = home / ".cursor" / "mcp.json"
    for arguments, backups in (["--demo"], 0), (["--demo"], 0), ([], 1), (["--demo"], 2):
        assert main(["config", "cursor", "--write", *arguments]) == 0
        assert len(list(file.parent.glob("*.backup-*"))) == backups


def test_what_vscode_asks_for_is_added_once(home: Path) -> None:
    file = home / ".vscode" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"inputs": [{"id": "NOMOS_CLIENT_ID", "type": "promptString", "description": "mine"}]}')
    assert main(["config", "vscode", "--write"]) == 0
    asked = {entry["id"]: entry["description"] for entry in json.loads(file.read_text(encoding="utf-8"))["inputs"]}
    assert list(asked) == ["NOMOS_CLIENT_ID", "NOMOS_CLIENT_SECRET"]
    assert asked["NOMOS_CLIENT_ID"] == "mine"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"mcpServers": {}', "cannot be read as JSON"),
        (b'{"mcpServers": {} // mine\n}', "cannot be read as JSON"),
        (b'{"a": 1, "a": 2}', "occurs twice"),
        (b'{"theme": "\xff"}', "cannot be read as JSON"),
        (b"[]", "holds no JSON object"),
        (b'{"mcpServers": []}', "unexpected form"),
        (b'{"mcpServers": null}', "unexpected form"),
        (b'{"theme": "\\ud83d"}', "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
    ],
)
def test_what_cannot_be_read_for_certain_is_left_alone(
    content: bytes, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_bytes(content)
    assert main(["config", "cursor", "--demo", "--write"]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert "Nothing was changed" in printed
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_in_the_files_place_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".cursor" / "mcp.json").mkdir(parents=True)
    assert main(["config", "cursor", "--demo", "--write"]) == 1
    assert "Nothing was changed" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link_and_an_empty_file_is_filled(home: Path) -> None:
    (home / "dotfiles").mkdir()
    (home / ".cursor").mkdir()
    (home / "dotfiles" / "mcp.json").write_bytes(b"\xef\xbb\xbf")
    (home / ".cursor" / "mcp.json").symlink_to(home / "dotfiles" / "mcp.json")
    assert main(["config", "cursor", "--demo", "--write"]) == 0
    assert (home / ".cursor" / "mcp.json").is_symlink()
    assert entry_in((home / "dotfiles" / "mcp.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("platform", "where"),
    [
        ("darwin", "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", "Claude/claude_desktop_config.json"),
        ("linux", ".config/Claude/claude_desktop_config.json"),
    ],
)
def test_the_file_of_claude_desktop_is_where_its_platform_keeps_it(
    platform: str, where: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    assert ASSISTANTS["claude-desktop"].file() == home / where


_CLASSIC = "Claude/claude_desktop_config.json"
_PACKAGED = "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude/claude_desktop_config.json"


@pytest.mark.parametrize(
    ("there", "read"),
    [
        ([_PACKAGED], _PACKAGED),
        ([_CLASSIC, _PACKAGED], _PACKAGED),
        ([_CLASSIC], _CLASSIC),
        ([_CLASSIC, "Packages/Claude_pzs8sxrjxfjjc/x"], _CLASSIC),
        (["Packages/Claude_pzs8sxrjxfjjc/x", "Packages/Claude-Data/x"], _PACKAGED),
    ],
)
def test_on_windows_the_file_that_a_packaged_claude_desktop_reads_is_found(
    there: list[str], read: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    for path in there:
        (home / path).parent.mkdir(parents=True)
        (home / path).write_text("{}", encoding="utf-8")
    assert ASSISTANTS["claude-desktop"].file() == home / read


@pytest.mark.parametrize("options", [[], ["--write"]])
def test_an_unknown_home_is_told(
    options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    assert main(["config", "cursor", "--demo", *options]) == 1
    assert "Set HOME" in capsys.readouterr().err


@pytest.mark.parametrize("user", ["Jörg", "Łukasz"])
def test_a_name_outside_of_ascii_is_right_in_a_pipe_of_any_encoding(
    user: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOMOS_MCP_AUDIT_FILE", str(home / f"{user}.jsonl"))
    monkeypatch.setenv("HOME", str(home / user))
    (home / user).mkdir()
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")  # as Windows has it
    monkeypatch.setattr("sys.stdout", pipe)
    assert main(["config", "cursor", "--demo"]) == 0
    assert main(["config", "claude-code", "--demo"]) == 0
    assert main(["config", "cursor", "--demo", "--write"]) == 0
    pipe.flush()
    pipe.seek(0)
    configuration, command, *_ = pipe.read().rsplit("\n", maxsplit=3)
    assert (configuration + command).isascii()
    assert entry_in(configuration)["env"]["NOMOS_MCP_AUDIT_FILE"].endswith(f"{user}.jsonl")
    assert json.loads(shlex.split(command)[-1])["env"]["NOMOS_MCP_AUDIT_FILE"].endswith(f"{user}.jsonl")


def test_without_a_script_beside_it_the_interpreter_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(home / "python"))
    main(["config", "cursor", "--demo"])
    entry = entry_in(capsys.readouterr().out)
    assert [entry["command"], *entry["args"]] == [str(home / "python"), "-m", "nomos_mcp", "--demo"]


@pytest.mark.parametrize("folders", ["cache/uv/archive-v0/x", "cache/uv/builds-v0/.tmpx", "home/.cache/pipx/x"])
@pytest.mark.parametrize("option", [[], ["--link"], ["--write"]])
def test_an_installation_in_a_cache_is_warned_about(
    folders: str, option: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.prefix", str(Path("/", *folders.split("/"))))
    main(["config", "cursor", "--demo", *option])
    assert "uv tool install" in capsys.readouterr().err
