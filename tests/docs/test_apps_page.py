import re
import shlex

from nomos_mcp.cli import parser
from nomos_mcp.server.tools import definitions
from tests.docs.blocks import ROOT, blocks

PAGE = "docs/apps.md"


def test_the_commands_that_are_shown_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = [line[2:] for block in blocks(PAGE, "console") for line in block.text.splitlines() if line.startswith("$ ")]
    assert shown
    for command in shown:
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), command
        else:
            assert words[0] == "nomos-mcp"
            parser().parse_args(words[1:])


def test_the_test_that_is_shown_is_one_that_runs() -> None:
    (shown,) = blocks(PAGE, "python")
    _, _, function = shown.text.partition("\n\n\n")
    assert function.startswith("def test_")
    assert function in (ROOT / "tests" / "apps" / "test_host_bridge.py").read_text(encoding="utf-8")


def test_every_app_is_listed_with_the_tools_whose_results_it_shows() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for definition in definitions():
        rows = [row for row in page.splitlines() if f"`{definition.name}`" in row and row.startswith("| `ui://")]
        assert [row.split("`")[1] for row in rows] == ([f"ui://nomos/{definition.app}.html"] if definition.app else [])


def test_the_folders_that_are_named_exist() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert not [path for path in re.findall(r"`(apps/[\w./-]+)`", page) if not (ROOT / path).exists()]
