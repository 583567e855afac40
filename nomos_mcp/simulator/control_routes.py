"""The simulator's own routes, under `/_simulator/` and apart from the API: no token, no version, no faults.

Each reads JSON, calls the simulator's method for the same job, and writes JSON.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.simulator.api_calls import CURIE, EDISON, Json, format_time
from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.simulator_app import Simulator
from nomos_mcp.simulator.views import CURIE_STATUS, TargetState, order_shown, render_event, render_order
from nomos_mcp.simulator.webhooks import DeliveryAttempt, WebhookEndpoint
from nomos_mcp.simulator.world_records import OrderRecord

_SHOWN_EVENTS: Final = 1000  # in a large world a month holds a hundred thousand


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: Annotated[float, Field(ge=0, le=10_000)]


def control_app(simulator: Simulator) -> ASGIApp:
    control = _Control(simulator)
    return Starlette(
        routes=[
            Route("/_simulator/", control.state, methods=["GET"]),
            Route("/_simulator/ledger", control.ledger, methods=["GET"]),
            Route("/_simulator/advance", control.advance, methods=["POST"]),
            Route("/_simulator/orders/{id}", control.order, methods=["GET"]),
            Route("/_simulator/orders/{id}", control.put_order, methods=["PUT"]),
            Route("/_simulator/faults", control.faults, methods=["GET"]),
            Route("/_simulator/faults", control.add_fault, methods=["POST"]),
            Route("/_simulator/faults", control.clear_faults, methods=["DELETE"]),
            Route("/_simulator/faults/{id}", control.remove_fault, methods=["DELETE"]),
            Route("/_simulator/webhooks", control.webhooks, methods=["GET"]),
            Route("/_simulator/webhooks", control.add_webhook, methods=["POST"]),
            Route("/_simulator/webhooks/deliver", control.deliver, methods=["POST"]),
            Route("/_simulator/webhooks/{id}", control.remove_webhook, methods=["DELETE"]),
            Route("/_simulator/webhooks/{id}", control.change_webhook, methods=["PUT"]),
            Route("/_simulator/webhooks/{id}/test", control.send_test_event, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _error_answer, ValidationError: _error_answer, Exception: _error_answer},
        middleware=[Middleware(_WithoutWebPages)],
    )


@dataclass(frozen=True, slots=True)
class _WithoutWebPages:
    """Refuses web pages: any page in a browser reaches loopback, and by a webhook whatever else listens there."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = JSONResponse({"error": "web pages may not control the simulator; ask without an Origin header"}, 403)
        await (refusal if "origin" in Headers(scope=scope) else self.app)(scope, receive, send)


