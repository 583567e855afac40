"""The prompts: each renders, reads well without its optional arguments, and refuses what it does not know."""

import re

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS, TextContent

from nomos_mcp.server.prompts import prompt_of
from nomos_mcp.server.tools import definitions

REQUIRED = {
    "daily-cohort-report": {},
    "order-a-smart-meter": {"subscription_id": "sub_1"},
    "order-status-reply": {"order_id": "prdo_1"},
    "triage-blocked-orders": {},
    "what-changed": {},
    "why-is-my-meter-blocked": {"order_id": "prdo_1"},
}


async def rendered(client: Client, name: str, arguments: dict[str, str]) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, TextContent)
    return message.content.text


async def refused(client: Client, name: str, arguments: dict[str, str]) -> str:
    with pytest.raises(MCPError) as caught:
        await client.get_prompt(name, arguments)
    assert caught.value.error.code == INVALID_PARAMS
    return caught.value.error.message


async def test_the_prompts_are_exactly_these(assistant: Client) -> None:
    prompts = (await assistant.list_prompts()).prompts
    assert [prompt.name for prompt in prompts] == list(REQUIRED)
    assert all(prompt.title and prompt.description for prompt in prompts)
    assert {prompt.name: {a.name for a in prompt.arguments or () if a.required} for prompt in prompts} == {
        name: set(arguments) for name, arguments in REQUIRED.items()
    }


@pytest.mark.parametrize("name", REQUIRED)
async def test_a_prompt_reads_well_with_required_arguments_only(assistant: Client, name: str) -> None:
    text = await rendered(assistant, name, REQUIRED[name])
    assert not re.search(r"\$|: *\.|  \.", text)
    assert all(value in text for value in REQUIRED[name].values())


@pytest.mark.parametrize("name", REQUIRED)
async def test_a_prompt_has_nothing_to_do_said_only_where_the_customers_message_says_it(
    assistant: Client, name: str
) -> None:
    text = " ".join((await rendered(assistant, name, REQUIRED[name])).split())
    for sentence in re.findall(r"[^.;]*nothing to do[^.;]*", text):
        assert "only where `customer_message` says so" in sentence or "do not suggest" in sentence


async def test_the_reply_to_a_customer_warns_of_what_is_not_known(assistant: Client) -> None:
    text = " ".join((await rendered(assistant, "order-status-reply", {"order_id": "prdo_1"})).split())
    assert "a status or a block that is new to us, or an order that contradicts itself" in text
    assert "only where `customer_message` says so" in text


@pytest.mark.parametrize("name", REQUIRED)
async def test_a_prompt_names_a_tool_and_only_tools_that_exist(assistant: Client, name: str) -> None:
    text = await rendered(assistant, name, REQUIRED[name])
    named = set(re.findall(r"\b(?:get|list|explain|order)_[a-z_]+\b", text)) - {"order_id"}
    assert named
    assert named <= {definition.name for definition in definitions()}


async def test_optional_arguments_take_their_place(assistant: Client) -> None:
    arguments = {"order_id": "prdo_1", "language": "de", "tone": "formal"}
    text = await rendered(assistant, "order-status-reply", arguments)
    assert "The language: de." in text
    assert "The tone: formal." in text
    assert "cus_1." in await rendered(assistant, "triage-blocked-orders", {"customer_id": "cus_1"})
    assert "since: 2026-06-14." in await rendered(assistant, "daily-cohort-report", {"since": "2026-06-14"})
    asked = await rendered(assistant, "what-changed", {"since": "2026-06-08", "customer_id": "cus_1"})
    assert "Since: 2026-06-08. Look at the orders of: cus_1." in asked


async def test_a_blank_optional_argument_counts_as_left_out(assistant: Client) -> None:
    blank = await rendered(assistant, "triage-blocked-orders", {"customer_id": " "})
    assert blank == await rendered(assistant, "triage-blocked-orders", {})


@pytest.mark.parametrize("name", [name for name, arguments in REQUIRED.items() if arguments])
@pytest.mark.parametrize("value", [None, "", " "])
async def test_a_missing_or_blank_required_argument_is_invalid_params(
    assistant: Client, name: str, value: str | None
) -> None:
    (argument,) = REQUIRED[name]
    given = {} if value is None else {argument: value}
    assert f"needs the argument {argument!r}" in await refused(assistant, name, given)


@pytest.mark.parametrize("name", REQUIRED)
async def test_an_unknown_argument_is_invalid_params(assistant: Client, name: str) -> None:
    said = await refused(assistant, name, {**REQUIRED[name], "colour": "red"})
    assert "Unknown argument 'colour'" in said


async def test_a_misspelt_argument_or_prompt_names_the_nearest(assistant: Client) -> None:
    misspelt = {"order_id": "prdo_1", "orderid": "x"}
    assert "Did you mean 'order_id'?" in await refused(assistant, "why-is-my-meter-blocked", misspelt)
    assert "Did you mean 'why-is-my-meter-blocked'?" in await refused(assistant, "why-is-my-meter-block", {})


@pytest.mark.parametrize(("argument", "known"), [("language", "en, de"), ("tone", "friendly, formal, brief")])
async def test_an_unknown_value_names_those_that_are_known(assistant: Client, argument: str, known: str) -> None:
    said = await refused(assistant, "order-status-reply", {"order_id": "prdo_1", argument: "fr"})
    assert f"'fr' is not a value of the argument '{argument}'. Use {known}." in said


async def test_what_a_caller_passes_is_not_expanded_again(assistant: Client) -> None:
    assert "$tone $$" in await rendered(assistant, "why-is-my-meter-blocked", {"order_id": "$tone $$"})


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("no head", "starts with a head"),
        ('+++\nname = "a"\ntitle = "b"\ndescription = "c"\n+++\n$order_id', "undeclared arguments: order_id"),
        ('+++\nname = "a"\n+++\ntext', "title"),
        (
            '+++\nname = "a"\ntitle = "b"\ndescription = "c"\n[[arguments]]\nname = "x"\n+++\n$x',
            "x is either required or has a default",
        ),
    ],
)
def test_a_malformed_prompt_file_is_refused(text: str, flaw: str) -> None:
    with pytest.raises(ValueError, match=flaw):
        prompt_of(text)
