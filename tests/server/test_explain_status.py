"""`explain_status`: by order as it is now, or by name, without credentials."""

import re

import pytest
from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    LANGUAGES,
    STATUSES,
    VERSIONS,
    glossary_entry,
    glossary_markdown,
    glossary_words,
    spelling,
)
from nomos_mcp.server import create_server
from nomos_mcp.server.error_messages import CODES
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.server.conftest import Connect, Era, answer_of, asked_of, error_of
from tests.server.tool_examples import ToolExample

EXAMPLE = ToolExample(
    arguments=(
        "status",
        "order_id",
        "blocked_reason",
        "cancelled_reason",
        "audience",
        "language",
        "api_version",
        "customer_says",
        "detail",
    ),
    call={"status": "blocked_wim"},
    offline=True,
    names_no_object=(
        "status",
        "blocked_reason",
        "cancelled_reason",
        "audience",
        "language",
        "api_version",
        "customer_says",
        "detail",
    ),
    sees_everything={"detail": "full"},
)

TOOL = "explain_status"

FOR_SUPPORT = re.compile(r"NOMOS_|[a-z]_[a-z]|@|operator of this server|\bserver\b|Server|inferred|abgeleitet|API")
"""What only somebody at a desk can do something with: settings, tools, fields, addresses."""


@pytest.mark.parametrize(
    ("version", "status"), [(version, status) for version in VERSIONS for status in STATUSES[version]]
)
async def test_every_status_is_explained_without_a_request(
    assistant: Client, simulator: Simulator, version: str, status: str
) -> None:
    asked = {"status": status, "api_version": version}
    answer = answer_of(await assistant.call_tool(TOOL, asked))
    full = answer_of(await assistant.call_tool(TOOL, {**asked, "detail": "full"}))
    explanation = answer["explanation"]
    assert explanation["status"] == status
    assert answer["api_version"] == version
    assert explanation["meaning"]
    assert not {"sources", "label", "stage", "api_version"} & explanation.keys()
    assert full["explanation"]["sources"]
    assert full["explanation"]["label"]
    assert not asked_of(simulator)


async def test_an_order_is_explained_as_it_is_now(assistant: Client) -> None:
    order = {"order_id": DEMO.subscriptions["blocked_check_missing"]}
    answer = answer_of(await assistant.call_tool(TOOL, order))
    assert answer == answer_of(await assistant.call_tool("get_meter_order", order))
    assert answer["order"]["blocked_reason"] == "check_missing"
    assert answer["explanation"]["blocked"]["since"]


async def test_a_customer_is_answered_in_german(assistant: Client) -> None:
    order = {"order_id": DEMO.orders["blocked_check_missing"], "audience": "customer", "language": "de"}
    explanation = answer_of(await assistant.call_tool(TOOL, order))["explanation"]
    assert "Smart-Meter-Check" in explanation["customer_message"]
    assert re.fullmatch(r"\d\d\.\d\d\.2026", explanation["blocked"]["since"])


async def test_a_customer_is_not_told_what_is_for_the_support_agent(assistant: Client) -> None:
    order = {"order_id": DEMO.orders["blocked_check_missing"], "audience": "customer"}
    explanation = answer_of(await assistant.call_tool(TOOL, order))["explanation"]
    assert "operator_action" not in explanation
    assert explanation["customer_message"]


@pytest.mark.parametrize("asked", [{"order_id": DEMO.orders["blocked_check_missing"]}, {"status": "placed"}], ids=str)
async def test_a_customer_who_has_sent_it_already_is_not_asked_again(assistant: Client, asked: dict[str, str]) -> None:
    explanation = answer_of(await assistant.call_tool(TOOL, {**asked, "customer_says": "already_done"}))["explanation"]
    assert "you have already sent the details" in explanation["customer_message"]
    assert "customer_action" not in explanation
    assert "Do not ask the customer again" in explanation["operator_action"]


async def test_one_status_explains_the_path_around_it(assistant: Client) -> None:
    asked = {"status": "placed"}
    path = answer_of(await assistant.call_tool(TOOL, asked))["explanation"]["path"]
    assert path.startswith("created (Order accepted) → placed (With the installation partner) → check_submitted (")
    for_customer = answer_of(await assistant.call_tool(TOOL, {**asked, "audience": "customer"}))["explanation"]
    assert for_customer["path"].startswith("Order accepted → With the installation partner → Check submitted → ")


@pytest.mark.parametrize("status", ["blocked", "cancelled"])
async def test_a_status_whose_place_is_not_documented_has_no_path(assistant: Client, status: str) -> None:
    assert "path" not in answer_of(await assistant.call_tool(TOOL, {"status": status}))["explanation"]


async def test_the_pinned_vocabulary_is_the_default(connect: Connect) -> None:
    async with connect(EDISON) as client:
        assert answer_of(await client.call_tool(TOOL, {"status": "installed"}))["api_version"] == EDISON


