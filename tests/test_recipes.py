"""The recipes of CONTRIBUTING.md, carried out in a copy of the tree: what fails until each is complete."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks

_COPIED = ("nomos_mcp", "apps", "examples", "tests", "prompts", "tools", "docs", "mcpb", "skills", "benchmarks")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "node_modules")


class Tree:
    """A copy of the tree to edit and to check."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for folder in _COPIED:
            shutil.copytree(ROOT / folder, root / folder, ignore=_NOT_COPIED)
        for file in ROOT.glob("*"):
            if file.is_file():
                shutil.copy(file, root)

    def write(self, path: str, text: str) -> None:
        (self._root / path).write_text(text, encoding="utf-8")

    def insert(self, path: str, before: str, text: str) -> None:
        """Insert a text before the one place where another text stands."""
        whole = (self._root / path).read_text(encoding="utf-8")
        assert whole.count(before) == 1, f"{path} holds {before!r} {whole.count(before)} times"
        self.write(path, whole.replace(before, text + before))

    def fails(self, *command: str, told: tuple[str, ...]) -> None:
        """Run a check that has to fail, and to say all of this (regular expressions)."""
        code, said = self._run(*command)
        assert code, f"passed although the recipe is incomplete: {command}"
        assert not [pattern for pattern in told if not re.search(pattern, said)], said[-2000:]

    def passes(self, *command: str, **environment: str) -> None:
        code, said = self._run(*command, **environment)
        assert code == 0, said[-2000:]

    def _run(self, *command: str, **environment: str) -> tuple[int, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self._root,
            env={**inherited, "PYTHONPATH": str(self._root), **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "tree")


def _pytest(*paths: str, only: str = "") -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, *(("-k", only) if only else ()))


LIST = ("-c", "import asyncio; from nomos_mcp.server import create_server; asyncio.run(create_server().list_tools())")
DOCUMENTS = ("-m", "tools.generate")


def test_a_new_read_only_tool_is_one_file_and_its_test(tree: Tree) -> None:
    tool, example, _ = (block.text for block in blocks("CONTRIBUTING.md", "python"))
    path, test = "nomos_mcp/server/tools/explain_word.py", "tests/server/test_explain_word.py"
    schemas = _pytest("tests/server/test_schemas.py", only="explain_word and auto")
    every_tool = ("tests/server/test_schemas.py", "tests/server/test_leaks.py", "tests/test_starting.py")
    of_the_tool = _pytest(*every_tool, only="auto and (explain_word or (foreign_and_unknown and curie))")

    tree.write(path, tool.partition("TOOL = ")[0])
    tree.fails(*LIST, told=(r"tools/explain_word\.py defines no tool of its name",))
    tree.write(path, tool)
    tree.fails(*schemas, told=("tool explain_word has no example",))
    tree.write(test, example.replace('    names_no_object=("word",),\n', ""))
    tree.fails(*of_the_tool, told=("explain_word: word", r"explain_word\.json is not how clients see the tool"))
    tree.fails(*DOCUMENTS, "--check", told=("make docs",))

    tree.write(test, example)
    tree.passes(*schemas, UPDATE_SNAPSHOTS="1")
    tree.passes(*DOCUMENTS)
    tree.passes(*of_the_tool, test)


def test_a_new_filter_is_one_argument_and_its_name_in_the_example(tree: Tree) -> None:
    (argument,) = (block.text for block in blocks("CONTRIBUTING.md", "text") if "UpstreamFilter" in block.text)
    path, place = "nomos_mcp/server/tools/list_subscriptions.py", "    limit: Annotated[int"
    test = "tests/server/test_list_subscriptions.py"
    before = (ROOT / path).read_text(encoding="utf-8")
    schemas = _pytest("tests/server/test_schemas.py", only="list_subscriptions and auto")
    calls = _pytest(test, only="cursor_of_another_tool and auto")

    tree.insert(path, place, _indented(re.sub(r"\n *UpstreamFilter.*", "", argument)))
    tree.fails(*calls, told=("list_subscriptions would ignore its argument 'updated_after'",))
    tree.write(path, before)
    tree.insert(path, place, _indented(argument))
    tree.fails(*schemas, told=(r"list_subscriptions\.json is not how clients see the tool", f"Say so in {test}"))

    whole = (ROOT / test).read_text(encoding="utf-8")
    tree.write(test, re.sub(r'("created_before",\s+)("limit")', r'\1"updated_after", \2', whole))
    tree.passes(*schemas, UPDATE_SNAPSHOTS="1")
    tree.passes(*calls)
    tree.passes("-c", _FILTERED)


