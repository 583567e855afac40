"""A question, a call and its answer as lines for people to read. Knows the shape of answers and prints nothing."""

import textwrap
from collections.abc import Iterator, Mapping

from mcp.types import CallToolResult, TextContent

_WIDTH = 100
_EXPLANATION = ("meaning", "waiting_on", "customer_action", "operator_action", "next", "timing", "customer_message")


def transcript(
    question: str, tool: str, arguments: Mapping[str, object], answer: CallToolResult, only: tuple[str, ...] = ()
) -> str:
    """Return the lines of one question.

    Args:
        question: What a person asks.
        tool: What is called.
        arguments: What it is called with.
        answer: What came back.
        only: The fields to show; all by default.
    """
    call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    fields = [(name, value) for name, value in _fields(answer) if not only or name in only]
    return "\n".join([f"? {question}", f"> {tool}({call})", *(_line(name, value) for name, value in fields)])


def _fields(answer: CallToolResult) -> Iterator[tuple[str, object]]:
    content = answer.structured_content
    if content is None:
        yield "error", "".join(block.text for block in answer.content if isinstance(block, TextContent))
        return
    for name in ("outcome", "message", "next"):
        if name in content:
            yield name, content[name]
    for name, value in content.get("preview", {}).items():
        yield "preview", f"{name}: {value}"
    for order in content.get("orders", []):
        yield order["id"], order["summary"]
    if "complete" in content:
        yield "returned", f"{content['returned']}, complete: {str(content['complete']).lower()}"
    if "explanation" in content and "outcome" not in content:
        yield from _explained(content["explanation"])


def _explained(explanation: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    yield "status", f"{explanation['status']} ({explanation['label']})"
    blocked = explanation.get("blocked")
    if isinstance(blocked, dict):
        since = f", since {blocked['since']}" if "since" in blocked else ""
        yield "blocked", f"{blocked['reason']}{since}: {blocked['meaning']}"
    for name in (*_EXPLANATION, "confidence"):
        if name in explanation:
            yield name, explanation[name]


def _line(name: str, value: object) -> str:
    return textwrap.fill(str(value), _WIDTH, initial_indent=f"  {name:<17} ", subsequent_indent=" " * 20)
