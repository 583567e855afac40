"""Nothing tells somebody else's object from one that does not exist: no tool, resource, prompt or completion.

What is asked is derived from what the server lists, so a new tool, resource or prompt is asked too. An argument that
nobody has said anything about fails the test by name: it is in `KINDS`, in `NO_OBJECTS` or in the tool's example.
"""

import ast
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from anyio import fail_after, move_on_after
from mcp import Client, MCPError
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.mcpserver import Context
from mcp.types import PromptReference, ResourceTemplateReference

import nomos_mcp.server
from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient, NotFoundError
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.database.database import IN_MEMORY
from nomos_mcp.history.changes import OrderLook
from nomos_mcp.history.store import History
from nomos_mcp.lifecycle import ApiVersion as Vocabulary
from nomos_mcp.lifecycle.statuses import PATHS
from nomos_mcp.server import Caller, create_server
from nomos_mcp.server.nomos_server import NomosServer
from nomos_mcp.server.request_context import CallerToken, NomosContext
from nomos_mcp.server.resource_uris import DURATIONS
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.views import TargetState
from tests.conftest import NOW, client_for
from tests.history.looks import run
from tests.server.conftest import Era, asked_of
from tests.server.tool_examples import tool_examples

OWNER = "blocked_check_missing"
UNKNOWN = "nobodyhasthisidentifier0"
IDS = {
    # kind of ID: own, another customer's, another organisation's, unknown
    "order": (
        DEMO.orders[OWNER],
        DEMO.orders["placed"],
        DEMO.orders["other_organisation"],
        f"prdo_{UNKNOWN}",
    ),
    "subscription": (
        DEMO.subscriptions[OWNER],
        DEMO.subscriptions["placed"],
        DEMO.subscriptions["other_organisation"],
        f"sub_{UNKNOWN}",
    ),
    "orderable": (
        DEMO.subscriptions[OWNER],
        DEMO.subscriptions["can_order"],
        DEMO.subscriptions["other_without_order"],
        f"sub_{UNKNOWN}",
    ),
    "customer": (
        DEMO.customers[OWNER],
        DEMO.customers["placed"],
        DEMO.customers["other_organisation"],
        f"cus_{UNKNOWN}",
    ),
    "event": (
        DEMO.events["meter_order.blocked"],
        DEMO.events["meter_order.placed"],
        DEMO.events["subscription.ended"],
        f"evt_{UNKNOWN}",
    ),
}
OWN = {own for own, *_ in IDS.values()}
KINDS = {
    # argument: which kinds of ID it takes
    "order_id": ("order", "subscription"),
    "subscription_id": ("subscription", "orderable"),
    "customer_id": ("customer",),
    "event_id": ("event",),
}
NO_OBJECTS = {"status", "code", "api_version", "language", "tone", "since"}
"""Arguments of resources and prompts that name nothing that belongs to a customer. A tool's example names its own."""

Ask = Callable[[Client, str], Awaitable[str]]
"""Asks a server about an ID and returns the whole answer, errors included."""
AsCustomer = Callable[[ApiVersion], AbstractAsyncContextManager[tuple[NomosServer, Client]]]


def more(tool: str) -> Mapping[str, object]:
    """Return arguments without which a tool does not answer, or not about everything."""
    example = tool_examples().get(tool)
    if example is None:
        return {}
    takes_no_id = set(example.arguments) <= set(example.names_no_object)
    return example.sees_everything or (example.call if takes_no_id else {})


def tool(name: str, argument: str = "") -> Ask:
    async def ask(client: Client, value: str) -> str:
        given = {**more(name), **({argument: value} if argument else {})}
        return (await client.call_tool(name, given)).model_dump_json()

    return ask


def resource(template: str, variable: str = "") -> Ask:
    async def ask(client: Client, value: str) -> str:
        try:
            return (await client.read_resource(template.replace(f"{{{variable}}}", value))).model_dump_json()
        except MCPError as error:
            return error.error.model_dump_json()

    return ask


def prompt(name: str, argument: str, required: list[str]) -> Ask:
    async def ask(client: Client, value: str) -> str:
        given = dict.fromkeys(required, "x") | {argument: value}
        return (await client.get_prompt(name, given)).model_dump_json()

    return ask


