"""What assistants load by themselves: the parts of the skill that repeat the lifecycle's texts, and `llms.txt`."""

import re
from collections.abc import Callable
from pathlib import Path

from nomos_mcp.lifecycle import BLOCKED_REASONS, CURIE, EDISON, LANGUAGES, explain_status, lifecycle_markdown
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.statuses import BLOCKS, FACTS, blocked_statuses

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "skills/nomos-smart-meter"
SKILL = f"{FOLDER}/SKILL.md"
_INDEX = "docs/README.md"
_LINK = re.compile(r"\[[^]]+\]\((?P<path>[^)#\s:]+\.md)\)(?: \| (?P<purpose>.+?) \|$)?", re.MULTILINE)
"""A page that the index links to; in a row of a table also what it is for."""
_OPTIONAL = ("CONTRIBUTING.md", "SECURITY.md", "architecture.md", "RESULTS.md", "evals.md")
"""Pages that an assistant with little room may skip: they are for those who work on the project."""


def blocks_table() -> str:
    """Return what blocks an order as a Markdown table: whose turn it is, and what not to say."""
    words = texts("en")
    blocks = [("curie", name, BLOCKS[name], words.blocked[name]) for name in BLOCKED_REASONS]
    own = words.statuses(EDISON)
    statuses = [("edison", name, FACTS[EDISON][name], own[name]) for name in blocked_statuses(EDISON)]
    lines = [
        f"| `{name}` ({version}) | {said.meaning} | {words.waiting_on[facts.waiting_on]} "
        f"({words.labels.confidence[facts.confidence]}) | {said.do_not_say} |"
        for version, name, facts, said in (*blocks, *statuses)
    ]
    return "\n".join(["| Block | Meaning | Whose turn | Never say |", "| --- | --- | --- | --- |", *lines]) + "\n"


def example_messages() -> str:
    """Return what a customer is written about a missing check, in each language, as quotations."""
    said = {
        language: explain_status(
            "", blocked_reason="check_missing", audience="customer", language=language
        ).customer_message
        for language in LANGUAGES
    }
    quotes = [f"> ({language}) {message}\n" for language, message in said.items()]
    return "\n".join(["For example about a missing check:\n", *quotes])


def llms_txt() -> str:
    """Return `llms.txt` (llmstxt.org): what this is, and the pages of the documentation's index with their titles."""
    found = _LINK.finditer((ROOT / _INDEX).read_text(encoding="utf-8"))
    pages: dict[str, str] = {}
    for match in found:  # a page may be linked to twice
        pages[match["path"]] = match["purpose"] or pages.get(match["path"], "")
    lines = [(path.rpartition("/")[2] in _OPTIONAL, _line(path, purpose)) for path, purpose in pages.items()]
    skill = f"- [Skill]({SKILL}): how an assistant answers questions about smart meter orders with these tools"
    return (
        "# nomos-mcp\n\n"
        "> An MCP server and a typed Python client for the Nomos energy API (German electricity): what the status of a "
        "smart meter order means, whose turn it is, what a customer may be told, and ordering once a person has said "
        "yes.\n\n"
        "Tested against a simulator written from Nomos' documentation, not yet against Nomos. Not a product of Nomos.\n"
        "\n## Documentation\n\n"
        + "\n".join([line for optional, line in lines if not optional] + [skill])
        + "\n\n## Optional\n\n"
        + "\n".join([line for optional, line in lines if optional] + ["- [Changelog](CHANGELOG.md): what changed"])
        + "\n"
    )


def _line(path: str, purpose: str) -> str:
    """Return one page as a line of `llms.txt`. The index names it from its own folder, `llms.txt` stands above that."""
    page = (ROOT / "docs" / path).resolve()
    title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return f"- [{title}]({page.relative_to(ROOT)})" + (f": {purpose}" if purpose else "")


WHOLE: dict[str, Callable[[], str]] = {
    f"{FOLDER}/references/curie.md": lambda: lifecycle_markdown(CURIE),
    f"{FOLDER}/references/edison.md": lambda: lifecycle_markdown(EDISON),
    "llms.txt": llms_txt,
}
PARTS: dict[str, Callable[[], str]] = {"skill-blocks": blocks_table, "skill-message": example_messages}
