"""The tour of `nomos-mcp demo`, for people to read.

A real MCP client asks the real server, over stdio, about invented data.
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import CallToolResult

from nomos_mcp.client.constants import CURIE, EDISON, ApiVersion
from nomos_mcp.commands.transcript import transcript
from nomos_mcp.simulator import DEMO
from nomos_mcp.variables import API_VERSION

_DEADLINE = 60.0  # seconds; the tour takes a few, so past this something hangs


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the tour.

    Attributes:
        question: What a person asks.
        tool: The tool that answers it.
        arguments: What it is called with; a value of `CODE` stands for the last confirmation code.
        expected: What the answer has to hold, for the tour to fail loudly if it ever does not: path to value.
        fails: Whether the answer is an error, and rightly so.
    """

    question: str
    tool: str
    arguments: Mapping[str, str]
    expected: Mapping[str, object] = field(default_factory=dict)
    fails: bool = False


CODE = "(the code)"

_CURIE_TOUR = (
    Step(
        "Why is my smart meter blocked?",
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_check_missing"]},
        {"explanation.blocked.reason": "check_missing", "explanation.waiting_on": "customer"},
    ),
    Step(
        "And my neighbour's?",
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_grid_operator"]},
        {"explanation.blocked.reason": "grid_operator_registration", "explanation.waiting_on": "grid_operator"},
    ),
    Step(
        "Which orders are blocked?",
        "list_meter_orders_by_status",
        {"status": "blocked"},
        {"complete": True},
    ),
    Step(
        "Please order a smart meter for this subscription.",
        "order_smart_meter",
        {"subscription_id": DEMO.subscriptions["can_order"]},
        {"outcome": "confirmation_required"},
    ),
    Step(
        "Yes, order it.",
        "order_smart_meter",
        {"subscription_id": DEMO.subscriptions["can_order"], "confirmation_code": CODE},
        {"outcome": "ordered"},
    ),
    Step(
        "Order it once more, to be sure.",
        "order_smart_meter",
        {"subscription_id": DEMO.subscriptions["can_order"]},
        {"outcome": "already_ordered"},
    ),
    Step(
        "What about order prod_123?",
        "get_meter_order",
        {"order_id": "prod_123"},
        fails=True,
    ),
    Step(
        "Then prdo_000000000000000000000000?",
        "get_meter_order",
        {"order_id": "prdo_000000000000000000000000"},
        fails=True,
    ),
)
_EDISON_TOUR = (
    Step(
        "The first order again. Edison has no word for a missing check, so nothing shows that it is blocked:",
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_check_missing"]},
        {"order.status": "ordered"},
    ),
    Step(
        "The second one. Edison has a status of its own for the grid operator's turn:",
        "get_meter_order",
        {"order_id": DEMO.orders["blocked_grid_operator"]},
        {"order.status": "blocked_wim", "explanation.waiting_on": "grid_operator"},
    ),
    Step(
        "And what edison calls blocked is something else: a manual review at Nomos.",
        "explain_status",
        {"status": "blocked"},
        {"explanation.waiting_on": "nomos"},
    ),
)
_TOURS: tuple[tuple[ApiVersion, Sequence[Step]], ...] = ((CURIE, _CURIE_TOUR), (EDISON, _EDISON_TOUR))


def tour() -> bool:
    """Run the tour and print it.

    Returns:
        Whether every answer was the expected one.
    """
    print("All data in this tour is invented; it comes from the built-in simulator.")
    good = False
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        try:
            good = all(anyio.run(partial(_tour, version, steps, log)) for version, steps in _TOURS)
        finally:
            if not good:  # otherwise the server's lines about each order would only stand between the answers
                log.seek(0)
                sys.stderr.write(log.read())
    _print_ids()
    return good


async def _tour(version: ApiVersion, steps: Sequence[Step], log: TextIO) -> bool:
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
                arguments = {name: code if value == CODE else value for name, value in step.arguments.items()}
                answer = await client.call_tool(step.tool, arguments)
                code = str((answer.structured_content or {}).get("confirmation_code", code))
                print(f"\n{transcript(step.question, step.tool, arguments, answer)}")
                if problem := _problem(step, answer):
                    print(f"\nThis is not what the tour expects: {problem}.")
                    return False
    return True


def _problem(step: Step, answer: CallToolResult) -> str:
    if bool(answer.is_error) != step.fails:
        return "an answer where an error belongs" if step.fails else "an error"
    for path, expected in step.expected.items():
        found: object = answer.structured_content
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if found != expected:
            return f"{path} is {found!r} and not {expected!r}"
    return ""


def _print_ids() -> None:
    print("\n=== Ask your own assistant: what the invented data holds, under IDs that never change ===\n")
    for item in DEMO.describe():
        print(f"  {item.id:<30} {item.shows}")