def completion(reference: PromptReference | ResourceTemplateReference, argument: str) -> Ask:
    async def ask(client: Client, value: str) -> str:
        given = {"name": argument, "value": value}
        return (await client.complete(ref=reference, argument=given)).model_dump_json()

    return ask


class Questions:
    """What a server can be asked.

    Attributes:
        by_id: Name of a question to the kind of ID that it takes.
        open: The questions that take no ID.
        blind: Names of those that look nothing up, so that they say the same of one's own.
        unprepared: Arguments that nobody has said anything about.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, tuple[str, Ask]] = {}
        self.open: dict[str, Ask] = {}
        self.blind: set[str] = set()
        self.unprepared: list[str] = []

    def add(
        self, name: str, argument: str, ask: Ask, *, blind: bool = False, no_objects: Container[str] = NO_OBJECTS
    ) -> None:
        if argument not in KINDS and argument not in no_objects:
            self.unprepared.append(f"{name}: {argument}")
        for kind in KINDS.get(argument, ()):
            question = f"{name} by {kind}"
            self.by_id[question] = (kind, ask)
            self.blind |= {question} if blind else set()

    @classmethod
    async def of(cls, client: Client) -> "Questions":
        """Derive the questions from what a server lists."""
        questions = cls()
        for each in (await client.list_tools()).tools:
            required = set(each.input_schema.get("required", ())) - set(more(each.name))
            if not required:
                questions.open[each.name] = tool(each.name)
            example = tool_examples().get(each.name)
            no_objects = example.names_no_object if example else ()
            for argument in each.input_schema["properties"]:
                questions.add(each.name, argument, tool(each.name, argument), no_objects=no_objects)
        for listed in (await client.list_resources()).resources:
            questions.open[str(listed.uri)] = resource(str(listed.uri))
        for template in (await client.list_resource_templates()).resource_templates:
            address = template.uri_template
            for variable in re.findall(r"{(\w+)}", address):
                questions.add(address, variable, resource(address, variable))
                completes = completion(ResourceTemplateReference(uri=address), variable)
                questions.add(f"completion of {address}", variable, completes, blind=True)
        for shown in (await client.list_prompts()).prompts:
            required_ones = [argument.name for argument in shown.arguments or [] if argument.required]
            for declared in shown.arguments or []:
                asks = prompt(shown.name, declared.name, required_ones)
                questions.add(f"prompt {shown.name}", declared.name, asks, blind=True)
                completes = completion(PromptReference(name=shown.name), declared.name)
                questions.add(f"completion of {shown.name}", declared.name, completes, blind=True)
        return questions


async def leaks(questions: Questions, client: Client, simulator: Simulator, version: ApiVersion = CURIE) -> list[str]:
    """Ask everything, and name the questions whose answer or whose requests upstream tell more than they may."""
    found: list[str] = []
    for name, (kind, ask) in questions.by_id.items():
        own, *others = IDS[kind]
        answers, requests = set(), set()
        for other in others:
            before = len(simulator.requests)
            answers.add((await ask(client, other)).replace(other, "THE ID"))
            requests.add(shape(simulator, before))
        own_answer = (await ask(client, own)).replace(own, "THE ID")
        blind = name in questions.blind or (version == EDISON and kind == "event")  # edison has none about orders
        if len(answers) > 1 or (own_answer in answers) is not blind:
            found.append(name)
        if len(requests) > 1:
            found.append(f"{name}: requests")
        if any(private(answer, simulator) for answer in (*answers, own_answer)):
            found.append(f"{name}: private")
    found += [name for name, ask in questions.open.items() if private(await ask(client, ""), simulator)]
    return found


def shape(simulator: Simulator, start: int) -> tuple[str, ...]:
    """Return what upstream was asked from a request on, whichever IDs it was about.

    Sorted, because requests that go side by side arrive in either order.
    """
    asked = (f"{request.method} {request.path}" for request in simulator.requests[start:])
    return tuple(sorted(re.sub(r"(prdo|sub|evt)_\w+", r"\1_*", line) for line in asked if "/oauth/token" not in line))


def private(answer: str, simulator: Simulator) -> set[str]:
    """Return what must not be in an answer: IDs other than the customer's own, and the personal data of whom is asked.

    The ID that was asked for has been replaced before.
    """
    ids = set(re.findall(r"\b(?:prdo|sub|cus|evt)_\w+", answer)) - OWN
    people = [simulator.world.customers.get(customer) for customer in IDS["customer"]]
    contracts = [each for each in simulator.world.subscriptions if each.customer_id in IDS["customer"]]
    personal = {person.email for person in people if person}
    personal |= {each.payment_method.iban for each in contracts}
    personal |= {each.number for each in contracts if each.customer_id not in OWN}
    personal |= {place for each in contracts for place in (each.meter.malo, each.meter.melo) if place}
    return ids | {text for text in personal if text in answer}


@pytest.fixture
def as_customer(simulator: Simulator, era: Era) -> AsCustomer:
    @asynccontextmanager
    async def connected(version: ApiVersion) -> AsyncIterator[tuple[NomosServer, Client]]:
        async with client_for(simulator, version) as nomos:
            caller = Caller.customer(DEMO.customers[OWNER])
            server = create_server(Settings(), client=nomos, caller=caller, clock=lambda: NOW)
            assert isinstance(server, NomosServer)
            async with Client(server, mode=era) as client:
                yield server, client

    return connected


@pytest.mark.parametrize("version", [CURIE, EDISON])
async def test_foreign_and_unknown_are_answered_byte_for_byte_alike_with_the_same_requests(
    as_customer: AsCustomer, simulator: Simulator, version: ApiVersion
) -> None:
    async with as_customer(version) as (_, client):
        questions = await Questions.of(client)
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert not questions.unprepared
        assert listed <= {name.partition(" ")[0] for name in (*questions.by_id, *questions.open)}
        assert await leaks(questions, client, simulator, version) == []
    assert not simulator.ledger


async def test_what_nobody_prepared_a_question_for_is_named(as_customer: AsCustomer) -> None:
    async with as_customer(CURIE) as (server, client):

        @server.tool()
        async def find_contract(contract_number: str) -> str:
            return contract_number

        @server.resource("nomos://contracts/{contract_number}")
        async def contract(contract_number: str) -> str:
            return contract_number

        @server.prompt()
        async def greet(email: str) -> str:
            return email

        unprepared = set((await Questions.of(client)).unprepared)
    assert {
        "find_contract: contract_number",
        "nomos://contracts/{contract_number}: contract_number",
        "prompt greet: email",
    } <= unprepared


async def test_a_careless_tool_gets_the_customers_view_whichever_way_it_goes(
    as_customer: AsCustomer, simulator: Simulator
) -> None:
    async with as_customer(CURIE) as (server, client):

        @server.tool()
        async def by_context(order_id: str, ctx: Context[NomosContext]) -> str:
            return await state_of(ctx.request_context.lifespan_context.client, order_id)

        @server.tool()
        async def by_server(order_id: str) -> str:
            return await state_of(server.context.client, order_id)

        planted = Questions()
        for name in ("by_context", "by_server"):
            planted.by_id[name] = ("order", tool(name, "order_id"))
        assert await leaks(planted, client, simulator) == []


async def test_a_tool_that_leaks_is_named(as_customer: AsCustomer, simulator: Simulator) -> None:
    async with client_for(simulator) as unscoped, as_customer(CURIE) as (server, client):

        @server.tool()
        async def leaking(order_id: str) -> str:
            return await state_of(unscoped, order_id)

        @server.tool()
        async def lists_everybodys() -> str:
            return ", ".join([order.id async for order in unscoped.meter_orders.list()])

        @server.tool()
        async def names_the_customer(subscription_id: str, ctx: Context[NomosContext]) -> str:
            client = ctx.request_context.lifespan_context.client
            try:
                email = (await client.subscriptions.get(subscription_id)).personal.email
            except NotFoundError:
                return "not found"
            return email.get_secret_value() if email else ""

        @server.tool()
        async def looks_twice(order_id: str, ctx: Context[NomosContext]) -> str:
            state = await state_of(ctx.request_context.lifespan_context.client, order_id)
            if order_id == DEMO.orders["placed"]:
                await state_of(unscoped, order_id)
            return state

        found = await leaks(await Questions.of(client), client, simulator)
    assert {name.partition(" ")[0] for name in found} == {
        "leaking",
        "looks_twice",
        "lists_everybodys",
        "names_the_customer",
    }
    assert {"looks_twice by order: requests", "names_the_customer by subscription: private"} <= set(found)


async def state_of(client: NomosClient, order_id: str) -> str:
    try:
        return (await client.meter_orders.get(order_id)).status
    except Exception as error:  # noqa: BLE001  whatever it is, it is told
        return str(error)


def test_nothing_that_answers_a_question_makes_a_client_of_its_own() -> None:
    """Beside `make check`, where import-linter keeps the settings and their credentials from them."""
    folder = Path(nomos_mcp.server.__file__).parent
    made = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == NomosClient.__name__
    ]
    assert set(made) == {"server_factory.py"}


def test_the_context_holds_no_client_but_the_callers() -> None:
    attributes = {name for name in dir(NomosContext) if not name.startswith("__")}
    assert attributes == {
        *("_client_for", "_default", "_history_for", "caller", "client", "history", "now", "ordering", "vocabulary")
    }
    assert isinstance(NomosContext.client, property)


async def test_a_context_that_is_kept_serves_each_caller_with_their_own_view(simulator: Simulator) -> None:
    async def seen(context: NomosContext, name: str) -> set[str]:
        caller = Caller.customer(DEMO.customers[name])
        token = CallerToken(token="t", client_id="c", scopes=[], caller=caller)
        before = auth_context_var.set(AuthenticatedUser(token))
        try:
            return {order.customer async for order in context.client.meter_orders.list()}
        finally:
            auth_context_var.reset(before)

    async with client_for(simulator) as nomos:
        server = create_server(Settings(), client=nomos)
        assert isinstance(server, NomosServer)
        for name in (OWNER, "placed"):
            assert await seen(server.context, name) == {DEMO.customers[name]}
        assert len({order.customer async for order in server.context.client.meter_orders.list()}) > 2


@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("argument", ["number", "customer_email"])
async def test_nothing_is_looked_up_by_number_or_address_for_one_customer(
    as_customer: AsCustomer, simulator: Simulator, version: ApiVersion, argument: str
) -> None:
    contracts = [simulator.world.subscriptions.get(each) for each in IDS["subscription"]]
    people = [simulator.world.customers.get(each) for each in IDS["customer"]]
    told = {
        "number": [contract.number for contract in contracts if contract],
        "customer_email": [person.email for person in people if person],
    }[argument]
    assert len(told) > 2
    async with as_customer(version) as (_, client):
        before = asked_of(simulator)
        answers = [await tool("list_subscriptions", argument)(client, value) for value in (*told, "nobody@example.com")]
        assert len(set(answers)) == 1
        assert '"is_error":true' in answers[0]
        assert not [value for value in told if value in answers[0]]
        assert asked_of(simulator) == before


@pytest.mark.parametrize("name", ["list_meter_orders_by_status", "list_subscriptions"])
async def test_lists_without_a_customer_hold_own_objects_only(as_customer: AsCustomer, name: str) -> None:
    async with as_customer(CURIE) as (_, client):
        content = (await client.call_tool(name, dict(more(name)))).structured_content
    assert content is not None
    items = content.get("orders", content.get("subscriptions"))
    assert {item["customer"] for item in items} == {DEMO.customers[OWNER]}


async def test_a_caller_without_a_scope_is_told_and_nothing_is_asked(simulator: Simulator, era: Era) -> None:
    nobody = Caller(name="nobody", scopes=frozenset({"orders:read"}))
    nomos = client_for(simulator)
    async with nomos, Client(create_server(Settings(), client=nomos, caller=nobody), mode=era) as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("get_meter_order", {"order_id": DEMO.orders["placed"]})
    assert "order_smart_meter" not in listed
    assert result.is_error
    assert "takes the scope org" in json.dumps(result.model_dump(mode="json"))
    assert all(request.path == "/oauth/token" for request in simulator.requests)


async def test_the_customer_scope_can_be_set_in_the_environment(simulator: Simulator, era: Era) -> None:
    settings = Settings.from_env({"NOMOS_CUSTOMER_ID": DEMO.customers[OWNER]})
    async with client_for(simulator) as nomos, Client(create_server(settings, client=nomos), mode=era) as client:
        foreign = await client.call_tool("get_meter_order", {"order_id": DEMO.orders["placed"]})
        own = await client.call_tool("get_meter_order", {"order_id": DEMO.orders[OWNER]})
    assert foreign.is_error
    assert not own.is_error


TWIN_DAYS = 6


async def lived(history: History, orders: list[MeterOrder], version: Vocabulary, others: int) -> None:
    """Let six days pass, in which the customer's own order moves alike in every world, and those of `others` do not."""
    moves, own_moves = Random(f"others {others}"), Random("own")  # noqa: S311  no secret
    for day in range(TWIN_DAYS):
        seen_at = NOW - timedelta(days=TWIN_DAYS - day)
        looks = [OrderLook.of(order, version, seen_at=seen_at, seen_by="poll") for order in orders]
        await history.record(
            replace(look, status=(own_moves if look.order_id in OWN else moves).choice(PATHS[version][:4]))
            for look in looks
            if look.order_id in OWN or moves.random() < 0.8
        )
        await run(history, seen_at)


