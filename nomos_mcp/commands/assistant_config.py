"""`nomos-mcp config`: a ready configuration for an assistant. stdout is what to paste, stderr says where.

With `--write` it is merged into the assistant's JSON file. A file that cannot be read with certainty is left as it is.
With `--link` it becomes a link that adds the server by a click.
"""

import argparse
import getpass
import io
import json
import os
import shlex
import signal
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from nomos_mcp.commands.assistants import (
    ASSISTANTS,
    NAME,
    Assistant,
    Entry,
    command_line,
    configuration,
    entry,
    is_temporary,
    may_hold_password,
    own_command,
    way_out,
)
from nomos_mcp.commands.command import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Subparsers,
    add_demo,
    complain,
    new_command,
    note,
    settings_or_complaint,
)
from nomos_mcp.variables import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:  # the client is loaded when the settings are read
    from nomos_mcp.settings import Settings

_HTTP = "http"
_LONGEST_LINK = 2082  # characters that ShellExecute takes, by Microsoft's article 263909
_URL = "http://127.0.0.1:8000/mcp"


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "config",
        run,
        summary="print a ready configuration for an assistant, and where to paste it",
        examples="  nomos-mcp config claude-code --demo         print the command that tells Claude Code\n"
        "  nomos-mcp config claude-desktop --write     write it into Claude Desktop's file, with a backup\n"
        "  nomos-mcp config cursor --link              print a link that adds it to Cursor by a click\n"
        "  nomos-mcp config cursor 2> /dev/null        the configuration alone, without where to paste it\n"
        "\nNOMOS_… variables that are set now are included, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE too. Secrets are\n"
        "never printed. Claude Desktop needs the credentials in its file: --write takes them from the variables, or\n"
        "asks for them in a terminal.\n",
    )
    parser.add_argument("assistant", choices=[*ASSISTANTS, _HTTP], help="which assistant, or http for any HTTP client")
    add_demo(parser, "answer from invented data; no credentials needed")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--write", action="store_true", help="merge it into the assistant's file instead, with a backup"
    )
    instead.add_argument(
        "--link", action="store_true", help="print a link instead that adds it by a click (cursor, vscode)"
    )


def run(options: argparse.Namespace) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):  # it names files, whose names it may not be able to show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _run(options)
    except UnicodeEncodeError:
        complain("a path or a setting here is not UTF-8, and no configuration can hold it. Nothing was changed.")
    except FileNotFoundError:
        complain("the folder that this was started in does not exist any more. Change to another one.")
    except RuntimeError:  # of pathlib: neither a variable nor the system names it
        complain("this user's home folder is unknown. Set HOME to it.")
    return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    settings = settings_or_complaint(demo=options.demo)
    if settings is None:
        return EXIT_USAGE
    if is_temporary():
        complain(
            "this installation is in a temporary cache, and the assistant finds no server once that is emptied. Run "
            "`uv tool install nomos-mcp` for a permanent one (in a clone, `uv tool install .`), and then this again."
        )
    for name, value in way_out(os.environ).items():
        if may_hold_password(name, value) and not settings.demo and options.assistant != _HTTP:
            complain(f"{name} may hold a password and was left out. docs/proxy.md says what to do.")
    if options.link:
        return _print_link(options.assistant, settings)
    if options.assistant == _HTTP:
        return _print_http(settings, write=options.write)
    assistant = ASSISTANTS[options.assistant]
    return _write(assistant, settings) if options.write else _print(assistant, settings)


class _MergeError(Exception):
    """The file is not JSON of the expected form, or cannot be read or written, and was left as it is."""


def _print(assistant: Assistant, settings: "Settings") -> int:
    server = _entry(assistant, _environment(), settings)
    # A configuration is UTF-8, and a pipe of Windows is not: ASCII is the same in both.
    escape = not sys.stdout or sys.stdout.encoding.lower() != "utf-8"
    if assistant.command:
        print(command_line(json.dumps(server, ensure_ascii=escape)))
        note(assistant.paste)
    else:
        print(json.dumps(configuration(assistant, server), indent=2, ensure_ascii=escape))
        note(f"{assistant.title} reads {assistant.file()}. {assistant.paste}")
    _note_secrets(assistant, settings)
    if assistant.then:
        note(assistant.then)
    return EXIT_OK


