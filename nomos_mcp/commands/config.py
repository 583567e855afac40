"""`nomos-mcp config`: a ready configuration for an assistant. stdout is what to paste, stderr says where."""

import argparse
import json
import os
import shlex
from typing import TYPE_CHECKING

from nomos_mcp.commands.assistants import (
    ASSISTANTS,
    NAME,
    Assistant,
    command_line,
    configuration,
    entry,
    is_temporary,
    own_command,
)
from nomos_mcp.commands.command import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Subparsers,
    complain,
    new_command,
    note,
    settings_or_complaint,
)
from nomos_mcp.variables import ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:  # the client is loaded when the settings are read
    from nomos_mcp.settings import Settings

_HTTP = "http"
_URL = "http://127.0.0.1:8000/mcp"


def add(commands: Subparsers) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "config",
        run,
        summary="print a ready configuration for an assistant, and where to paste it",
        examples="  nomos-mcp config claude-code --demo         print the command that tells Claude Code\n"
        "  nomos-mcp config claude-desktop --write     write it into Claude Desktop's file, with a backup\n"
        "  nomos-mcp config cursor 2> /dev/null        the configuration alone, without where to paste it\n"
        "\nNOMOS_… variables that are set now are taken over. Secrets are never printed.\n",
    )
    parser.add_argument("assistant", choices=[*ASSISTANTS, _HTTP], help="whom to tell")
    parser.add_argument(
        "--demo",
        action="store_true",
        default=argparse.SUPPRESS,
        help="answer with invented data; no credentials needed",
    )
    parser.add_argument(
        "--write", action="store_true", help="merge it into the assistant's file instead, with a backup"
    )


def run(options: argparse.Namespace) -> int:
    """Print, or write."""
    settings = settings_or_complaint(demo=options.demo)
    if settings is None:
        return EXIT_USAGE
    if is_temporary():
        complain(
            "this installation is in a cache that may be emptied; `uv tool install nomos-mcp` makes one that stays."
        )
    if options.assistant == _HTTP:
        return _http(settings, write=options.write)
    assistant = ASSISTANTS[options.assistant]
    return _write(assistant, settings) if options.write else _print(assistant, settings)


def _print(assistant: Assistant, settings: "Settings") -> int:
    server = entry(assistant, _set_now(), demo=settings.demo)
    if assistant.command:
        print(command_line(server))
        note(assistant.paste)
    else:
        print(json.dumps(configuration(assistant, server), indent=2, ensure_ascii=False))
        note(f"{assistant.title} reads {assistant.file()}. {assistant.paste}")
    if not settings.demo and not assistant.prompts:
        cure = (
            "set them where it is started" if assistant.replaces else "replace them, or set the variables and --write"
        )
        note(f"${{NAME}} stands for a secret; {assistant.title} has to know it: {cure}.")
    return EXIT_OK


def _write(assistant: Assistant, settings: "Settings") -> int:
    from nomos_mcp.commands.merging import MergeError, merge  # noqa: PLC0415  most commands write nothing

    reveal = not assistant.replaces
    if reveal and not settings.demo and not settings.has_credentials:
        complain(
            f"{assistant.title} needs the credentials in its file, and none are set here. Set {CLIENT_ID} and "
            f"{CLIENT_SECRET} (or {ACCESS_TOKEN}) and try again, or use --demo. Nothing was changed."
        )
        return EXIT_USAGE
    file = assistant.file()
    server = entry(assistant, _set_now(), demo=settings.demo, reveal=reveal)
    try:
        backup = merge(file, configuration(assistant, server))
    except MergeError as error:
        complain(str(error))
        return EXIT_FAILED
    print(f"{file}: holds the server {NAME!r} now." + (f" As it was: {backup}" if backup else ""))
    return EXIT_OK


def _http(settings: "Settings", *, write: bool) -> int:
    if write:
        complain("a client of the HTTP service has no file that is known here. Leave out --write.")
        return EXIT_USAGE
    server: dict[str, object] = {"type": "http", "url": settings.http.public_url or _URL}
    if settings.http.authenticates:
        server["headers"] = {"Authorization": "Bearer ${NOMOS_MCP_TOKEN}"}
    command = [*own_command(), "http", *(["--demo"] if settings.demo else [])]
    print(json.dumps({"mcpServers": {NAME: server}}, indent=2))
    note(f"Start the service with: {shlex.join(command)}")
    note("Then paste this into your client's configuration.")
    if settings.http.authenticates:
        note("${NOMOS_MCP_TOKEN} stands for the caller's token: of your issuer, or of `nomos-mcp token add`.")
    return EXIT_OK


def _set_now() -> dict[str, str]:
    return {name: value.strip() for name, value in os.environ.items() if value.strip()}
