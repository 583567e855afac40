"""Customers: a person, or a company with a person to talk to. All versions word them alike (inferred)."""

from collections.abc import Sequence
from typing import Final

from nomos_mcp.simulator.clock import on_the_wire
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.lists.filters import Field
from nomos_mcp.simulator.versions import ApiVersion
from nomos_mcp.simulator.world.records import Customer

FIELDS: Final[Sequence[Field[Customer]]] = (
    Field("email", "string", lambda customer: customer.email),
    Field("type", "string", lambda customer: customer.type),
    Field("created_at", "date", lambda customer: customer.created_at),
)


def shown(_customer: Customer, _version: ApiVersion) -> bool:
    """Tell whether a version knows of a customer: each knows of all."""
    return True


def render(customer: Customer) -> Json:
    """Write a customer; `company_name` is there for companies only."""
    body: Json = {
        "object": "customer",
        "id": customer.id,
        "type": customer.type,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "vat_id": None,
        "created_at": on_the_wire(customer.created_at),
    }
    return body if customer.company_name is None else body | {"company_name": customer.company_name}