def _note_secrets(assistant: Assistant, settings: "Settings") -> None:
    """Say how the assistant gets the secrets that the printed text only refers to."""
    if settings.demo:
        return
    if assistant.prompts:
        note(f"{assistant.title} asks for the secrets when it starts the server.")
    elif assistant.replaces:
        reference = assistant.reference % "NAME"
        note(f"{reference} stands for a secret. Set the variables in the environment that {assistant.title} starts in.")
    else:
        note(
            f"{assistant.title} takes no variables from a shell. In the file, under {assistant.key} > {NAME} > env, "
            "write your values in place of each ${…}. Or run this again with --write, which asks for the credentials."
        )


def _print_link(name: str, settings: "Settings") -> int:
    assistant = ASSISTANTS.get(name)
    if assistant is None or assistant.link is None:
        title = assistant.title if assistant else "An HTTP client"
        have_one = " and ".join(each for each, described in ASSISTANTS.items() if described.link)
        complain(
            f"--link: {title} has no link that adds a server. {have_one} have one. Leave out --link to see what to "
            "paste."
        )
        return EXIT_USAGE
    link = assistant.link(_entry(assistant, _environment(), settings))
    print(link.direct)
    note(f"Open it on this machine, in a browser for example: {assistant.title} shows what it would add, and asks you.")
    note(f"Where only https links work, this one leads there by way of {assistant.title}'s site: {link.web}")
    note("That site sees what the link holds: paths and settings, and no secret.")
    if len(link.direct) > _LONGEST_LINK:
        long = f"The link has {len(link.direct):,} characters"
        note(f"{long}, and Windows opens no more than {_LONGEST_LINK:,}: use --write there.")
    _note_secrets(assistant, settings)
    return EXIT_OK


def _print_http(settings: "Settings", *, write: bool) -> int:
    if write:
        complain("--write: HTTP clients have no common configuration file. Leave out --write and paste the output.")
        return EXIT_USAGE
    server: dict[str, object] = {"type": "http", "url": settings.http.public_url or _URL}
    if settings.http.authenticates:
        server["headers"] = {"Authorization": "Bearer ${NOMOS_MCP_TOKEN}"}
    command = [*own_command(), "http", *(["--demo"] if settings.demo else [])]
    print(json.dumps({"mcpServers": {NAME: server}}, indent=2))
    note(f"Start the server with: {shlex.join(command)}")
    note("Then paste this into your client's configuration.")
    if settings.http.authenticates:
        note("${NOMOS_MCP_TOKEN} stands for the caller's token, from your issuer or from `nomos-mcp token add`.")
    return EXIT_OK


def _write(assistant: Assistant, settings: "Settings") -> int:
    environ = _environment()
    file = assistant.file()
    reveal = not assistant.replaces
    try:
        _merge(file, {}, private=False)  # so that nobody types a secret for a file that cannot be read
    except _MergeError as error:
        complain(f"{file}: {error}")
        return EXIT_FAILED
    if reveal and not settings.demo and not settings.has_credentials:
        if not (sys.stdin and sys.stdin.isatty() and sys.stderr and sys.stderr.isatty()):
            complain(
                f"{assistant.title} needs the credentials in its file, and none are set here. Run this in a terminal, "
                f"where it asks for them, or set {CLIENT_ID} and {CLIENT_SECRET} (or {ACCESS_TOKEN}), or use --demo. "
                "Nothing was changed."
            )
            return EXIT_USAGE
        asked = _asked_credentials()
        if asked is None:
            complain("no credentials were given, or they are not UTF-8. Nothing was changed.")
            return EXIT_USAGE
        environ |= asked
    server = _entry(assistant, environ, settings, reveal=reveal)
    try:
        backup = _merge(file, configuration(assistant, server), private=reveal and not settings.demo)
    except _MergeError as error:
        complain(f"{file}: {error}")
        return EXIT_FAILED
    print(f"{file}: now has the server {NAME!r}." + (f" Backup of the old file: {backup}" if backup else ""))
    if not reveal:
        _note_secrets(assistant, settings)
    if assistant.then:
        note(assistant.then)
    return EXIT_OK


