"""`nomos-mcp demo`: a tour for people to read.

A real MCP client asks the real server, over stdio, about invented data. With --browser, a page shows the MCP Apps.
"""

import argparse
import os
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TextIO

from nomos_mcp.commands.command import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Style,
    Subparsers,
    complain,
    new_command,
    number,
    print_rows,
    styled,
)
from nomos_mcp.variables import API_VERSION

if TYPE_CHECKING:  # a server's start does not pay for it
    from mcp.types import CallToolResult

    from nomos_mcp.client.http_messages import ApiVersion

_ORDER_VERSIONS = ("2026-05-27.curie", "2026-01-29.edison")
_DEADLINE = 60.0  # seconds; the tour takes a few, so past this something hangs
_WIDTH = 100
_STYLES: Mapping[str, Style] = {"?": "bold", ">": "cyan"}
_EXPLANATION = ("meaning", "waiting_on", "customer_action", "operator_action", "next", "timing", "customer_message")


def add(commands: Subparsers) -> None:
    parser = new_command(
        commands,
        "demo",
        run,
        summary="show the main job: a real client, a real server, invented data",
        examples="  nomos-mcp demo              question, call, answer; then the IDs that the invented data holds\n"
        "  nomos-mcp demo --browser    the MCP Apps in a page on 127.0.0.1\n",
    )
    parser.add_argument("--browser", action="store_true", help="show the MCP Apps in a browser, until Ctrl-C")
    page = parser.add_argument_group("with --browser")
    page.add_argument("--no-open", action="store_true", help="print the address only")
    page.add_argument("--port", type=number(0, 65_535), help="default: the system picks one")
    page.add_argument("--api-version", choices=_ORDER_VERSIONS, help=f"default: {_ORDER_VERSIONS[0]}")


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the tour."""

    question: str
    tool: str
    arguments: Mapping[str, object]  # a value of _CODE stands for the last confirmation code
    expected: Mapping[str, object] = field(default_factory=dict)  # what the answer must contain: path to value
    fails: bool = False  # the right answer is an error
    only: tuple[str, ...] = ()  # what to print of the answer; by default all but the history


_CODE = "(the code)"


def _tours() -> "Sequence[tuple[ApiVersion, Sequence[Step]]]":
    from nomos_mcp.client.http_messages import CURIE, EDISON  # noqa: PLC0415  as above
    from nomos_mcp.simulator import DEMO  # noqa: PLC0415  as above

    missing_check = {"order_id": DEMO.orders["blocked_check_missing"]}
    grid_operator = {"order_id": DEMO.orders["blocked_grid_operator"]}
    subscription = {"subscription_id": DEMO.subscriptions["can_order"]}
    curie = (
        Step(
            "Why is my smart meter blocked?",
            "get_meter_order",
            missing_check,
            {"order.blocked_reason": "check_missing", "explanation.waiting_on": "customer"},
        ),
        Step(
            "Was it blocked before, and how long does that take?",
            "get_meter_order",
            missing_check,
            {"explanation.confidence_of.timing": "observed"},
            only=("blocked", "timing", "history"),
        ),
        Step("What changed in the last week?", "list_order_changes", {"limit": 6}, {"returned": 6}),
        Step(
            "And my neighbour's?",
            "get_meter_order",
            grid_operator,
            {"order.blocked_reason": "grid_operator_registration", "explanation.waiting_on": "grid_operator"},
        ),
        Step("Which orders are blocked?", "list_meter_orders_by_status", {"status": "blocked"}, {"complete": True}),
        Step(
            "How many are past the target, and who must act?",
            "list_meter_orders_by_status",
            {"status": "open", "overdue": True, "limit": 0},
            {"complete": True},
        ),
        Step(
            "Can this subscription have a smart meter?",
            "get_subscription",
            subscription,
            {"subscription.can_order": "yes"},
        ),
        Step(
            "Please order a smart meter for this subscription.",
            "order_smart_meter",
            subscription,
            {"outcome": "confirmation_required"},
        ),
        Step(
            "Yes, order it.",
            "order_smart_meter",
            {**subscription, "confirmation_code": _CODE},
            {"outcome": "ordered"},
        ),
        Step("Order it once more, to be sure.", "order_smart_meter", subscription, {"outcome": "already_ordered"}),
        Step("What about order prod_123?", "get_meter_order", {"order_id": "prod_123"}, fails=True),
        Step(
            "Then prdo_000000000000000000000000?",
            "get_meter_order",
            {"order_id": "prdo_000000000000000000000000"},
            fails=True,
        ),
    )
    edison = (
        Step(
            "The first order again. Edison has no word for a missing check, so nothing shows that it is blocked:",
            "get_meter_order",
            missing_check,
            {"order.status": "ordered"},
        ),
        Step(
            "The second one. Edison has a status of its own for the grid operator's turn:",
            "get_meter_order",
            grid_operator,
            {"order.status": "blocked_wim", "explanation.waiting_on": "grid_operator"},
        ),
        Step(
            "And what edison calls blocked is something else: a manual review at Nomos.",
            "explain_status",
            {"status": "blocked"},
            {"explanation.waiting_on": "nomos"},
        ),
    )
    return (CURIE, curie), (EDISON, edison)


def run(options: argparse.Namespace) -> int:
    """Run the tour and print it, or serve the page; fail if an answer of the tour is not the expected one."""
    if options.browser:
        from nomos_mcp.commands.demo_page import serve_page  # noqa: PLC0415  as above

        return serve_page(options.api_version, options.port or 0, opens=not options.no_open)
    if options.no_open or options.port is not None or options.api_version:
        complain("demo: --no-open, --port and --api-version go with --browser.")
        return EXIT_USAGE
    import anyio  # noqa: PLC0415  as above

    from nomos_mcp.simulator import DEMO  # noqa: PLC0415  as above

    print("All data in this tour is invented; it comes from the built-in simulator.")
    good = False
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        try:
            good = all(anyio.run(partial(_tour, version, steps, log)) for version, steps in _tours())
        finally:
            if not good:  # else the server's log lines would only clutter the answers
                log.seek(0)
                sys.stderr.write(log.read())
    print("\n=== Ask your own assistant: what the invented data holds, under IDs that never change ===\n")
    print_rows([(item.id, item.shows) for item in DEMO.describe()], indent=2, style="cyan")
    return EXIT_OK if good else EXIT_FAILED


async def _tour(version: "ApiVersion", steps: Sequence[Step], log: TextIO) -> bool:
    import anyio  # noqa: PLC0415  as above
    from mcp import Client, StdioServerParameters  # noqa: PLC0415  as above
    from mcp.client.stdio import stdio_client  # noqa: PLC0415  as above

    # The tour shows the invented data as it is, whatever is set for real work in this shell.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOMOS_")}
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "nomos_mcp", "--demo"],
        env={**environment, API_VERSION: version},
    )
    print(f"\n=== API version {version}: `nomos-mcp --demo` over stdio ===")
    code = ""
    with anyio.fail_after(_DEADLINE):
        async with Client(stdio_client(server, errlog=log)) as client:
            for step in steps:
                arguments = {name: code if value == _CODE else value for name, value in step.arguments.items()}
                answer = await client.call_tool(step.tool, arguments)
                code = str((answer.structured_content or {}).get("confirmation_code", code))
                print()
                for line in transcript(step.question, step.tool, arguments, answer, step.only).splitlines():
                    print(styled(line, _STYLES[line[0]]) if line[0] in _STYLES else line)
                if problem := _problem(step, answer):
                    print(f"\nThis is not what the tour expects: {problem}.")
                    return False
    return True


def _problem(step: Step, answer: "CallToolResult") -> str:
    if bool(answer.is_error) != step.fails:
        return "an answer where an error belongs" if step.fails else "an error"
    for path, expected in step.expected.items():
        found: object = answer.structured_content
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found != expected:
            return f"{path} is {found!r} and not {expected!r}"
    return ""


def transcript(
    question: str, tool: str, arguments: Mapping[str, object], answer: "CallToolResult", only: tuple[str, ...] = ()
) -> str:
    """Question, call and answer as text; of the answer `only` some fields, or all but the history."""
    call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    fields = [(name, value) for name, value in _fields(answer) if (name in only if only else name != "history")]
    return "\n".join([f"? {question}", f"> {tool}({call})", *(_line(name, value) for name, value in fields)])


def _fields(answer: "CallToolResult") -> Iterator[tuple[str, object]]:
    content = answer.structured_content
    if content is None:
        yield "error", "".join(getattr(block, "text", "") for block in answer.content)
        return
    for name in ("outcome", "message", "next"):
        if name in content:
            yield name, content[name]
    for name, value in content.get("preview", {}).items():
        yield "preview", f"{name}: {value}"
    yield from content.get("subscription", {}).items()
    yield from content.get("counts", {}).items()
    for change in content.get("changes", []):
        yield "change", change
    for order in content.get("orders", []):
        said = ", ".join(filter(None, (order["status"], order.get("summary"))))
        yield order["id"], f"{said}; waiting on: {order['waiting_on']}"
    if "complete" in content:
        yield "returned", f"{content['returned']}, complete: {str(content['complete']).lower()}"
        yield "note", content.get("note", "")
    if "explanation" in content and "outcome" not in content:
        yield from _explained(content["explanation"], content.get("order", {}))
    for step in content.get("history", []):
        when = step.get("when") or f"between {step.get('after')} and {step['by']}"
        yield "history", f"{step['what']} ({when}, {step['source']})"


def _explained(explanation: Mapping[str, object], order: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    if status := order.get("status") or explanation.get("status"):
        yield "status", status
    blocked = explanation.get("blocked")
    if isinstance(blocked, dict):
        reason = order.get("blocked_reason") or blocked.get("reason") or status
        since = f", since {blocked['since']}" if "since" in blocked else ""
        yield "blocked", f"{reason}{since}: {blocked['meaning']}"
    for name in (*_EXPLANATION, "confidence"):
        if name in explanation:
            yield name, explanation[name]


def _line(name: str, value: object) -> str:
    return textwrap.fill(str(value), _WIDTH, initial_indent=f"  {name:<17} ", subsequent_indent=" " * 20)
