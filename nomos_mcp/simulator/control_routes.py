"""The control routes: each reads JSON, calls the simulator's method of the same job, and writes JSON."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nomos_mcp.simulator.api_format import CURIE, EDISON, Json
from nomos_mcp.simulator.demo_data import DEMO
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.simulator.object_views import render_event
from nomos_mcp.simulator.order_views import TargetState, curie_status, order_shown, render_order
from nomos_mcp.simulator.simulator_app import Simulator
from nomos_mcp.simulator.webhooks import DeliveryAttempt, Endpoint
from nomos_mcp.simulator.world_clock import on_the_wire
from nomos_mcp.simulator.world_records import EventRecord, OrderRecord

M = TypeVar("M", bound=BaseModel)

_SHOWN_EVENTS: Final = 1000  # in a large world a month holds a hundred thousand


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")

    days: Annotated[float, Field(ge=0, le=10_000)]


def control(simulator: Simulator) -> ASGIApp:
    """Build the application that serves `/_simulator/`.

    Args:
        simulator: What it controls.

    Returns:
        An ASGI application for these paths only.
    """
    handles = _Control(simulator)
    return Starlette(
        routes=[
            Route("/_simulator/", handles.state, methods=["GET"]),
            Route("/_simulator/ledger", handles.ledger, methods=["GET"]),
            Route("/_simulator/advance", handles.advance, methods=["POST"]),
            Route("/_simulator/orders/{id}", handles.order, methods=["GET"]),
            Route("/_simulator/orders/{id}", handles.put_order, methods=["PUT"]),
            Route("/_simulator/faults", handles.faults, methods=["GET"]),
            Route("/_simulator/faults", handles.add_fault, methods=["POST"]),
            Route("/_simulator/faults", handles.clear_faults, methods=["DELETE"]),
            Route("/_simulator/faults/{id}", handles.remove_fault, methods=["DELETE"]),
            Route("/_simulator/webhooks", handles.webhooks, methods=["GET"]),
            Route("/_simulator/webhooks", handles.add_webhook, methods=["POST"]),
            Route("/_simulator/webhooks/deliver", handles.deliver, methods=["POST"]),
            Route("/_simulator/webhooks/{id}", handles.remove_webhook, methods=["DELETE"]),
        ],
        exception_handlers={HTTPException: _refused, Exception: _refused},
        middleware=[Middleware(_WithoutPages)],
    )


class _WithoutPages:
    """Turns web pages away: any page in a browser reaches loopback, and by a webhook whatever else listens there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = "origin" in Headers(scope=scope)
        refusal = JSONResponse({"error": "web pages may not control the simulator; ask without an Origin header"}, 403)
        await (refusal if page else self._app)(scope, receive, send)


class _Control:
    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def state(self, _: Request) -> Response:
        return JSONResponse(state_answer(self._simulator))

    async def ledger(self, _: Request) -> Response:
        return JSONResponse(ledger_answer(self._simulator))

    async def advance(self, request: Request) -> Response:
        body = await _read(request, _Advance)
        events = self._simulator.advance(body.days)
        attempts = await self._simulator.webhooks.deliver()
        return JSONResponse(
            {
                "now": on_the_wire(self._simulator.now),
                "happened": len(events),
                "events": [event_answer(event) for event in events[:_SHOWN_EVENTS]],
                "deliveries": [attempt_answer(attempt) for attempt in attempts],
            }
        )

    async def order(self, request: Request) -> Response:
        order = self._simulator.world.orders.get(request.path_params["id"])
        if order is None:
            raise _unknown("order")
        return JSONResponse(order_answer(order))

    async def put_order(self, request: Request) -> Response:
        state = await _read(request, TargetState)
        try:
            order = self._simulator.put_order(request.path_params["id"], state)
        except KeyError:
            raise _unknown("order") from None
        return JSONResponse(order_answer(order))

    async def faults(self, _: Request) -> Response:
        return JSONResponse({"faults": [self._fault(fault_id) for fault_id in self._simulator.faults.active]})

    async def add_fault(self, request: Request) -> Response:
        fault_id = self._simulator.faults.add(await _read(request, Fault))
        return JSONResponse(self._fault(fault_id), 201)

    async def clear_faults(self, _: Request) -> Response:
        self._simulator.faults.clear()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        return _removed(request, "fault", self._simulator.faults.remove)

    async def webhooks(self, _: Request) -> Response:
        webhooks = self._simulator.webhooks
        return JSONResponse(
            {
                "endpoints": [endpoint_answer(*item) for item in webhooks.endpoints.items()],
                "attempts": [attempt_answer(attempt) for attempt in webhooks.attempts],
                "waiting": webhooks.waiting,
            }
        )

    async def add_webhook(self, request: Request) -> Response:
        endpoint = await _read(request, Endpoint)
        return JSONResponse(endpoint_answer(self._simulator.webhooks.add(endpoint), endpoint), 201)

    async def remove_webhook(self, request: Request) -> Response:
        return _removed(request, "endpoint", self._simulator.webhooks.remove)

    async def deliver(self, _: Request) -> Response:
        attempts = await self._simulator.webhooks.deliver()
        return JSONResponse({"deliveries": [attempt_answer(attempt) for attempt in attempts]})

    def _fault(self, fault_id: str) -> Json:
        return fault_answer(self._simulator, fault_id, self._simulator.faults.active[fault_id])


