"""What a tool returns: the whole answer twice, structured for some clients and as text for the others, nothing null."""

from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict

from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import ApiVersion, OrderState


class Result(BaseModel):
    """Base of all results; a subclass becomes the tool's output schema."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def answer(self) -> CallToolResult:
        """Wrap for MCP: the same JSON as structured content and, compact, as text."""
        return CallToolResult(
            content=[TextContent(type="text", text=self.model_dump_json(exclude_none=True))],
            structured_content=self.model_dump(mode="json", exclude_none=True),
        )


class ListResult(Result):
    """What every list says about itself.

    Attributes:
        complete: Whether this page, with those before it, is everything that matches.
    """

    returned: int
    has_more: bool
    next_cursor: str | None = None
    complete: bool
    api_version: str


OrderFields = dict[str, str]
"""A meter order under the API's own field names, nulls left out. Times are UTC."""


def order_fields(order: MeterOrder) -> OrderFields:
    """Return what the API said about an order, times that could not be read in its own words."""
    fields: OrderFields = order.model_dump(mode="json", exclude_none=True)
    return {**fields, **order.unreadable}


def order_state(order: MeterOrder, api_version: ApiVersion) -> OrderState:
    """Return what an explanation needs of an order."""
    facts = {name: getattr(order, name) for name in _FACTS if hasattr(order, name)}
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
