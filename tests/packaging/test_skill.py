"""The skill and `llms.txt`: in the form that assistants load, and about tools and words that exist."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from nomos_mcp.lifecycle import BLOCKED_REASONS, CANCELLED_REASONS, STATUSES, VERSIONS
from tests.docs.blocks import ROOT, blocks
from tools.listing import listed
from tools.skill import FOLDER, SKILL

TEXT = (ROOT / SKILL).read_text(encoding="utf-8")
FRONT, BODY = re.fullmatch(r"---\n(.*?)\n---\n(.*)", TEXT, re.DOTALL).groups()  # type: ignore[union-attr]
TOOLS = {tool.name: tool for tool in listed().tools}
INDEXED = re.findall(r"\]\(([^)]+)\)", (ROOT / "llms.txt").read_text(encoding="utf-8"))


def names_in(schema: Any) -> Iterator[str]:
    """Return the names of all fields of a schema, and the values that it lists."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        yield from map(str, schema.get("enum", ()))
        yield str(schema.get("const", ""))
        for part in schema.values():
            yield from names_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from names_in(part)


def test_the_head_of_the_skill_is_within_the_limits_of_the_format() -> None:
    head = yaml.safe_load(FRONT)
    assert set(head) == {"name", "description", "license", "compatibility"}
    assert head["name"] == Path(FOLDER).name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", head["name"])
    assert len(head["name"]) <= 64
    assert 0 < len(head["description"]) <= 1024
    assert len(head["compatibility"]) <= 500


def test_the_skill_is_short_and_leads_to_the_rest() -> None:
    assert len(TEXT.splitlines()) < 120
    linked = set(re.findall(r"\]\((references/[^)]+)\)", BODY))
    assert linked == {path.relative_to(ROOT / FOLDER).as_posix() for path in (ROOT / FOLDER / "references").iterdir()}


def test_the_skill_names_every_tool_and_no_word_that_the_server_does_not_have() -> None:
    known = {*TOOLS, *VERSIONS, *BLOCKED_REASONS, *CANCELLED_REASONS}
    known |= {status for version in VERSIONS for status in STATUSES[version]}
    known |= {name for tool in TOOLS.values() for name in names_in([tool.input_schema, tool.output_schema])}
    named = set(re.findall(r"`([^`]+)`", BODY))
    words = {word for name in named for word in re.findall(r"[a-z][a-z_]+", re.sub(r'="(\w+)"', r" \1", name))}
    prefixes = {"prdo", "sub", "evt"} | {"curie", "edison"}
    assert set(TOOLS) <= named
    assert not {word for word in words if word.strip("_") not in prefixes} - known


def test_what_the_skill_repeats_is_generated() -> None:
    """`make check` compares it with the texts."""
    generated = re.findall(r"<!-- generated: ([\w-]+) -->\n.+?<!-- end -->", BODY, re.DOTALL)
    assert generated == ["skill-blocks", "skill-message"]


@pytest.mark.parametrize("block", blocks("docs/skill.md", "shell"), ids=str)
def test_the_skill_is_installed_as_the_page_says(block: Any, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "skills", tmp_path / "skills")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-ec", block.text], cwd=tmp_path, env=environment, check=True)
    (installed,) = tmp_path.rglob(".claude/skills/*/SKILL.md")
    assert installed.read_text(encoding="utf-8") == TEXT
    assert installed.parent.name == "nomos-smart-meter"


def test_llms_txt_has_the_form_that_is_read() -> None:
    lines = (ROOT / "llms.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# nomos-mcp"
    assert lines[2].startswith("> ")
    assert [line for line in lines if line.startswith("## ")] == ["## Documentation", "## Optional"]
    entries = lines[lines.index("## Documentation") :]
    assert all(re.fullmatch(r"- \[[^]]+\]\([^)]+\)(: .+)?|## \w+|", line) for line in entries)


def test_llms_txt_leads_to_every_page_and_only_to_what_exists() -> None:
    assert not [path for path in INDEXED if not (ROOT / path).is_file()]
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {(ROOT / "docs" / page).resolve() for page in re.findall(r"\]\(([\w./-]+\.md)\)", index)}
    assert pages <= {(ROOT / path).resolve() for path in INDEXED}
    assert len(INDEXED) == len(set(INDEXED))
