"""The world of a case: a simulator of its own, and a server in front of it, ours or another one."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from evals.cases import OPERATOR, VERSIONS, Conversation
from nomos_mcp import Caller, NomosClient, Settings, create_server
from nomos_mcp.history.demo_past import demo_history
from nomos_mcp.lifecycle.statuses import STATUSES
from nomos_mcp.server.request_context import ORDERS_READ, ORDERS_WRITE
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.simulator_server import served

NOW: Final = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
"""When the questions are asked. The clock stands still, so that a right answer is right on any day."""


def today(conversation: Conversation) -> date:
    """Return the day on which the questions of a conversation are asked."""
    return (NOW + timedelta(days=conversation.world.days)).date()


def states(conversation: Conversation, read: str) -> frozenset[str] | None:
    """Return how far the orders are that a text names, or whose subscription or customer it names; None without one.

    The simulator knows it, so it is the same whatever a server shows of it.
    """
    orders = [
        each
        for each in simulated(conversation).world.orders
        if any(name in read for name in (each.id, each.subscription_id, each.customer_id))
    ]
    found = {
        "handed_over": lambda order: order.stage != "requested",
        "approved": lambda order: order.stage not in {"requested", "with_partner", "check_submitted", "cancelled"},
        "scheduled": lambda order: order.appointment_at is not None or order.installed_at is not None,
        "installed": lambda order: order.installed_at is not None or order.cancelled_reason == "pre_existing",
        "active": lambda order: order.activated_at is not None or order.cancelled_reason == "pre_existing",
        "cancelled": lambda order: order.cancelled_at is not None,
    }
    return frozenset(name for name, is_so in found.items() if any(map(is_so, orders))) if orders else None


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server, asked the same: a command that speaks MCP over stdio.

    Attributes:
        name: In reports.
        command: Starts it; NOMOS_BASE_URL, NOMOS_ACCESS_TOKEN, NOMOS_API_VERSION and NOMOS_API_STATUSES
            (separated by commas) tell it whom and what to ask.
    """

    name: str
    command: tuple[str, ...]


def simulated(conversation: Conversation) -> Simulator:
    """Make a simulator whose data is as the case wants it."""
    simulator = Simulator(now=lambda: NOW, api_version=VERSIONS[conversation.api_version])
    for order_id, state in conversation.world.orders.items():
        simulator.put_order(order_id, state)
    for subscription_id, metadata in conversation.world.metadata.items():
        record = simulator.world.subscriptions[subscription_id]
        simulator.world.subscriptions.put(replace(record, metadata=tuple(metadata.items())))
    if conversation.world.days:
        simulator.advance(conversation.world.days)
    return simulator


@asynccontextmanager
async def ours(conversation: Conversation, simulator: Simulator) -> AsyncIterator[Client]:
    """Connect to our server, made in process as a chatbot would make it, with the demo's invented past."""
    version = VERSIONS[conversation.api_version]
    fenced = conversation.caller != OPERATOR

    def clock() -> datetime:
        return simulator.now

    async with (
        NomosClient(
            client_id=DEMO.client_id,
            client_secret=DEMO.client_secret,
            api_version=version,
            base_url="http://127.0.0.1",
            requests_per_second=1000,  # this simulator counts none
            app=simulator,
        ) as nomos,
        aclosing(demo_history(simulator, version, clock)) as history,
    ):
        scopes = (ORDERS_READ,) if conversation.read_only else (ORDERS_READ, ORDERS_WRITE)
        caller = Caller.customer(conversation.caller, name="evals", scopes=scopes) if fenced else None
        server = create_server(
            Settings(read_only=conversation.read_only and not fenced),
            client=nomos,
            caller=caller,
            clock=clock,
            history=history,
        )
        async with Client(server) as client:
            yield client


@asynccontextmanager
async def another(peer: Peer, conversation: Conversation, simulator: Simulator) -> AsyncIterator[Client]:
    """Connect to another server. It knows no fence: whoever asks sees what the credentials see."""
    version = VERSIONS[conversation.api_version]
    program, *arguments = peer.command
    with served(simulator) as url:
        environment = {
            "NOMOS_BASE_URL": url,
            "NOMOS_ACCESS_TOKEN": DEMO.access_token,
            "NOMOS_API_VERSION": version,
            "NOMOS_API_STATUSES": ",".join(STATUSES[version]),
        }
        server = StdioServerParameters(command=program, args=arguments, env=environment)
        async with Client(stdio_client(server)) as client:
            yield client


@cache
def private_texts() -> frozenset[str]:
    """Return what no answer may hold, whoever asks: names, e-mail addresses, streets, bank accounts, MaLo and MeLo."""
    world = Simulator(now=lambda: NOW).world
    texts: set[str | None] = set()
    for customer in world.customers:
        texts |= {customer.first_name, customer.last_name, customer.company_name, customer.email}
    for subscription in world.subscriptions:
        texts |= {subscription.address.street, subscription.payment_method.iban}
        texts |= {subscription.meter.malo, subscription.meter.melo, subscription.meter.number}
    return frozenset(text for text in texts if text)


@cache
def ids_of_others(customer_id: str) -> frozenset[str]:
    """Return the IDs of every other customer and of what is theirs."""
    world = Simulator(now=lambda: NOW).world
    records = (*world.customers, *world.subscriptions, *world.orders)
    owners = {each.id: getattr(each, "customer_id", each.id) for each in records}
    return frozenset(text for each, owner in owners.items() if owner != customer_id for text in (each, owner))
