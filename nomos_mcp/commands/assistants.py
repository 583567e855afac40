"""What each assistant needs: where its configuration is, what an entry and a link look like, and how it gets a secret.

Sources: the assistants' documentation; that Claude Code replaces `${NAME}` was tried. A link holds what the file would
hold: references, and never a secret. VS Code's makers describe theirs in the README of their own server; Cursor's form
on its site was found in other projects' READMEs only.
"""

import base64
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from nomos_mcp.variables import ACCESS_TOKEN, BASE_URL, CLIENT_ID, CLIENT_SECRET, DATABASE, STATE_KEY, VARIABLES

NAME: Final = "nomos"
"""The server's name in an assistant's list."""

Entry = dict[str, object]

_CREDENTIALS: Final = (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN)
WAY_OUT: Final = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""How a company's network is left, in either case: an assistant passes on little but HOME and PATH by itself."""

_ADDRESS: Final = re.compile(r"(\w+://)?(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d+)?/?")
"""A host with its port."""


class InstallLink(NamedTuple):
    """A link that adds a server by a click."""

    direct: str  # opens the application
    web: str  # the same by way of the vendor's site: pages such as a README allow https only


@dataclass(frozen=True, slots=True)
class Assistant:
    """An application that starts the server."""

    title: str
    file: Callable[[], Path]
    key: str  # of the servers in that file
    paste: str  # what to do with the printed text
    reference: str  # what stands for a secret in an entry; %s is the variable's name
    replaces: bool = True  # the assistant replaces it with the secret; if not, a person or --write must
    prompts: bool = False  # the file also makes the assistant ask for the secrets
    command: bool = False  # configured by a command line instead of a file
    then: str = ""  # what to do once the server is in the file
    link: Callable[[Entry], InstallLink] | None = None


_DESKTOP: Final = Path("Claude", "claude_desktop_config.json")


def _desktop_file() -> Path:
    if sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        folder = _desktop_folder_of_windows()
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / _DESKTOP


def _desktop_folder_of_windows() -> Path:
    """As a package (MSIX, since 2026) it reads a copy of its own once there is one. Many report it; not tried here."""
    local = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    classic = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    packaged = [package / "LocalCache" / "Roaming" for package in sorted(local.glob("Packages/Claude_*"))]
    places = [*packaged, classic]
    return next((place for place in places if (place / _DESKTOP).exists()), places[0])


def _cursor_link(server: Entry) -> InstallLink:
    # Base64 may hold "+", which means a space in a query: so it is quoted.
    query = f"name={NAME}&config={quote(base64.b64encode(_ascii(server).encode()), safe='')}"
    return InstallLink(
        f"cursor://anysphere.cursor-deeplink/mcp/install?{query}", f"https://cursor.com/en/install-mcp?{query}"
    )


def _vscode_link(server: Entry) -> InstallLink:
    inputs = _prompted(server)
    whole = {"name": NAME, **server, **({"inputs": inputs} if inputs else {})}
    # VS Code decodes the query twice. A percent sign written as JSON's escape outlasts that.
    escaped = _ascii(whole).replace("%", "\\u0025")
    direct = f"vscode:mcp/install?{quote(escaped, safe='')}"
    return InstallLink(direct, f"https://insiders.vscode.dev/redirect?url={quote(direct, safe='')}")


def _ascii(value: object) -> str:
    """Return JSON as short as it can be, in ASCII: base64 is read as Latin-1 in a browser."""
    return json.dumps(value, separators=(",", ":"))


ASSISTANTS: Final[Mapping[str, Assistant]] = {
    "claude-desktop": Assistant(
        title="Claude Desktop",
        file=_desktop_file,
        key="mcpServers",
        paste="Merge it into the file (Settings > Developer > Edit Config).",
        then="Then quit Claude Desktop and start it again: it reads the file only when it starts.",
        reference="${%s}",
        replaces=False,
    ),
    "claude-code": Assistant(
        title="Claude Code",
        file=lambda: Path.cwd() / ".mcp.json",
        key="mcpServers",
        paste="Run it in a POSIX shell (on Windows in Git Bash: cmd and PowerShell quote otherwise). With --write the "
        "server goes into this folder's .mcp.json instead, where Claude Code asks for your approval.",
        reference="${%s}",
        command=True,
    ),
    "cursor": Assistant(
        title="Cursor",
        file=lambda: Path.home() / ".cursor" / "mcp.json",
        key="mcpServers",
        paste="Merge it into the file.",
        then="Cursor notices by itself.",
        reference="${env:%s}",
        link=_cursor_link,
    ),
    "vscode": Assistant(
        title="VS Code",
        file=lambda: Path.cwd() / ".vscode" / "mcp.json",
        key="servers",
        paste="Merge it into the file of your workspace.",
        then="Then press Start above the entry.",
        reference="${input:%s}",
        prompts=True,
        link=_vscode_link,
    ),
}


