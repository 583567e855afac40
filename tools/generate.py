"""Write what repeats code: whole manifests, and what stands between `<!-- generated: NAME -->` and `<!-- end -->`.

`python -m tools.generate` rewrites them, `--check` fails if one is out of date.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mcp.server.mcpserver.prompts import Prompt
from mcp.types import Tool

from nomos_mcp.client import errors
from nomos_mcp.lifecycle import (
    CURIE,
    EDISON,
    ApiVersion,
    glossary_markdown,
    lifecycle_diagram,
    lifecycle_markdown,
)
from nomos_mcp.server.prompts import all_prompts
from nomos_mcp.service.metric_definitions import METRICS, Metric, label
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES, Variable
from tests.client.faults.table import fault_table
from tools.app_texts import APP_TEXTS
from tools.client_api import client_api
from tools.limits import LIMITS
from tools.listing import first_words, listed
from tools.manifests import bundle_manifest, server_json
from tools.reference import command_line, error_codes, tool_reference
from tools.shown import configuration_shown, links_shown, transcript_shown
from tools.skill import PARTS as SKILL_PARTS, SKILL, WHOLE as SKILL_WHOLE

ROOT = Path(__file__).resolve().parent.parent
_PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_MARK = re.compile(r"<!-- (generated|end)\b")


def tools_table() -> str:
    """Return the tools as a Markdown table: name, first sentence of the description, reads or writes."""
    rows = [f"| `{tool.name}` | {first_words(tool)} | {_hint(tool)} |" for tool in listed().tools]
    return "\n".join(["| Tool | What for | |", "| --- | --- | --- |", *rows]) + "\n"


def settings_table(variables: Sequence[Variable] = VARIABLES) -> str:
    """Return environment variables as a Markdown table."""
    rows = [
        f"| `{variable.name}` | {f'`{variable.default}`' if variable.default else ''} | {variable.purpose} |"
        for variable in variables
    ]
    return "\n".join(["| Variable | Default | What for |", "| --- | --- | --- |", *rows]) + "\n"


def resources_table() -> str:
    """Return the resources as a Markdown table: address, title."""
    rows = [f"| `{uri}` | {title} |" for uri, title in listed().resources]
    return "\n".join(["| Resource | What it is |", "| --- | --- |", *rows]) + "\n"


def prompts_table() -> str:
    """Return the prompts as a Markdown table: name, arguments (optional ones in brackets), description."""

    def row(prompt: Prompt) -> str:
        names = (each.name if each.required else f"[{each.name}]" for each in prompt.arguments or ())
        return f"| `{prompt.name}` | {', '.join(names)} | {prompt.description} |"

    return "\n".join(["| Prompt | Arguments | What for |", "| --- | --- | --- |", *map(row, all_prompts())]) + "\n"


def _hint(tool: Tool) -> str:
    return "reads" if tool.annotations and tool.annotations.read_only_hint else "orders"


def lifecycle_tables() -> str:
    """Return the lifecycle document with its headings one level down, below the heading of the page."""
    return re.sub(r"^#", "##", lifecycle_markdown(), flags=re.MULTILINE)


def _diagram(version: ApiVersion) -> str:
    return f"```mermaid\n{lifecycle_diagram(version)}```\n"


def failure_tree() -> str:
    """Return the tree that the docstring of the client's errors draws."""
    lines = (errors.__doc__ or "").splitlines()
    return "\n".join(["```text", *(line[4:] for line in lines if line.startswith("    ")), "```"]) + "\n"


def faults() -> str:
    """Return the table of faults that the tests hold the client to."""
    return fault_table()


def limits_table() -> str:
    """Return the limits of the web service as a Markdown table."""
    rows = [f"| {' | '.join(row)} |" for row in LIMITS]
    return "\n".join(["| What | How much | Past it |", "| --- | --- | --- |", *rows]) + "\n"


def metrics_table() -> str:
    """Return the metrics as a Markdown table: name, kind, labels with their values, meaning."""
    rows = [f"| `{metric.prometheus}` | {_kind(metric)} | {_labels(metric)} | {metric.meaning} |" for metric in METRICS]
    return "\n".join(["| Metric | Kind | Labels | What it says |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _kind(metric: Metric) -> str:
    kind = {"sum": "gauge", "observed counter": "counter"}.get(metric.kind, metric.kind)
    return f"{kind}, seconds" if metric.unit == "s" else kind


def _labels(metric: Metric) -> str:
    return "; ".join(f"`{label(name)}`: {', '.join(values)}" for name, values in metric.attributes.items())


PARTS: dict[str, Callable[[], str]] = {
    "tools": tools_table,
    "failure-tree": failure_tree,
    "faults": faults,
    "settings": settings_table,
    "limits": limits_table,
    "metrics": metrics_table,
    "transcript": transcript_shown,
    "configuration": configuration_shown,
    "links": links_shown,
    "settings-http": lambda: settings_table(HTTP_VARIABLES),
    "resources": resources_table,
    "prompts": prompts_table,
    "lifecycle": lifecycle_tables,
    "glossary": lambda: re.sub(r"^#", "##", glossary_markdown()),
    "tool-reference": tool_reference,
    "command-line": command_line,
    "error-codes": error_codes,
    "client-api": client_api,
    "chatbot": lambda: f"```python\n{(ROOT / 'examples/chatbot.py').read_text(encoding='utf-8')}```\n",
    "diagram-curie": lambda: _diagram(CURIE),
    "diagram-edison": lambda: _diagram(EDISON),
    **SKILL_PARTS,
}
REFERENCE = ("client-api", "command-line", "errors", "lifecycle", "metrics", "resources", "settings", "tools")
FILES = (
    "README.md",
    "docs/client.md",
    "docs/deploy.md",
    "docs/embedding.md",
    SKILL,
    *(f"docs/{page}.md" for page in REFERENCE),
)
WHOLE: dict[str, Callable[[], str]] = {
    "server.json": server_json,
    "mcpb/manifest.json": bundle_manifest,
    **APP_TEXTS,
    **SKILL_WHOLE,
}


def main() -> int:
    """Rewrite or check; return the exit code."""
    stale = []
    for name in (*FILES, *WHOLE):
        path = ROOT / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        marks = _MARK.findall(text) if name in FILES else []
        if marks != ["generated", "end"] * (len(marks) // 2):
            print(f"{name}: each generated part has to begin and to end with its mark, as the others do.")
            return 1
        fresh = WHOLE[name]() if name in WHOLE else _PART.sub(_filled, text)
        if fresh == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(fresh, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"Out of date, run `make docs`: {', '.join(stale)}")
        return 1
    return 0


def _filled(part: re.Match[str]) -> str:
    return part[1] + PARTS[part["name"]]() + part[3]


if __name__ == "__main__":
    sys.exit(main())