async def test_a_version_may_be_called_by_its_name(assistant: Client) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": "blocked", "api_version": "edison"}))
    assert (answer["explanation"]["waiting_on"], answer["api_version"]) == ("nomos", EDISON)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "status"),
    [("check_missing", "blocked"), ("grid_operator_registration", "blocked"), ("pre_existing", "cancelled")],
)
async def test_a_reason_in_place_of_a_status_is_explained_as_that_reason(
    connect: Connect, version: ApiVersion, name: str, status: str
) -> None:
    async with connect(version) as client:
        answer = answer_of(await client.call_tool(TOOL, {"status": name}))
        argument = f"{status}_reason"
        assert answer == answer_of(await client.call_tool(TOOL, {argument: name}))
    assert (answer["explanation"]["status"], answer["api_version"]) == (status, CURIE)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("glossary", "wMSB"),
        ("CONFLICT", "one meter order"),
        ("NOT_FOUND", "404"),
        ("malo", "Market location"),
        ("§14a EnWG", "by itself it grants none"),
        ("iMSys", "condition of grid fee reductions"),
        ("ordering", "product_orders"),
        ("Bestellen", "hosted checkout"),
        ("cancelling", "No order can be cancelled here"),
        ("provider", "(inferred)"),
        ("inexogy", "The company that an order is placed with"),
        ("Energy Metering", "The company that an order is placed with"),
        ("Glossar", "wMSB"),
        ("GLOSSARY", "wMSB"),
        ("14a EnWG", "Grid fee reductions"),
        ("market location", "Market location"),
        ("Marktlokation", "Market location"),
        ("smart-meter-check", "Additional details"),
        ("Grid Operator", "grid operator"),
        ("Netzbetreiber", "grid operator"),
        ("not found", "404"),
        ("409", "# CONFLICT"),
        ("HTTP 429", "# TOO_MANY_REQUESTS"),
        ("Ended-Subscription", "# ended_subscription"),
    ],
)
async def test_what_resources_say_is_said_here_too(
    assistant: Client, simulator: Simulator, name: str, said: str
) -> None:
    answer = answer_of(await assistant.call_tool(TOOL, {"status": name}))
    assert said in answer["text"]
    assert "explanation" not in answer
    assert not asked_of(simulator)


def test_no_two_names_have_the_same_spelling() -> None:
    statuses = {*STATUSES[CURIE], *STATUSES[EDISON], "blocked", *BLOCKED_REASONS, *CANCELLED_REASONS}
    known = [*statuses, *CODES, "glossary", "Glossar"]
    words = {spelling(word): glossary_entry(word) for word in glossary_words()}
    assert len({*map(spelling, known)}) == len(known)
    assert not {*map(spelling, known)} & words.keys()
    assert all(glossary_entry(word) == words[spelling(word)] for word in glossary_words())
    assert len({*words.values()}) == len(glossary_markdown().splitlines()) - 4


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_customer_is_told_what_words_mean_and_of_codes_only_that_support_helps(
    assistant: Client, language: str
) -> None:
    asked = {"audience": "customer", "language": language}
    for name in ("glossary", *glossary_words()):
        said = answer_of(await assistant.call_tool(TOOL, {**asked, "status": name}))["text"]
        assert not FOR_SUPPORT.search(said), name
    said = {answer_of(await assistant.call_tool(TOOL, {**asked, "status": code}))["text"] for code in CODES}
    assert len(said) == 1
    assert not FOR_SUPPORT.search("".join(said))
    assert "upport" in "".join(said)


async def test_a_code_says_that_it_is_explained_in_english(assistant: Client) -> None:
    german = answer_of(await assistant.call_tool(TOOL, {"status": "CONFLICT", "language": "de"}))["text"]
    english = answer_of(await assistant.call_tool(TOOL, {"status": "CONFLICT"}))["text"]
    assert german == f"{english}\nFehlercodes sind auf Englisch erklärt.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Nothing to explain"),
        ({"status": "instaled"}, "installed"),
        ({"status": "chek_missing"}, "Did you mean check_missing"),
        ({"status": "NOT_FUOND"}, "Did you mean NOT_FOUND"),
        ({"status": "Marktlokatoin"}, "Did you mean Marktlokation"),
        ({"status": "inexogi"}, "Did you mean inexogy"),
        ({"status": "418"}, "No API version has a meter order status '418'"),
        ({"status": "pre_existing", "blocked_reason": "check_missing"}, "exclude each other"),
        ({"status": "placed", "order_id": DEMO.orders["placed"]}, "order_id goes alone"),
        ({"status": "activated", "blocked_reason": "check_missing"}, "blocked"),
        ({"status": "placed", "api_version": "2026-05-27.currie"}, f"meter orders exist in {CURIE} and {EDISON} only"),
        ({"status": "placed", "language": "fr"}, "language"),
        ({"status": "CONFLICT", "blocked_reason": "check_missing"}, "CONFLICT goes alone"),
        ({"status": "glossary", "api_version": EDISON}, "glossary goes alone"),
        ({"status": "MaLo", "blocked_reason": "check_missing"}, "MaLo goes alone"),
        ({"status": "placed", "audience": "press"}, "audience"),
        ({"status": "placed", "customer_says": "no"}, "customer_says"),
        ({"order": "prdo_1"}, "Did you mean 'order_id'?"),
    ],
)
async def test_bad_input_is_named(assistant: Client, arguments: dict[str, str], said: str) -> None:
    result = await assistant.call_tool(TOOL, arguments)
    assert result.is_error
    assert said in error_of(result)


async def test_without_credentials_names_are_explained_and_orders_say_what_to_set(era: Era) -> None:
    async with Client(create_server(Settings()), mode=era) as client:
        assert answer_of(await client.call_tool(TOOL, {"status": "placed"}))
        result = await client.call_tool("get_meter_order", {"order_id": "prdo_1"})
    assert result.is_error
    assert "NOMOS_CLIENT_ID" in error_of(result)
    assert "--demo" in error_of(result)
