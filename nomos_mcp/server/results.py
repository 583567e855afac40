"""What a tool returns: the whole answer twice, structured for some clients and as text for the others, nothing null."""

from collections.abc import Sequence

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict

from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import ApiVersion, OrderState

MAX_BYTES = 20_000
"""Of a result's text. A token is a byte at least, so no result passes 20,000 tokens, whatever upstream sends."""
_FRAME_BYTES = 3_000  # what a list says beside its lines; most of it is the cursor


class Result(BaseModel):
    """Base of all results; a subclass becomes the tool's output schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def answer(self) -> CallToolResult:
        """Wrap for MCP: the same JSON as structured content and, compact, as text."""
        text = self.model_dump_json(exclude_none=True)
        if len(text.encode()) > MAX_BYTES:
            return CallToolResult(content=[TextContent(type="text", text=_TOO_LARGE)], is_error=True)
        return CallToolResult(
            content=[TextContent(type="text", text=text)],
            structured_content=self.model_dump(mode="json", exclude_none=True),
        )


_TOO_LARGE = (
    f"The answer is larger than {MAX_BYTES:,} bytes, so it was not returned: Nomos sent far more than it can hold. Ask "
    "for less, with a smaller limit or a narrower filter. If that does not help, ask support@nomos.energy."
)


def fitting(lines: Sequence[Result]) -> int:
    """Return how many lines of a list fit into one answer, the first in any case."""
    room = MAX_BYTES - _FRAME_BYTES
    for count, line in enumerate(lines):
        room -= len(line.model_dump_json(exclude_none=True).encode()) + 1
        if room < 0:
            return max(1, count)
    return len(lines)


class ListResult(Result):
    """What every list says about itself.

    Attributes:
        complete: Whether this page, with those before it, is everything that matches.
        not_covered: What may match and was left out.
        as_of: When reading began, UTC; what changed since then may be missing.
    """

    returned: int
    has_more: bool
    next_cursor: str | None = None
    complete: bool
    not_covered: list[str] | None = None
    as_of: str
    api_version: str


OrderFields = dict[str, str]
"""A meter order under the API's own field names, nulls left out. Times are UTC."""


def order_fields(order: MeterOrder) -> OrderFields:
    """Return what the API said about an order: times that could not be read in its own words, days without a time."""
    fields: OrderFields = order.model_dump(mode="json", exclude_none=True)
    return {**fields, **order.unreadable, **{name: day.isoformat() for name, day in order.date_only.items()}}


def order_state(order: MeterOrder, api_version: ApiVersion) -> OrderState:
    facts = {name: order.date_only.get(name, getattr(order, name)) for name in _FACTS if hasattr(order, name)}
    return OrderState(api_version=api_version, status=order.status, unreadable=order.unreadable, **facts)


_FACTS = (
    "created_at",
    "installed_at",
    "activated_at",
    "cancelled_at",
    "cancelled_reason",
    "blocked_at",
    "blocked_reason",
    "appointment_at",
)
