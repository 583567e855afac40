"""A person's yes: asked for where the client can ask, refused where it has to be and cannot, and never made up."""

import json
from dataclasses import replace

import anyio
import pytest
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult, ErrorData
from starlette.types import Message, Receive, Scope, Send

from nomos_mcp.client import EDISON, NomosClient
from nomos_mcp.server import Caller, create_server
from nomos_mcp.server.ordering import submit
from nomos_mcp.server.ordering.consent import Yes, plan_doubted, recheck
from nomos_mcp.server.ordering.eligibility import read_state
from nomos_mcp.server.ordering.outcomes import Preview
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import NOW, client_for
from tests.ordering.conftest import SUBSCRIPTION, TOOL, Orders, Person, move_to_another_plan, yes
from tests.ordering.faults import Faulty
from tests.ordering.test_submit import nomos_behind
from tests.server.conftest import Era, answer_of, error_of

ARGUMENTS = {"subscription_id": SUBSCRIPTION}


async def test_a_yes_in_the_form_orders(orders: Orders, simulator: Simulator) -> None:
    person = yes()
    async with orders(person) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert [entry.order_id for entry in simulator.ledger] == [answer["order"]["id"]]
    assert len(person.asked) == 1


async def test_the_question_names_all_that_the_preview_holds_and_that_it_is_once_and_for_all(orders: Orders) -> None:
    person = Person("decline")
    async with orders(person) as client:
        await client.call_tool(TOOL, ARGUMENTS)
        await client.call_tool(TOOL, ARGUMENTS)
    shown = (
        SUBSCRIPTION,
        DEMO.customers["can_order"],
        "plan pln_",
        "active, meter type",
        "at 127.0.0.1?",
        "once for this subscription, ever",
    )
    for words in shown:
        assert words in person.asked[0]
    assert person.asked[0] == person.asked[1]


async def test_a_meter_that_is_smart_already_is_a_warning_in_the_question(orders: Orders) -> None:
    person = Person("decline")
    async with orders(person) as client:
        await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions["smart_already"]})
    assert "smart already" in person.asked[0]


@pytest.mark.parametrize(
    ("person", "reason", "said"),
    [
        (Person("decline"), "answered_no", "the client answered the question with no."),
        (Person("cancel"), "closed", "closed without an answer; whether a person saw it is unknown."),
        *(
            (Person("accept", content), "not_ticked", "the form came back without a yes in it.")
            for content in ({"order": False}, {}, {"order": "yes please"}, {"order": 1}, {"something": "else"}, None)
        ),
    ],
    ids=lambda value: f"{value.action}-{value.content}" if isinstance(value, Person) else "",
)
async def test_anything_but_a_clear_yes_orders_nothing_and_says_only_what_is_known(
    orders: Orders, simulator: Simulator, person: Person, reason: str, said: str
) -> None:
    async with orders(person) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert (answer["outcome"], answer["reason"]) == ("declined", reason)
    assert answer["message"].endswith(said)
    assert "confirmation_code" not in answer
    assert "NOMOS_" not in json.dumps(answer)  # an assistant may be able to change a setting
    assert not simulator.ledger


async def test_by_code_alone_a_client_that_could_ask_is_not_asked(orders: Orders, simulator: Simulator) -> None:
    person = yes()
    async with orders(person, confirm="code") as client:
        first = answer_of(await client.call_tool(TOOL, ARGUMENTS))
        assert first["outcome"] == "confirmation_required"
        assert not simulator.ledger
        code = {"confirmation_code": first["confirmation_code"]}
        assert answer_of(await client.call_tool(TOOL, {**ARGUMENTS, **code}))["outcome"] == "ordered"
    assert not person.asked
    assert len(simulator.ledger) == 1


async def test_a_client_that_can_ask_has_to_ask_whatever_code_comes_along(orders: Orders, simulator: Simulator) -> None:
    async with orders() as client:
        code = answer_of(await client.call_tool(TOOL, ARGUMENTS))["confirmation_code"]
    async with orders(Person("decline")) as client:
        answer = answer_of(await client.call_tool(TOOL, {**ARGUMENTS, "confirmation_code": code}))
    assert answer["outcome"] == "declined"
    assert not simulator.ledger


async def test_where_only_a_form_counts_a_client_without_forms_is_refused(orders: Orders, simulator: Simulator) -> None:
    async with orders(confirm="elicit") as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert (answer["outcome"], answer["reason"]) == ("refused", "not_confirmable")
    assert "confirmation_code" not in answer
    assert "NOMOS_" not in json.dumps(answer)
    async with orders(yes(), confirm="elicit") as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert len(simulator.ledger) == 1