def entry(
    assistant: Assistant,
    environ: Mapping[str, str],
    *,
    demo: bool,
    reveal: bool = False,
    command: Sequence[str] = (),
) -> Entry:
    """The entry of the server in an assistant's configuration, with absolute paths.

    Args:
        assistant: The assistant that starts the server.
        environ: The settings to include: checked, and without empty ones.
        demo: Whether to answer from invented data; then no credentials are included.
        reveal: Whether to include the secrets themselves: only for a file, and only where nothing else works.
        command: What starts the server; by default this installation.
    """
    program, *arguments = command or own_command()
    return {
        "command": program,
        "args": [*arguments, "--demo"] if demo else arguments,
        "env": _environment(assistant, environ, demo=demo, reveal=reveal),
    }


def own_command() -> list[str]:
    """The command of this installation, by absolute path: desktop applications do not have a shell's PATH."""
    script = Path(sys.executable).with_name("nomos-mcp.exe" if sys.platform == "win32" else "nomos-mcp")
    return [str(script)] if script.exists() else [sys.executable, "-m", "nomos_mcp"]


def is_temporary() -> bool:
    """Whether this installation is in a cache that may be emptied, as with `uvx`, `uv run --with` and `pipx run`."""
    return bool({"archive-v0", "builds-v0", ".cache"} & set(Path(sys.prefix).parts))


def configuration(assistant: Assistant, server: Entry) -> Entry:
    """The content of an assistant's file, with this server only."""
    whole: Entry = {assistant.key: {NAME: server}}
    if assistant.prompts and (inputs := _prompted(server)):
        whole["inputs"] = inputs
    return whole


def command_line(server: str) -> str:
    """The command that adds the server, whose entry is given as JSON, to Claude Code for every project of this user."""
    return shlex.join(["claude", "mcp", "add-json", "--scope", "user", NAME, server])


def _environment(assistant: Assistant, environ: Mapping[str, str], *, demo: bool, reveal: bool) -> dict[str, str]:
    if DATABASE in environ:
        environ = {**environ, DATABASE: _absolute(environ[DATABASE])}
    taken = {
        variable.name: str(Path(environ[variable.name]).absolute())  # the assistant starts it in another folder
        if variable.kind == "filepath"
        else environ[variable.name]
        for variable in VARIABLES
        if variable.name in environ and not variable.secret and variable.name not in _CREDENTIALS
    }
    if demo:
        taken.pop(BASE_URL, None)
        return taken
    taken |= {name: value for name, value in way_out(environ).items() if not may_hold_password(name, value)}
    credentials = _CREDENTIALS[2:] if ACCESS_TOKEN in environ else _CREDENTIALS[:2]
    secrets = [*credentials, *(name for name in (STATE_KEY, DATABASE) if name in environ)]
    return taken | {name: environ[name] if reveal else assistant.reference % name for name in secrets}


def _absolute(database: str) -> str:
    scheme = "sqlite:///" if database.startswith("sqlite:///") else ""
    path = database.removeprefix(scheme)
    return database if "://" in path else f"{scheme}{Path(path).expanduser().absolute()}"


def way_out(environ: Mapping[str, str]) -> dict[str, str]:
    """The proxies and authorities of the environment, with absolute paths.

    Of a proxy's name in both cases the lower one counts, as it does for the client.
    """
    found = {name: environ.get(name.lower()) or environ.get(name, "") for name in WAY_OUT}
    return {
        name: str(Path(value).absolute()) if name.startswith("SSL_") else value
        for name, value in found.items()
        if value
    }


def may_hold_password(name: str, value: str) -> bool:
    """Whether a variable of `way_out` holds more than an address, however a password in it may be written."""
    if name in {"HTTPS_PROXY", "ALL_PROXY"}:
        return not _ADDRESS.fullmatch(value)
    return name == "NO_PROXY" and "@" in value


def _prompted(server: Entry) -> list[Entry]:
    """What makes the assistant ask for each secret that the entry refers to as an input."""
    environment = server["env"]
    words = {variable.name: variable.purpose for variable in VARIABLES}
    return [
        {"type": "promptString", "id": name, "description": f"Nomos: {words[name]}", "password": True}
        for name, value in (environment.items() if isinstance(environment, dict) else ())
        if value == f"${{input:{name}}}"
    ]