_FILTERED = """
from urllib.parse import unquote
import anyio
from mcp import Client
from nomos_mcp.client import NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator

async def main():
    simulator = Simulator()
    nomos = NomosClient(client_id=DEMO.client_id, client_secret=DEMO.client_secret, app=simulator)
    async with nomos, Client(create_server(Settings(), client=nomos)) as client:
        asked = {"updated_after": "2026-05-27", "limit": 1}
        answer = await client.call_tool("list_subscriptions", asked)
        assert not answer.is_error, answer
        cursor = answer.structured_content["next_cursor"]
        other = await client.call_tool("list_subscriptions", {"limit": 1, "cursor": cursor})
        assert "belongs to another query" in other.content[0].text, other
    sent = unquote(str(simulator.requests))
    assert "filter[updated_at][gte]=2026-05-26T22:00:00Z" in sent, sent

anyio.run(main)
"""


def test_a_new_block_reason_is_one_entry_with_its_texts_and_its_row(tree: Tree) -> None:
    (entry,) = (block.text for block in blocks("CONTRIBUTING.md", "text") if "_inferred" in block.text)
    load = ("-c", "from nomos_mcp.lifecycle import glossary_markdown as g; g('en'); g('de')")
    checks = _pytest(
        *(f"tests/lifecycle/test_{name}.py" for name in ("catalogue", "order_states", "lifecycle_document")),
        only="overlay or row or locked or several_meanings",
    )

    tree.insert("nomos_mcp/lifecycle/statuses.py", '    "grid_operator_registration": _inf', _indented(entry))
    for language, texts, overlay in (
        ("en", _ENGLISH, "check_missing is the customer's turn"),
        ("de", _GERMAN, "Bei check_missing ist"),
    ):
        path = f"nomos_mcp/lifecycle/texts/{language}.toml"
        tree.fails(*load, told=(f"'{language}' are not complete.*blocked: meter_room_locked is missing",))
        tree.insert(path, "[blocked.grid_operator_registration]", _texts(*texts))
        tree.fails(*load, told=(f"'{language}'.*operator_action does not say whose turn meter_room_locked is",))
        tree.insert(path, overlay, "meter_room_locked: customer. ")
    tree.passes(*load)
    tree.fails(*checks, told=("what is expected of meter_room_locked",))
    tree.fails(*DOCUMENTS, "--check", told=("make docs",))

    tree.insert("tests/lifecycle/order_states.py", '    _curie("A submitted check is', _ROW)
    tree.passes(*DOCUMENTS)
    tree.passes(*checks)
    tree.passes("-c", "from nomos_mcp.server.server_factory import INSTRUCTIONS as i; assert 'meter_room_locked' in i")


_ENGLISH = (
    "The meter room is locked.",
    "Open the meter room.",
    "Your smart meter order is on hold, because the meter room is locked. Please open it.",
    "Your smart meter order is on hold, because the meter room is locked. Please keep {appointment} free.",
)
_GERMAN = (
    "Der Zählerraum ist verschlossen.",
    "Öffnen Sie den Zählerraum.",
    "Ihre Smart-Meter-Bestellung ist angehalten, weil der Zählerraum verschlossen ist. Bitte öffnen Sie ihn.",
    "Ihre Smart-Meter-Bestellung ist angehalten. Bitte halten Sie {appointment} frei.",
)
_ROW = """\
    _curie("A locked meter room is the customer's turn.", "placed", "customer",
           fields={"blocked_reason": "meter_room_locked", "blocked_at": EARLIER}, acts=True, always=(ON_HOLD,),
           never=(DYNAMIC, REVIEW, NOTHING_TO_DO)),
"""


def _texts(meaning: str, action: str, message: str, beside: str) -> str:
    entries = {
        "meaning": meaning,
        "customer_action": action,
        "customer_message": message,
        "already_done": message,
        "on_hold": message,
        "beside_appointment": beside,
        "do_not_say": meaning,
    }
    return "\n".join(["[blocked.meter_room_locked]", *(f'{name} = "{text}"' for name, text in entries.items()), "\n"])


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