def _asked_credentials() -> dict[str, str] | None:
    """Ask at the terminal, without showing the secret; return both by the names of their variables, or None."""
    # With the system's own handler, Ctrl-C would end the process before the terminal shows again what is typed.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.stderr.write("Client ID: ")
        sys.stderr.flush()
        client_id = sys.stdin.readline().strip()
        client_id.encode()  # what is not UTF-8 may get here
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)  # it would go on, and show what is typed
            secret = client_id and getpass.getpass("Client secret (not shown): ", sys.stderr).strip()
    except (EOFError, KeyboardInterrupt, UnicodeError, getpass.GetPassWarning):
        sys.stderr.write("\n")
        return None
    finally:
        signal.signal(signal.SIGINT, before)
    return {CLIENT_ID: client_id, CLIENT_SECRET: secret} if client_id and secret else None


def _environment() -> dict[str, str]:
    return {name: value.strip() for name, value in os.environ.items() if value.strip()}


def _entry(assistant: Assistant, environ: Mapping[str, str], settings: "Settings", *, reveal: bool = False) -> Entry:
    server = entry(assistant, environ, demo=settings.demo, reveal=reveal)
    json.dumps(server, ensure_ascii=False).encode()  # a path may be bytes that no text has
    return server


def _merge(file: Path, addition: Mapping[str, object], *, private: bool) -> Path | None:
    """Merge an addition into a JSON file, whole or not at all; a link stays a link.

    Objects are merged two levels deep: a server of the same name is replaced, not mixed. A list gets the entries whose
    `id` it lacks. If the file is `private`, only its owner may read it then. Returns the backup of the old file; None
    if there was no file, or nothing to change.
    """
    target = Path(os.path.realpath(file))  # where a link leads to itself, `resolve` depends on Python's version
    if target.is_symlink():
        raise _MergeError("is a link that leads to itself. Nothing was changed.")
    try:
        before = target.read_bytes() if target.exists() else None
        old = _read(before or b"")
        new = {**old, **{key: _merged(key, old.get(key, type(value)()), value) for key, value in addition.items()}}
        mode = 0o600 if before is None else target.stat().st_mode & (0o700 if private else 0o777)
        if new == old:
            if private:
                target.chmod(mode)
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        backup = None
        if before is not None:
            names = (target.with_name(f"{target.name}.backup-{number}") for number in count(1))
            backup = next(name for name in names if not name.exists())
            _create(backup, before, mode)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".nomos-mcp-") as folder:
            draft = Path(folder) / target.name
            _create(draft, f"{json.dumps(new, indent=2, ensure_ascii=False)}\n".encode(), mode)
            draft.replace(target)  # so that nobody ever sees half of the file
    except OSError as error:
        raise _MergeError(f"{error.strerror}. Nothing was changed.") from None
    return backup


def _read(content: bytes) -> dict[str, object]:
    try:
        read = json.loads(content.decode("utf-8-sig") or "{}", object_pairs_hook=_without_duplicates)
        json.dumps(read, ensure_ascii=False).encode()  # an escape may stand for half a character
    except (ValueError, RecursionError) as error:  # a wrong encoding is one too
        raise _MergeError(f"cannot be read as JSON ({error}). Nothing was changed; merge it by hand.") from None
    if not isinstance(read, dict):
        raise _MergeError("holds no JSON object. Nothing was changed; merge it by hand.")
    return read


def _without_duplicates(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    if len(read := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return read


def _merged(key: str, old: object, addition: object) -> object:
    if isinstance(addition, dict) and isinstance(old, dict):
        return {**old, **addition}
    if isinstance(addition, list) and isinstance(old, list):
        known = [entry.get("id") for entry in old if isinstance(entry, dict)]
        return [*old, *(entry for entry in addition if entry["id"] not in known)]
    raise _MergeError(f'"{key}" has an unexpected form. Nothing was changed; merge it by hand.')


def _create(file: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(content)
