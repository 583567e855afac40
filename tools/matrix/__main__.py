"""`python -m tools.matrix`: try every client and framework, and write docs/clients.md.

`--short` tries those that `.ci/run` does, and writes nothing. `--only NAME` tries one.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import anyio
from mcp import Client as Asking, StdioServerParameters

from tools.matrix.clients import CLIENTS, Client, Transport
from tools.matrix.model import ORDER, ScriptedModel, scripted_model
from tools.matrix.page import Row, write_page
from tools.matrix.trial import SCRIPTS, Outcome, judge, play

ROOT: Final = Path(__file__).resolve().parents[2]
BIN: Final = Path(sys.executable).parent
STDIO: Final = (str(BIN / "nomos-mcp"), "--demo")
HTTP: Final = (str(BIN / "nomos-mcp"), "http", "--demo", "--port", "0")
INSTALLING: Final = 600.0  # seconds for the packages of one client


class NotInstalledError(Exception):
    """The packages of a client could not be installed; its text is what the installer said."""


def environment(home: Path) -> dict[str, str]:
    """Return what the scripts see: no keys, no telemetry, and nothing to be reached but this machine."""
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
        "OPENAI_API_KEY": "none",
        "OTEL_SDK_DISABLED": "true",
        "CREWAI_DISABLE_TELEMETRY": "true",
        "HAYSTACK_TELEMETRY_ENABLED": "False",
        "MCP_USE_ANONYMIZED_TELEMETRY": "false",
    }


def _run(*command: str, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLING, cwd=cwd, check=False)
    except subprocess.TimeoutExpired as expired:
        raise NotInstalledError(f"not installed after {expired.timeout:.0f} seconds") from None
    if done.returncode:
        raise NotInstalledError("not installed: " + re.sub(r"\s+", " ", done.stderr).strip())


@contextmanager
def installed(client: Client, work: Path) -> Iterator[list[str]]:
    """Install a client into a folder of its own, and return the command of its script. The folder is removed."""
    folder = work / "client"
    try:
        if client.is_node:
            shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("*.py"))
            _run("npm", "install", "--silent", "--no-fund", "--no-audit", *client.packages, cwd=folder)
            yield ["node", str(folder / client.script)]
        else:
            _run("uv", "venv", "--quiet", "--python", sys.executable, str(folder))
            python = str(folder / "bin" / "python")
            _run("uv", "pip", "install", "--quiet", "--python", python, *client.packages)
            yield [python, str(SCRIPTS / client.script)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def http_server() -> Iterator[str]:
    """Serve over HTTP, and return where."""
    with subprocess.Popen(HTTP, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            for line in process.stderr:
                if found := re.search(r"listening on (\S+)", line):
                    yield found[1]
                    break
            else:
                raise RuntimeError("The server did not start.")
        finally:
            process.terminate()
            process.communicate()


async def _reference() -> tuple[list[str], Mapping[str, Any]]:
    """Return the server's tools and the answer to what the model asks first."""
    async with Asking(StdioServerParameters(command=STDIO[0], args=list(STDIO[1:]))) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        answer = (await client.call_tool("get_meter_order", dict(ORDER))).structured_content
        assert answer
        return tools, answer


def tried(client: Client, transport: Transport, command: list[str], model: ScriptedModel, work: Path) -> Outcome:
    """Try a client over one transport."""
    tools, answer = anyio.run(_reference)
    with http_server() if transport == "HTTP" else nullcontext("") as url:
        return judge(client, play(client, command, (STDIO, url), model, environment(work)), tools, answer)


def rows_of(clients: Sequence[Client], model: ScriptedModel, work: Path) -> Iterator[Row]:
    """Try clients that need the same packages, and install these once."""
    try:
        with installed(clients[0], work) as command:
            for client in clients:
                for transport in client.transports:
                    yield Row(client, transport, tried(client, transport, command, model, work))
    except NotInstalledError as reason:
        for client in clients:
            for transport in client.transports:
                why = str(reason)
                yield Row(client, transport, Outcome(known=why) if client.optional else Outcome(failures=(why,)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 if every client passed."""
    parser = argparse.ArgumentParser(prog="python -m tools.matrix", description=__doc__)
    parser.add_argument("--short", action="store_true", help="those that .ci/run tries; writes nothing")
    parser.add_argument("--only", help="those whose name contains this; writes nothing")
    told = parser.parse_args(arguments)
    chosen = [each for each in CLIENTS if (each.short or not told.short) and (told.only or "") in each.name]
    if not chosen:
        parser.error("nothing has such a name")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, scripted_model() as model:
        for _, clients in groupby(chosen, key=lambda each: each.packages):
            for row in rows_of(list(clients), model, Path(folder)):
                print(row.line(), flush=True)
                rows.append(row)
    if not (told.short or told.only):
        write_page(rows)
    return any(row.outcome.failures for row in rows)


if __name__ == "__main__":
    sys.exit(main())