async def told_of_orders(client: Client, audiences: tuple[str, ...]) -> list[str]:
    asked = [(name, audience) for name in ("get_meter_order", "explain_status") for audience in audiences]
    given = {"order_id": DEMO.orders[OWNER], "detail": "full"}
    return [(await client.call_tool(name, {**given, "audience": each})).model_dump_json() for name, each in asked]


async def told_by_feed(client: Client) -> list[str]:
    """Page through the feed in every way; the cursors, which are sealed, are left out."""
    answers: list[str] = []
    for kind in ("any", "status", "blocked", "cancelled"):
        for about in ("", DEMO.orders[OWNER], DEMO.orders["placed"]):
            given = {"since": "2026-01-01", "limit": 2, "kind": kind, "order_id": about, "cursor": ""}
            while given["cursor"] is not None:
                result = await client.call_tool("list_order_changes", given)
                page = dict(result.structured_content or {})
                given["cursor"] = page.pop("next_cursor", None)
                answers.append(json.dumps(page) if page else result.model_dump_json())
    return answers


async def told_live(
    client: Client, history: History, orders: list[MeterOrder], version: Vocabulary, others: int
) -> str:
    """Listen while so many orders of others move, and then the customer's own."""
    moved = [*[order for order in orders if order.id not in OWN][: 3 * others], *[o for o in orders if o.id in OWN]]
    with fail_after(20):
        async with client.listen(resource_subscriptions=["nomos://changes"]) as stream:
            for order in moved:
                look = OrderLook.of(order, version, seen_at=NOW, seen_by="poll")
                await history.record([replace(look, status="new_to_us")])
                if order.id not in OWN:
                    with move_on_after(1.5):  # more than a period of looking for changes
                        return f"told of another's: {await anext(stream)}"
            return str(await anext(stream))


