"""The recipes of CONTRIBUTING.md, carried out in a copy of the tree: what fails until each is complete."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks

_COPIED = ("nomos_mcp", "tests", "prompts", "tools", "docs", "mcpb", "benchmarks")
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

    def fails(self, told: str, *command: str) -> None:
        """Run a check that has to fail and say something (a regular expression)."""
        code, said = self._run(*command)
        assert code, f"passed although the recipe is incomplete: {command}"
        assert re.search(told, said), said[-2000:]

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
    return ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *paths, *(("-k", only) if only else ()))


START = ("-c", "from nomos_mcp.server import create_server; create_server()")
SCHEMAS = _pytest("tests/server/test_schemas.py", only="(explain_word or list_subscriptions) and auto")
DOCUMENTS = ("-m", "tools.generate")
_ABOUT_EVERY_TOOL = ("tests/server/test_schemas.py", "tests/test_starting.py")
LEAKS = _pytest("tests/server/test_leaks.py", only="foreign_and_unknown and auto and curie")


def test_a_new_read_only_tool_is_one_file_and_its_test(tree: Tree) -> None:
    tool, example, _ = (block.text for block in blocks("CONTRIBUTING.md", "python"))
    path = "nomos_mcp/server/tools/explain_word.py"

    tree.write(path, tool.partition("TOOL = ")[0])
    tree.fails(r"tools/explain_word\.py defines no tool of its name", *START)

    tree.write(path, tool)
    tree.fails("tool explain_word has no example", *SCHEMAS)

    tree.write("tests/server/test_explain_word.py", example.replace('    names_no_object=("word",),\n', ""))
    tree.fails("explain_word: word", *LEAKS)

    tree.write("tests/server/test_explain_word.py", example)
    tree.fails(r"explain_word\.json is not how clients see the tool", *SCHEMAS)
    tree.passes(*SCHEMAS, UPDATE_SNAPSHOTS="1")
    tree.fails("make docs", *DOCUMENTS, "--check")
    tree.passes(*DOCUMENTS)
    tree.passes(*LEAKS)
    of_the_tool = _pytest(*_ABOUT_EVERY_TOOL, "tests/server/test_explain_word.py", only="explain_word and auto")
    tree.passes(*of_the_tool)


def test_a_new_filter_is_one_argument_and_its_name_in_the_example(tree: Tree) -> None:
    (argument,) = (block.text for block in blocks("CONTRIBUTING.md", "text") if "UpstreamFilter" in block.text)
    ignored = re.sub(r"\n *UpstreamFilter.*", "", argument)
    path, place = "nomos_mcp/server/tools/list_subscriptions.py", "    limit: Annotated[int"
    calls = _pytest("tests/server/test_list_subscriptions.py", only="not legacy")
    before = (ROOT / path).read_text(encoding="utf-8")

    tree.insert(path, place, _indented(ignored))
    tree.fails("list_subscriptions would ignore its argument 'updated_after'", *calls)

    tree.write(path, before)
    tree.insert(path, place, _indented(argument))
    tree.fails(r"list_subscriptions\.json is not how clients see the tool", *SCHEMAS)

    test = "tests/server/test_list_subscriptions.py"
    whole = (ROOT / test).read_text(encoding="utf-8")
    tree.write(test, whole.replace('"created_before", "limit"', '"created_before", "updated_after", "limit"'))
    tree.passes(*SCHEMAS, UPDATE_SNAPSHOTS="1")
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
    load = ("-c", "from nomos_mcp.lifecycle import summarise, glossary_markdown as g; g('en'); g('de')")
    states = _pytest("tests/lifecycle/test_order_states.py", only="row or locked")
    catalogue = _pytest("tests/lifecycle/test_catalogue.py")

    tree.insert("nomos_mcp/lifecycle/statuses.py", '    "grid_operator_registration": _inf', _indented(entry))
    tree.fails("'en' are not complete.*blocked: meter_room_locked is missing", *load)
    tree.insert("nomos_mcp/lifecycle/texts/en.toml", "[blocked.grid_operator_registration]", _texts(*_ENGLISH))
    tree.fails("'de' are not complete.*blocked: meter_room_locked is missing", *load)
    tree.insert("nomos_mcp/lifecycle/texts/de.toml", "[blocked.grid_operator_registration]", _texts(*_GERMAN))
    tree.passes(*load)

    tree.fails(r"\[overlay\] operator_action of en.toml whose turn meter_room_locked is", *catalogue)
    for language, before in (("en", "check_missing is the customer's turn"), ("de", "Bei check_missing ist")):
        tree.insert(f"nomos_mcp/lifecycle/texts/{language}.toml", before, "meter_room_locked: customer. ")
    tree.passes(*catalogue)

    tree.fails("what is expected of meter_room_locked", *states)
    tree.insert("tests/lifecycle/order_states.py", '    _curie("A submitted check is', _ROW)
    tree.passes(*states)

    tree.fails("make docs", *DOCUMENTS, "--check")
    tree.passes(*DOCUMENTS)
    tree.passes("-c", "from nomos_mcp.server.instructions import INSTRUCTIONS as i; assert 'meter_room_locked' in i")
    tree.passes(*_pytest("tests/lifecycle/test_lifecycle_document.py"))


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
        "beside_appointment": beside,
        "do_not_say": meaning,
    }
    return "\n".join(["[blocked.meter_room_locked]", *(f'{name} = "{text}"' for name, text in entries.items()), "\n"])


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