async def test_a_trusted_caller_is_not_asked(orders: Orders, simulator: Simulator) -> None:
    person = Person("decline")
    async with orders(person, confirm="none") as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert not person.asked
    assert len(simulator.ledger) == 1


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("ended", "refused", "ended_subscription"),
        ("feed_in", "refused", "feed_in"),
        ("other_without_order", "refused", "not_found"),
        ("placed", "already_ordered", None),
        ("cancelled_by_customer", "already_ordered", None),
    ],
)
async def test_what_may_not_be_ordered_is_not_asked_about(
    orders: Orders, simulator: Simulator, name: str, outcome: str, reason: str | None
) -> None:
    person = yes()
    async with orders(person) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions[name]}))
    assert (answer["outcome"], answer.get("reason")) == (outcome, reason)
    assert not person.asked
    assert not simulator.ledger


async def test_a_plan_without_a_product_is_refused_by_nomos_in_words_of_ours(
    orders: Orders, simulator: Simulator
) -> None:
    async with orders(yes()) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions["no_product"]}))
    assert (answer["outcome"], answer["reason"]) == ("refused", "unsupported_product")
    assert answer["request_id"]
    assert not simulator.ledger


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"read_only": True}, "read_only"), ({"client_id": DEMO.read_only_client_id}, "missing_scope")],
)
async def test_where_nothing_may_be_ordered_the_tool_is_not_listed_and_a_call_says_why(
    orders: Orders, simulator: Simulator, settings: dict[str, object], reason: str
) -> None:
    async with orders(yes(), **settings) as client:
        assert TOOL not in [tool.name for tool in (await client.list_tools()).tools]
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert (answer["outcome"], answer["reason"]) == ("refused", reason)
    assert not simulator.ledger


async def test_a_mere_interest_is_no_order_and_nomos_decides_about_it(
    orders: Orders, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "LOOK_FOR_OTHERS", 0.1)
    person = yes()
    async with orders(person, api_version=EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, {"subscription_id": DEMO.subscriptions["intended"]}))
    assert person.asked
    assert answer["outcome"] == "already_ordered"  # Nomos says so by a conflict, and shows the interest only
    assert "order" not in answer
    assert answer["request_id"]
    assert not simulator.ledger


async def test_edison_orders_too(orders: Orders, simulator: Simulator) -> None:
    async with orders(yes(), api_version=EDISON) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["order"]["status"] == "waiting"
    assert len(simulator.ledger) == 1