async def _read(request: Request, model: type[M]) -> M:
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise HTTPException(400, "; ".join(_problem(found["loc"], found["msg"]) for found in error.errors())) from None


def _problem(where: tuple[int | str, ...], what: str) -> str:
    place = ".".join(str(part) for part in where)
    return f"{place}: {what}" if place else what


def _removed(request: Request, kind: str, remove: Callable[[str], None]) -> Response:
    try:
        remove(request.path_params["id"])
    except KeyError:
        raise _unknown(kind) from None
    return Response(status_code=204)


def _unknown(kind: str) -> HTTPException:
    return HTTPException(404, f"There is no {kind} with this ID.")


async def _refused(_: Request, error: Exception) -> Response:
    """Say what is wrong; the router's own 404 and 405 come here too, and mistakes of ours."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return JSONResponse({"error": f"a mistake of the simulator's own: {error!r}"}, 500)


NOTICE: Final = "All data is invented: no real customer, order or meter is behind it."


def state_answer(simulator: Simulator) -> Json:
    """Write what there is: the notice, the time, how much of everything, the credentials, and what has a name."""
    world = simulator.world
    statuses = Counter(curie_status(order.stage) or "intended" for order in world.orders)
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


def ledger_answer(simulator: Simulator) -> Json:
    """Write what really happened: the orders that were created, and the requests that arrived."""
    answers = {request.request_id: request.status for request in simulator.requests}
    return {
        "orders": [
            {**asdict(entry), "at": on_the_wire(entry.at), "answered": answers.get(entry.request_id)}
            for entry in simulator.ledger
        ],
        "requests": [request._asdict() for request in simulator.requests],
    }


def order_answer(found: OrderRecord) -> Json:
    """Write an order as both versions tell it; null where curie has no word for it."""
    shown = order_shown(found, CURIE)
    return {
        CURIE: render_order(found, CURIE) if shown else None,
        EDISON: render_order(found, EDISON),
    }


def event_answer(told: EventRecord) -> Json:
    """Write an event as the API does."""
    return render_event(told)


def fault_answer(simulator: Simulator, fault_id: str, found: Fault) -> Json:
    """Write a fault, what it leaves open left out, and how often it has struck."""
    return {"id": fault_id, **found.model_dump(exclude_unset=True), "struck": simulator.faults.struck(fault_id)}


def endpoint_answer(endpoint_id: str, found: Endpoint) -> Json:
    """Write an endpoint, its secret included: it is invented, or the asker's own."""
    return {"id": endpoint_id, **found.model_dump(mode="json", exclude={"topics"}), "topics": _topics(found)}


def attempt_answer(tried: DeliveryAttempt) -> Json:
    """Write one attempt of a delivery."""
    return {**asdict(tried), "due": on_the_wire(tried.due), "delivered": tried.delivered}


def _topics(found: Endpoint) -> list[str] | None:
    return None if found.topics is None else sorted(found.topics)