async def told_to(caller: Caller | None, version: Vocabulary, database: str, others: int) -> list[str]:
    """Return all that feed, past, statistics and listening tell a customer, or staff for one."""
    simulator = Simulator(now=lambda: NOW)
    history = History("/nowhere/at/all.db" if database == "failing" else IN_MEMORY, lambda: NOW)
    async with client_for(simulator, version) as nomos:
        orders = [order async for order in nomos.meter_orders.list()]
        if database == "kept":
            await lived(history, orders, version, others)
        for order in orders[:: others + 1] if others else ():
            if order.id not in OWN:
                simulator.put_order(order.id, TargetState(status="cancelled", cancelled_reason="customer_request"))
        kept = None if database == "none" else history
        server = create_server(Settings(), client=nomos, caller=caller, clock=lambda: NOW, history=kept)
        async with Client(server) as client:
            answers = await told_of_orders(client, ("agent", "customer") if caller else ("customer",))
            if caller:
                answers += await told_by_feed(client)
                answers += [await resource(DURATIONS)(client, ""), (await client.list_resources()).model_dump_json()]
            if caller and database == "kept":
                answers.append(await told_live(client, history, orders, version, others))
    await history.aclose()
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("version", [CURIE, EDISON])
@pytest.mark.parametrize("database", ["none", "kept", "failing"])
@pytest.mark.parametrize("caller", [Caller.customer(DEMO.customers[OWNER]), None])
async def test_what_becomes_of_others_changes_no_byte_of_what_a_customer_is_told(
    version: Vocabulary, database: str, caller: Caller | None
) -> None:
    quiet, *moved = [await told_to(caller, version, database, others) for others in (0, 1, 2)]
    assert moved == [quiet, quiet]


@pytest.mark.slow
async def test_what_becomes_of_others_is_told_to_the_organisation() -> None:
    local = Caller.local()
    assert await told_to(local, CURIE, "none", 1) != await told_to(local, CURIE, "none", 0)
