"""What the documents show is so: commands run, links lead somewhere, no block stands there untested."""

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from nomos_mcp.cli import parser
from tests.docs.blocks import DOCUMENTS, ROOT, Block, blocks

START_PAGES = [f"docs/for-{who}.md" for who in ("support-agents", "chatbot-builders", "integration-engineers")]
# Which languages of a document's blocks are run, and where. What is missing here is not tested, and fails below.
RUN = {
    "README.md": {"console", "python"},
    "CONTRIBUTING.md": {"console", "python", "text"},  # tests/test_recipes.py
    "docs/architecture.md": {"mermaid"},
    "docs/apps.md": {"console", "python"},  # tests/docs/test_apps_page.py
    "docs/ordering.md": {"console", "mermaid"},  # and tests/commands/test_orders.py
    "docs/evals.md": {"console", "yaml"},  # tests/docs/test_evals_page.py
    "docs/client.md": {"python"},  # tests/docs/test_client_page.py
    "docs/deploy.md": {"console", "ini", "json", "nginx", "shell"},  # and tests/service/test_deploy.py
    "docs/identity-providers.md": {
        "console",
        "javascript",
        "json",
        "shell",
    },  # test_identity_providers_page.py, .ci/identity
    "docs/history.md": {"console", "cron", "json", "shell", "text"},  # tests/docs/test_history_page.py
    "docs/skill.md": {"shell"},  # tests/packaging/test_skill.py
    "docs/scale.md": {"shell", "text"},  # tests/deploy/test_scale_page.py
    "docs/metrics.md": {"console", "yaml"},  # tests/service/test_dashboard.py
    "docs/embedding.md": {"python"},  # tests/service/test_embedding.py
    "docs/organisations.md": {"console", "json", "shell", "sql", "toml"},  # tests/docs/test_organisations_page.py
    "docs/simulator.md": {"console", "python"},  # tests/simulator/test_docs.py
    "docs/proxy.md": {"shell"},  # .ci/proxy
    "docs/two-vocabularies.md": {"console"},
    **{document: {"console"} for document in START_PAGES},
}
MADE_BY_RECIPES = {"nomos_mcp/server/tools/explain_word.py", "tests/server/test_explain_word.py"}
SERVING = {"http", "simulator"}  # they serve until they are ended, and have tests of their own
CONSOLE = [
    block
    for document in ("README.md", "CONTRIBUTING.md", "docs/two-vocabularies.md", *START_PAGES)
    for block in blocks(document, "console")
]
MERMAID = [block for document in ("docs/architecture.md", "docs/ordering.md") for block in blocks(document, "mermaid")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_code_block_is_generated_or_run(document: str) -> None:
    left = [str(block) for block in blocks(document) if block.language not in RUN.get(document, set())]
    assert not left


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_leads_to_one(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert not [link for link in links if not (ROOT / document).parent.joinpath(link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(r"`((?:nomos_mcp|tests|tools|docs|deploy|prompts|mcpb|\.ci)/[\w./-]+)`", text)
    assert not [path for path in named if path not in MADE_BY_RECIPES and not (ROOT / path).exists()]


def test_the_index_names_every_document() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    others = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert not [name for name in others if f"({name})" not in index]


@pytest.mark.parametrize("block", CONSOLE, ids=str)
def test_a_command_that_is_shown_runs_and_prints_what_is_shown(block: Block, tmp_path: Path) -> None:
    for command, expected in _dialogue(block.text):
        words = shlex.split(command, comments=True)
        if words[0] == "make":  # it would run these very tests, so the target has to exist
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), command
            continue
        if words[0] in {"pip", "uv", "pipx", "git", "cd"}:  # .ci/wheel installs; here it is done
            continue
        assert words[0] == "nomos-mcp", command
        if words[1] in SERVING:
            parser().parse_args(words[1:])
            continue
        run = [sys.executable, "-m", "nomos_mcp", *words[1:]]
        home = {**os.environ, "HOME": str(tmp_path), "APPDATA": str(tmp_path)}
        done = subprocess.run(run, cwd=tmp_path, env=home, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        for line in expected:
            assert line == "..." or line in done.stdout + done.stderr, command


@pytest.mark.parametrize("block", blocks("README.md", "python"), ids=str)
async def test_the_python_of_the_readme_runs_and_prints_something(
    block: Block, capsys: pytest.CaptureFixture[str]
) -> None:
    code = compile(block.text, block.document, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, {"__name__": "example"})  # noqa: S307  our own document
    assert inspect.isawaitable(running)
    await running
    assert capsys.readouterr().out.strip() not in {"", "[]"}


STEPS = {
    "checking",
    "asking",
    "checking_again",
    "sending",
    "searching",
    "sending_again",
    "searching_again",
}
"""States of the diagram of an order that are no outcome, and have no name in the code."""


@pytest.mark.parametrize("block", MERMAID, ids=str)
def test_a_diagram_names_only_what_the_code_has(block: Block) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nomos_mcp").rglob("*.py"))
    drawn = {
        name for line in block.text.splitlines() for name in re.findall(r"(\w+) (?:-->|-\.)|(?:-->|\.->) (\w+)", line)
    }
    states = {name for pair in drawn for name in pair if name} - STEPS
    assert states
    assert not [name for name in states if not re.search(rf"\b{name}\b", code)]


def _dialogue(text: str) -> list[tuple[str, list[str]]]:
    """Split a console block into commands and the lines that each prints."""
    dialogue: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            dialogue.append((line[2:], []))
        elif line.strip():
            dialogue[-1][1].append(line)
    return dialogue
