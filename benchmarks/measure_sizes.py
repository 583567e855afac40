"""What an assistant has to read: definitions and answers, in bytes and in tokens of o200k."""

import json
from collections.abc import Sequence
from typing import Any

from bpe_openai import get_encoding  # type: ignore[import-untyped]  # it ships no types

from benchmarks.contestants import Contestant
from benchmarks.figures import Figure
from benchmarks.measure_process import ORDER
from benchmarks.wires import Json, Stdio
from nomos_mcp.simulator import DEMO

_KILOBYTE = 1024
_ENCODING = get_encoding("o200k_base")
_ANSWERS: tuple[tuple[str, str, Json], ...] = (
    ("get_meter_order", "one blocked order", {"order_id": ORDER}),
    ("explain_status", "the same order, for the agent", {"order_id": ORDER}),
    ("explain_status", "the same order, for the customer", {"order_id": ORDER, "audience": "customer"}),
    ("list_meter_orders_by_status", "20 orders", {"status": "all"}),
    ("list_meter_orders_by_status", "the blocked ones", {"status": "blocked"}),
    ("list_meter_orders_by_status", "counts", {"status": "open", "limit": 0}),
    ("list_subscriptions", "20 subscriptions", {}),
    ("get_event", "an event of a blocked order", {"event_id": next(iter(DEMO.events.values()))}),
    ("order_smart_meter", "a preview", {"subscription_id": DEMO.subscriptions["can_order"]}),
)


def tokens(text: str) -> int:
    """Count the tokens of a text."""
    return len(_ENCODING.encode(text))


def definitions(contestants: Sequence[Contestant], upstream: str) -> list[Figure]:
    """Measure what `tools/list` and the instructions cost."""
    count = Figure("tools", "")
    size = Figure("tools/list", "KB")
    cost = Figure("definitions: name, description, input schema", "tokens")
    said = Figure("instructions", "tokens")
    for contestant in contestants:
        with Stdio(contestant.command, contestant.env(upstream)) as server:
            said.add(contestant.name, tokens(server.initialize().get("instructions", "")))
            listed = server.ask("tools/list")
            count.add(contestant.name, len(listed["tools"]))
            size.add(contestant.name, len(_compact(listed).encode()) / _KILOBYTE)
            cost.add(contestant.name, sum(tokens(_definition(tool)) for tool in listed["tools"]))
    return [count, size, cost, said]


def answers(ours: Contestant, upstream: str) -> list[tuple[str, str, int, int]]:
    """Return for typical calls: tool, what of, bytes and tokens of the text."""
    rows = []
    with Stdio(ours.command, ours.env(upstream)) as server:
        server.initialize()
        for tool, what, arguments in _ANSWERS:
            text = text_of(server.call(tool, arguments))
            rows.append((tool, what, len(text.encode()), tokens(text)))
    return rows


def text_of(result: Json) -> str:
    """Return the text of a tool's result."""
    return "".join(block["text"] for block in result["content"] if block["type"] == "text")


def _definition(tool: Json) -> str:
    return _compact({name: tool[name] for name in ("name", "description", "inputSchema") if name in tool})


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
