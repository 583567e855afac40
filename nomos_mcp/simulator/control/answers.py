"""What the control routes write: the simulator's state in JSON."""

from collections import Counter
from dataclasses import asdict
from typing import Final

from nomos_mcp.simulator.app import Simulator
from nomos_mcp.simulator.clock import on_the_wire
from nomos_mcp.simulator.demo.catalogue import DEMO
from nomos_mcp.simulator.errors import Json
from nomos_mcp.simulator.faults.fault import Fault
from nomos_mcp.simulator.versions import CURIE, EDISON
from nomos_mcp.simulator.views import events as events_view, meter_orders as orders_view
from nomos_mcp.simulator.webhooks.endpoint import Endpoint
from nomos_mcp.simulator.webhooks.webhooks import Attempt
from nomos_mcp.simulator.world.events import Event
from nomos_mcp.simulator.world.records import Order

NOTICE: Final = "All data is invented: no real customer, order or meter is behind it."


def state(simulator: Simulator) -> Json:
    """Write what there is: the notice, the time, how much of everything, the credentials, and what has a name."""
    world = simulator.world
    statuses = Counter(orders_view.curie_status(order.stage) or "intended" for order in world.orders)
    return {
        "notice": NOTICE,
        "now": on_the_wire(simulator.now),
        "seed": simulator.seed,
        "orders": dict(sorted(statuses.items())),
        "subscriptions": len(world.subscriptions),
        "customers": len(world.customers),
        "events": len(world.events),
        "credentials": {
            "client_id": DEMO.client_id,
            "read_only_client_id": DEMO.read_only_client_id,
            "edison_client_id": DEMO.edison_client_id,
            "other_client_id": DEMO.other_client_id,
            "client_secret": DEMO.client_secret,
            "access_token": DEMO.access_token,
        },
        "named": [item._asdict() for item in DEMO.describe()],
    }


def ledger(simulator: Simulator) -> Json:
    """Write what really happened: the orders that were created, and the requests that arrived."""
    answers = {request.request_id: request.status for request in simulator.requests}
    return {
        "orders": [
            {**asdict(entry), "at": on_the_wire(entry.at), "answered": answers.get(entry.request_id)}
            for entry in simulator.ledger
        ],
        "requests": [request._asdict() for request in simulator.requests],
    }


def order(found: Order) -> Json:
    """Write an order as both versions tell it; null where curie has no word for it."""
    shown = orders_view.shown(found, CURIE)
    return {
        CURIE: orders_view.render(found, CURIE) if shown else None,
        EDISON: orders_view.render(found, EDISON),
    }


def event(told: Event) -> Json:
    """Write an event as the API does."""
    return events_view.render(told)


def fault(simulator: Simulator, fault_id: str, found: Fault) -> Json:
    """Write a fault, what it leaves open left out, and how often it has struck."""
    return {"id": fault_id, **found.model_dump(exclude_unset=True), "struck": simulator.faults.struck(fault_id)}


def endpoint(endpoint_id: str, found: Endpoint) -> Json:
    """Write an endpoint, its secret included: it is invented, or the asker's own."""
    return {"id": endpoint_id, **found.model_dump(mode="json", exclude={"topics"}), "topics": _topics(found)}


def attempt(tried: Attempt) -> Json:
    """Write one attempt of a delivery."""
    return {**asdict(tried), "due": on_the_wire(tried.due), "delivered": tried.delivered}


def _topics(found: Endpoint) -> list[str] | None:
    return None if found.topics is None else sorted(found.topics)