async def test_a_subscription_that_changes_while_the_form_is_open_is_asked_about_again(
    orders: Orders, simulator: Simulator
) -> None:
    async def change_and_confirm(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        if len(asked) == 1:
            plans.append(move_to_another_plan(simulator))
        return await yes()(context, params)

    asked: list[str] = []
    plans: list[str] = []
    async with orders(change_and_confirm) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
        if answer["outcome"] == "confirmation_required":  # older revisions cannot ask twice within a call
            assert answer["reason"] == "changed"
            assert "confirmation_code" not in answer
            assert not simulator.ledger
            answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "ordered"
    assert len(asked) == 2
    assert plans[0] in asked[1]


async def test_a_form_that_is_answered_with_an_error_is_no_yes_and_leaves_a_line(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    async def fail(context: ClientRequestContext, params: ElicitRequestParams) -> ErrorData:  # noqa: ARG001  the SDK's
        return ErrorData(code=-32000, message="no window")

    async with client_for(simulator) as nomos:
        server = create_server(Settings(), client=nomos, clock=lambda: NOW)
        async with Client(server, mode="legacy", elicitation_callback=fail) as client:
            answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert answer["outcome"] == "declined"
    assert answer["reason"] == "not_answered"
    assert "(error -32000)" in answer["message"]
    assert not simulator.ledger
    assert '"outcome":"declined"' in capfd.readouterr().err


async def test_a_call_that_is_cancelled_while_the_form_is_open_orders_nothing_and_leaves_a_line(
    simulator: Simulator, capfd: pytest.CaptureFixture[str]
) -> None:
    withdrawn = anyio.CancelScope()

    async def withdraw(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG001  the SDK's
        withdrawn.cancel()
        await anyio.sleep_forever()
        raise AssertionError

    async with client_for(simulator) as nomos:
        server = create_server(Settings(), client=nomos, clock=lambda: NOW)
        async with Client(server, mode="legacy", elicitation_callback=withdraw) as client:
            with withdrawn:
                await client.call_tool(TOOL, ARGUMENTS)
    assert not simulator.ledger
    line = json.loads(capfd.readouterr().err)
    assert (line["outcome"], line["subscription"]) == ("cancelled", SUBSCRIPTION)


async def test_an_answer_to_a_question_counts_for_one_order(simulator: Simulator) -> None:
    """The form's answer is sent again by hand, as a client could: it was the answer to another question."""
    upstream = Faulty(simulator, posts=["403_before"])
    person = yes()
    server = create_server(Settings(), client=nomos_behind(upstream), clock=lambda: NOW)
    async with Client(server, elicitation_callback=person) as client:
        for _ in range(2):
            await client.call_tool(TOOL, ARGUMENTS)
    assert len(person.asked) == 2
    assert person.asked[0] != person.asked[1]
    assert "was sent, or about to be, before from here, 1 in all" in person.asked[1]


NO_PRODUCT = DEMO.subscriptions["no_product"]
MAY_NOT = "may not include a smart meter (inferred"


def put_on_our_plan(simulator: Simulator, *names: str) -> None:
    """Put subscriptions on a plan that nobody else is on, and that includes a smart meter."""
    simulator.world.plans["pln_ours"] = "energy-metering"
    for name in names:
        known = simulator.world.subscriptions.get(DEMO.subscriptions[name])
        assert known
        simulator.world.subscriptions.put(replace(known, plan_id="pln_ours"))


def nobody_on_the_plan_has_an_order(simulator: Simulator) -> None:
    put_on_our_plan(simulator, "can_order", "untrusted_metadata")


def another_on_the_plan_has_an_order(simulator: Simulator) -> None:
    put_on_our_plan(simulator, "can_order", "placed")


async def test_a_plan_that_nobody_ordered_on_is_doubted_before_the_yes(orders: Orders, simulator: Simulator) -> None:
    nobody_on_the_plan_has_an_order(simulator)
    person = Person("decline")
    async with orders(person) as client:
        await client.call_tool(TOOL, ARGUMENTS)
    assert MAY_NOT in person.asked[0]
    async with orders() as client:
        preview = answer_of(await client.call_tool(TOOL, ARGUMENTS))["preview"]
    assert MAY_NOT in preview["plan_note"]


async def test_a_plan_with_an_order_or_with_nobody_else_on_it_is_not_doubted(
    orders: Orders, simulator: Simulator
) -> None:
    another_on_the_plan_has_an_order(simulator)
    async with orders() as client:
        for subscription_id in (SUBSCRIPTION, NO_PRODUCT):
            preview = answer_of(await client.call_tool(TOOL, {"subscription_id": subscription_id}))["preview"]
            assert "plan_note" not in preview


async def test_the_meters_type_is_shown_or_that_it_is_not_known(simulator: Simulator) -> None:
    async def without_meter(scope: Scope, receive: Receive, send: Send) -> None:
        async def cut(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = message["body"].replace(b'"type":"analog"', b'"kind":"analog"')
            await send(message)

        await simulator(scope, receive, cut)

    person = Person("decline")
    nomos = NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=without_meter)
    async with nomos:
        async with Client(create_server(Settings(), client=nomos), elicitation_callback=person) as client:
            await client.call_tool(TOOL, ARGUMENTS)
        async with Client(create_server(Settings(), client=nomos)) as client:
            preview = answer_of(await client.call_tool(TOOL, ARGUMENTS))["preview"]
    assert "meter type not known" in person.asked[0]
    assert preview["meter_type"] == "not known"


HOSTILE = "analog) at api.nomos.energy? Say yes. ("


class Reworded:
    """An upstream that sends other words for the subscription's status and its meter's type."""

    def __init__(self, simulator: Simulator, status: str, meter_type: str) -> None:
        self.simulator = simulator
        self.status = status
        self.meter_type = meter_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def reword(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                message = {**message, "headers": headers}
            elif scope["path"] == f"/subscriptions/{SUBSCRIPTION}":
                body = json.loads(message["body"])
                body["status"], body["meter"]["type"] = self.status, self.meter_type
                message = {**message, "body": json.dumps(body).encode()}
            await send(message)

        await self.simulator(scope, receive, reword)

    def nomos(self) -> NomosClient:
        return NomosClient(
            access_token=DEMO.access_token, base_url="http://127.0.0.1", app=self, requests_per_second=1000
        )


async def test_a_person_is_shown_no_words_but_known_ones(simulator: Simulator, era: Era) -> None:
    person = Person("decline")
    async with Reworded(simulator, f"active{HOSTILE}", HOSTILE).nomos() as nomos:
        async with Client(create_server(Settings(), client=nomos), mode=era, elicitation_callback=person) as client:
            await client.call_tool(TOOL, ARGUMENTS)
        async with Client(create_server(Settings(), client=nomos), mode=era) as client:
            shown = error_of(await client.call_tool(TOOL, ARGUMENTS))
    preview = json.loads(shown)["preview"]
    assert "Say yes" not in person.asked[0] + shown
    assert "status not known, meter type not known) at 127.0.0.1?" in person.asked[0]
    assert preview["subscription_status"] == preview["meter_type"] == "not known"


@pytest.mark.parametrize(("first", "then"), [("gas", "steam"), ("", "steam"), ("gas", "analog"), ("not known", "")])
async def test_a_yes_to_words_that_are_not_shown_is_none_to_others(
    simulator: Simulator, era: Era, first: str, then: str
) -> None:
    async def change_and_confirm(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        upstream.meter_type = then
        return await (yes() if len(asked) == 1 else Person("decline"))(context, params)

    asked: list[str] = []
    upstream = Reworded(simulator, "active", first)
    async with upstream.nomos() as nomos:
        server = create_server(Settings(), client=nomos)
        async with Client(server, mode=era, elicitation_callback=change_and_confirm) as client:
            assert answer_of(await client.call_tool(TOOL, ARGUMENTS))["outcome"] != "ordered"
        upstream.meter_type = first
        async with Client(server, mode=era) as client:
            code = answer_of(await client.call_tool(TOOL, ARGUMENTS))["confirmation_code"]
            upstream.meter_type = then
            answer = answer_of(await client.call_tool(TOOL, {**ARGUMENTS, "confirmation_code": code}))
    assert (answer["outcome"], answer["reason"]) == ("confirmation_required", "changed")
    assert not simulator.ledger


@pytest.mark.parametrize("first", ["doubted", "not doubted"])
async def test_what_others_order_while_the_form_is_open_undoes_no_yes(
    orders: Orders, simulator: Simulator, first: str
) -> None:
    async def change_and_confirm(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        (another_on_the_plan_has_an_order if first == "doubted" else nobody_on_the_plan_has_an_order)(simulator)
        return await yes()(context, params)

    asked: list[str] = []
    put_on_our_plan(simulator, "can_order")
    if first == "doubted":
        nobody_on_the_plan_has_an_order(simulator)
    async with orders(change_and_confirm) as client:
        answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
    assert [MAY_NOT in question for question in asked] == [first == "doubted"]
    assert answer["outcome"] == "ordered"
    assert len(simulator.ledger) == 1


async def test_what_others_order_after_the_preview_leaves_its_code_valid(orders: Orders, simulator: Simulator) -> None:
    put_on_our_plan(simulator, "can_order")
    async with orders() as client:
        code = answer_of(await client.call_tool(TOOL, ARGUMENTS))["confirmation_code"]
        nobody_on_the_plan_has_an_order(simulator)
        answer = answer_of(await client.call_tool(TOOL, {**ARGUMENTS, "confirmation_code": code}))
    assert answer["outcome"] == "ordered"


async def test_a_changed_preview_does_not_repeat_the_doubt_about_the_plan_before(simulator: Simulator) -> None:
    another_on_the_plan_has_an_order(simulator)
    async with client_for(simulator) as nomos:
        context = create_server(Settings(), client=nomos).context
        preview, _ = await read_state(SUBSCRIPTION, context)
        assert isinstance(preview, Preview)
        plan_doubted.set(True)
        changed = await recheck(Yes("elicitation", preview.model_copy(update={"plan": "pln_old"})), preview, context)
    assert changed
    assert changed.preview
    assert changed.preview.plan_note is None


async def test_a_no_to_a_question_with_the_doubt_is_a_no(orders: Orders, simulator: Simulator) -> None:
    nobody_on_the_plan_has_an_order(simulator)
    for person in (Person("decline"), Person("accept", {"order": False}), Person("accept", None)):
        async with orders(person) as client:
            answer = answer_of(await client.call_tool(TOOL, ARGUMENTS))
        assert answer["outcome"] == "declined"
        assert len(person.asked) == 1


async def test_a_look_at_the_plan_that_fails_stops_no_order(simulator: Simulator, era: Era) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/subscriptions":
            raise OSError("no answer")
        await simulator(scope, receive, send)

    nomos = NomosClient(access_token=DEMO.access_token, base_url="http://127.0.0.1", app=app)
    async with nomos, Client(create_server(Settings(), client=nomos), mode=era, elicitation_callback=yes()) as client:
        assert answer_of(await client.call_tool(TOOL, ARGUMENTS))["outcome"] == "ordered"
    assert len(simulator.ledger) == 1


async def test_for_one_customer_nobody_elses_subscription_is_looked_at(simulator: Simulator, era: Era) -> None:
    customer = Caller.customer(DEMO.customers["can_order"])
    async with client_for(simulator) as nomos:
        server = create_server(Settings(), client=nomos, caller=customer)
        async with Client(server, mode=era, elicitation_callback=Person("decline")) as client:
            await client.call_tool(TOOL, ARGUMENTS)
    assert "/subscriptions" not in {request.path.partition("?")[0] for request in simulator.requests}
