"""Meter orders in the words of curie and of edison.

Both are written from the same record. Where the vocabularies do not map (all of this inferred from the two
documents), each shows what it has a word for:

- a check that is missing: curie lays `check_missing` over the status; edison has no word and shows its plain status;
- a pending registration at the grid operator: curie lays `grid_operator_registration` over the status; edison's
  status *is* `blocked_wim`;
- a manual review at Nomos: edison's status *is* `blocked`; curie has no word and shows its plain status;
- a meter that was smart before: curie is `cancelled` with `pre_existing`; edison is `pre_installed`;
- an interest without an order (`intended`): edison only, and inexogy only.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

from nomos_mcp.simulator.clock import on_the_wire
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.lists.filters import Field
from nomos_mcp.simulator.versions import CURIE, ApiVersion
from nomos_mcp.simulator.world.records import Order, Provider, Stage

CurieStatus = Literal[
    "created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated", "cancelled"
]
EdisonStatus = Literal[
    "waiting",
    "intended",
    "ordered",
    "checked",
    "installation_planning",
    "installation_scheduled",
    "installation_waiting",
    "installation_finished",
    "installed",
    "pre_installed",
    "activated",
    "blocked",
    "blocked_wim",
    "cancelled",
]

_CURIE: Final[Mapping[Stage, CurieStatus]] = {
    "requested": "created",
    "with_partner": "placed",
    "check_submitted": "check_submitted",
    "confirmed": "check_reviewed",
    "planning": "check_reviewed",
    "appointed": "scheduled",
    "awaiting_installer": "scheduled",
    "installed": "installed",
    "data_returned": "installed",
    "activated": "activated",
    "cancelled": "cancelled",
}
_EDISON: Final[Mapping[Stage, EdisonStatus]] = {
    "intended": "intended",
    "requested": "waiting",
    "with_partner": "ordered",
    "check_submitted": "ordered",
    "confirmed": "checked",
    "planning": "installation_planning",
    "appointed": "installation_scheduled",
    "awaiting_installer": "installation_waiting",
    "installed": "installed",
    "data_returned": "installation_finished",
    "activated": "activated",
    "cancelled": "cancelled",
}


def curie_status(stage: Stage) -> CurieStatus | None:
    """Name a stage in curie's words; None where curie does not know of the order yet."""
    return _CURIE.get(stage)


def edison_status(order: Order) -> EdisonStatus:
    """Name an order's state in edison's words, where a block replaces the status."""
    if order.hold is not None and order.hold.reason == "manual_review":
        return "blocked"
    if order.hold is not None and order.hold.reason == "grid_operator_registration":
        return "blocked_wim"
    if order.cancelled_reason == "pre_existing":
        return "pre_installed"
    return _EDISON[order.stage]


def shown(order: Order, version: ApiVersion) -> bool:
    """Tell whether a version knows of an order."""
    return version < CURIE or curie_status(order.stage) is not None


def render(order: Order, version: ApiVersion) -> Json:
    """Write an order as a version does.

    Args:
        order: One that the version shows.
        version: Edison or curie.

    Returns:
        The JSON body.
    """
    common: Json = {
        "object": "meter_order",
        "id": order.id,
        "subscription": order.subscription_id,
        "customer": order.customer_id,
        "provider": order.provider,
    }
    if version < CURIE:
        return common | {
            "status": edison_status(order),
            "created_at": on_the_wire(order.created_at),
            "updated_at": on_the_wire(order.updated_at),
        }
    hold = order.hold if order.hold is not None and order.hold.reason != "manual_review" else None
    return common | {
        "status": curie_status(order.stage),
        "created_at": on_the_wire(order.created_at),
        "installed_at": on_the_wire(order.installed_at),
        "activated_at": on_the_wire(order.activated_at),
        "cancelled_at": on_the_wire(order.cancelled_at),
        "cancelled_reason": order.cancelled_reason,
        "blocked_at": on_the_wire(hold.since if hold else None),
        "blocked_reason": hold.reason if hold else None,
        "appointment_at": on_the_wire(order.appointment_at),
    }


def fields(version: ApiVersion) -> Sequence[Field[Order]]:
    """Tell what the list can be filtered by: in curie neither a date nor a block."""
    whose: Sequence[Field[Order]] = (
        Field("customer", "string", lambda order: order.customer_id),
        Field("subscription", "string", lambda order: order.subscription_id),
    )
    if version >= CURIE:
        statuses = frozenset(get_args(CurieStatus))
        return (Field("status", "enum", lambda order: str(curie_status(order.stage)), statuses), *whose)
    products = frozenset(_product(provider) for provider in get_args(Provider))
    return (
        Field("status", "enum", edison_status, frozenset(get_args(EdisonStatus))),
        Field("product", "enum", lambda order: _product(order.provider), products),
        *whose,
        Field("created_at", "date", lambda order: order.created_at),
        Field("updated_at", "date", lambda order: order.updated_at),
    )


def _product(provider: Provider) -> str:
    return f"smart-meter-{provider}"
