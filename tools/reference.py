"""The reference pages of what people and models call: tools with their results, the command line, error codes."""

import argparse
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp.types import Tool

from nomos_mcp.cli import parser
from nomos_mcp.client.errors import BY_STATUS
from nomos_mcp.server.error_messages import CODES, error_markdown
from tools.listing import listed

Schema = Mapping[str, Any]


def tool_reference() -> str:
    """Return every tool as its published schemas describe it, then the objects that several results share."""
    tools = listed().tools
    objects: dict[str, Schema] = {}
    for tool in tools:
        for name, schema in ((tool.output_schema or {}).get("$defs") or {}).items():
            assert objects.setdefault(name, schema) == schema, f"two objects are called {name}"
    shared = (f"### {name}\n\n{_about(schema)}{_fields(schema)}" for name, schema in sorted(objects.items()))
    return "\n".join([*map(_tool, tools), "## Objects in results\n", *shared])


def _tool(tool: Tool) -> str:
    arguments = tool.input_schema
    rows = [
        f"| `{name}` | {_type(schema)} | {_default(name, schema, arguments)} | {schema.get('description', '')} |"
        for name, schema in arguments["properties"].items()
    ]
    return "\n".join(
        [
            f"## {tool.name}\n",
            f"{(tool.description or '').strip()}\n",
            "| Argument | Type | Default | What for |",
            "| --- | --- | --- | --- |",
            *rows,
            f"\nResult:\n\n{_fields(tool.output_schema or {})}",
        ]
    )


def _default(name: str, schema: Schema, arguments: Schema) -> str:
    if name in arguments.get("required", ()):
        return "required"
    default = schema.get("default")
    return "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _about(schema: Schema) -> str:
    return f"{schema['description']}\n\n" if "description" in schema else ""


def _fields(schema: Schema) -> str:
    always = schema.get("required", ())
    rows = [
        f"| `{name}` | {_type(field)} | {'always' if name in always else 'if it applies'} |"
        for name, field in schema["properties"].items()
    ]
    return "\n".join(["| Field | Type | |", "| --- | --- | --- |", *rows]) + "\n"


def _type(schema: Schema) -> str:
    """Return a type in words; a shared object's as a link to it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"object of {_type(values)}" if isinstance(values, dict) else "object"
    return str(schema.get("type", "any")) + _bounds(schema)


def _bounds(schema: Schema) -> str:
    if "maximum" in schema:
        return f", {schema['minimum']} to {schema['maximum']}"
    return f", at most {schema['maxLength']} characters" if "maxLength" in schema else ""


def command_line() -> str:
    """Return every command with its arguments, options and examples."""
    return "\n".join(_command(*each) for each in _commands(parser(), ""))


def _commands(command: argparse.ArgumentParser, words: str) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    yield command, command.description or f"{words[:1].upper()}{words[1:]}."
    for action in command._actions:  # noqa: SLF001  argparse has no public way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  as above
            told = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001  as above
            for name, inner in action.choices.items():
                yield from _commands(inner, told[name])


def _command(command: argparse.ArgumentParser, words: str) -> str:
    rows = [
        f"| `{_written(action)}` | {action.help or ''} |"
        for action in command._actions  # noqa: SLF001  as above
        if action.help != argparse.SUPPRESS
        and not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)  # noqa: SLF001  as above
    ]
    table = ["| Option | What for |", "| --- | --- |", *rows, ""] if rows else []
    paragraphs = [text for text in (command.epilog or "").split("\n\n") if not text.startswith("environment")]
    examples = ["```text", "\n\n".join(paragraphs).strip(), "```", ""] if paragraphs[0] else []
    return "\n".join([f"## {command.prog}\n", f"{words}\n", *table, *examples])


def _written(action: argparse.Action) -> str:
    if action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        value = str(action.metavar or (action.dest.upper()))
    if not action.option_strings:
        return f"{value} ..." if action.nargs == "*" else value
    return ", ".join(action.option_strings) + ("" if action.nargs == 0 else f" {value}")


def error_codes() -> str:
    """Return what each error code of Nomos means here: those of whole answers, then those of details."""
    by_answer = [code for code in CODES if code.isupper()]
    details = [code for code in CODES if not code.isupper()]
    return "\n".join(
        [
            "## Codes of answers\n",
            "| Code | HTTP | What happened | What to do |",
            "| --- | --- | --- | --- |",
            *(f"| `{code}` | {_status(code)} | {_told(code)} |" for code in by_answer),
            "\n## Codes of details\n",
            "In `errors` of an answer. Their meaning is inferred from the name and the guide.\n",
            "| Code | What happened | What to do |",
            "| --- | --- | --- |",
            *(f"| `{code}` | {_told(code)} |" for code in details),
            "",
        ]
    )


def _status(code: str) -> str:
    return next((str(status) for status, kind in BY_STATUS.items() if kind.documented_code == code), "500")


def _told(code: str) -> str:
    return " | ".join(re.findall(r"\*\*What (?:happened|to do):\*\* (.+)", error_markdown(code)))