class _Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def state(self, _: Request) -> Response:
        world = self._simulator.world
        statuses = Counter(CURIE_STATUS.get(order.stage, "intended") for order in world.orders)
        body: Json = {
            "notice": "All data is invented: no real customer, order or meter is behind it.",
            "now": format_time(self._simulator.now),
            "seed": self._simulator.seed,
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
        return JSONResponse(body)

    async def ledger(self, _: Request) -> Response:
        requests = self._simulator.requests
        statuses = {request.request_id: request.status for request in requests}
        orders = [
            entry._asdict() | {"at": format_time(entry.at), "answered": statuses.get(entry.request_id)}
            for entry in self._simulator.ledger
        ]
        return JSONResponse({"orders": orders, "requests": [request._asdict() for request in requests]})

    async def advance(self, request: Request) -> Response:
        days = _Advance.model_validate_json(await request.body()).days
        events = self._simulator.advance(days)
        return JSONResponse(
            {
                "now": format_time(self._simulator.now),
                "happened": len(events),
                "events": [render_event(event) for event in events[:_SHOWN_EVENTS]],
                "deliveries": _attempts(await self._simulator.webhooks.deliver()),
            }
        )

    async def order(self, request: Request) -> Response:
        with _known("order"):
            order = self._simulator.world.orders[request.path_params["id"]]
        return _order(order)

    async def put_order(self, request: Request) -> Response:
        state = TargetState.model_validate_json(await request.body())
        with _known("order"):
            order = self._simulator.put_order(request.path_params["id"], state)
        return _order(order)

    async def faults(self, _: Request) -> Response:
        return JSONResponse({"faults": [self._fault(*item) for item in self._simulator.faults.active.items()]})

    async def add_fault(self, request: Request) -> Response:
        fault = Fault.model_validate_json(await request.body())
        return JSONResponse(self._fault(self._simulator.faults.add(fault), fault), 201)

    async def clear_faults(self, _: Request) -> Response:
        self._simulator.faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        with _known("fault"):
            self._simulator.faults.remove(request.path_params["id"])
        return Response(status_code=204)

    async def webhooks(self, _: Request) -> Response:
        webhooks = self._simulator.webhooks
        endpoints = [_endpoint(*item) for item in webhooks.endpoints.items()]
        attempts = _attempts(webhooks.attempts)
        return JSONResponse({"endpoints": endpoints, "attempts": attempts, "waiting": webhooks.waiting})

    async def add_webhook(self, request: Request) -> Response:
        endpoint = WebhookEndpoint.model_validate_json(await request.body())
        return JSONResponse(_endpoint(self._simulator.webhooks.add(endpoint), endpoint), 201)

    async def remove_webhook(self, request: Request) -> Response:
        with _known("endpoint"):
            self._simulator.webhooks.remove(request.path_params["id"])
        return Response(status_code=204)

    async def change_webhook(self, request: Request) -> Response:
        endpoint = WebhookEndpoint.model_validate_json(await request.body())
        endpoint_id = request.path_params["id"]
        with _known("endpoint"):
            endpoint = self._simulator.webhooks.change(endpoint_id, endpoint)
        return JSONResponse(_endpoint(endpoint_id, endpoint))

    async def send_test_event(self, request: Request) -> Response:
        webhooks = self._simulator.webhooks
        with _known("endpoint"):
            event_id = webhooks.send_test_event(request.path_params["id"])
        return JSONResponse({"event": event_id, "deliveries": _attempts(await webhooks.deliver())})

    async def deliver(self, _: Request) -> Response:
        return JSONResponse({"deliveries": _attempts(await self._simulator.webhooks.deliver())})

    def _fault(self, fault_id: str, fault: Fault) -> Json:
        struck = self._simulator.faults.struck(fault_id)
        return {"id": fault_id, **fault.model_dump(exclude_unset=True), "struck": struck}


def _order(order: OrderRecord) -> Response:
    """Write an order in both versions' words; null where curie has none for it."""
    curie = render_order(order, CURIE) if order_shown(order, CURIE) else None
    return JSONResponse({CURIE: curie, EDISON: render_order(order, EDISON)})


def _endpoint(endpoint_id: str, endpoint: WebhookEndpoint) -> Json:
    topics = None if endpoint.topics is None else sorted(endpoint.topics)
    return {"id": endpoint_id, **endpoint.model_dump(mode="json", exclude={"topics"}), "topics": topics}


def _attempts(attempts: Iterable[DeliveryAttempt]) -> list[Json]:
    return [each._asdict() | {"due": format_time(each.due), "delivered": each.delivered} for each in attempts]


@contextmanager
def _known(kind: str) -> Iterator[None]:
    try:
        yield
    except KeyError:
        raise HTTPException(404, f"There is no {kind} with this ID.") from None


async def _error_answer(_: Request, error: Exception) -> Response:
    if isinstance(error, ValidationError):
        problems = ((".".join(map(str, each["loc"])), each["msg"]) for each in error.errors())
        text = "; ".join(f"{where}: {what}" if where else what for where, what in problems)
        return JSONResponse({"error": text}, 400)
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return JSONResponse({"error": f"a mistake of the simulator's own: {error!r}"}, 500)
