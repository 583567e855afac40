"""What can be read by address: static texts that may be cached by anyone, and live data that may not."""

import json
from urllib.parse import quote

import pytest
from mcp import Client, MCPError
from mcp.server.apps import APP_MIME_TYPE
from mcp.types import INVALID_PARAMS, ReadResourceResult, TextResourceContents

from nomos_mcp.cli import main
from nomos_mcp.client.errors import BY_STATUS
from nomos_mcp.lifecycle import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    EDISON,
    STATUSES,
    VERSIONS,
    glossary_words,
)
from nomos_mcp.server import create_server
from nomos_mcp.server.error_messages import CODES
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.server.conftest import Era, answer_of, asked_of

TEMPLATES = [
    "nomos://lifecycle/{api_version}",
    "nomos://statuses/{status}",
    "nomos://errors/{code}",
    "nomos://meter-orders/{order_id}",
    "nomos://subscriptions/{subscription_id}",
    "nomos://subscriptions/{subscription_id}/meter-order",
    "nomos://events/{event_id}",
    "nomos://changes{?since}",
]
STATIC = [
    "nomos://lifecycle",
    f"nomos://lifecycle/{CURIE}",
    "nomos://statuses/blocked",
    "nomos://statuses/glossary",
    "nomos://errors/NOT_FOUND",
    "nomos://glossary",
]
LIVE = {
    f"nomos://meter-orders/{DEMO.orders['installed']}": ("get_meter_order", {"order_id": DEMO.orders["installed"]}),
    f"nomos://subscriptions/{DEMO.subscriptions['installed']}/meter-order": (
        "get_meter_order",
        {"order_id": DEMO.subscriptions["installed"]},
    ),
    f"nomos://subscriptions/{DEMO.subscriptions['smart_already']}": (
        "get_subscription",
        {"subscription_id": DEMO.subscriptions["smart_already"]},
    ),
    f"nomos://events/{DEMO.events['meter_order.blocked']}": (
        "get_event",
        {"event_id": DEMO.events["meter_order.blocked"]},
    ),
}


def text_of(result: ReadResourceResult) -> str:
    (contents,) = result.contents
    assert isinstance(contents, TextResourceContents)
    return contents.text


async def test_the_resources_are_exactly_these(assistant: Client) -> None:
    assert [str(found.uri) for found in (await assistant.list_resources()).resources] == [
        "ui://nomos/timeline.html",
        "ui://nomos/board.html",
        "ui://nomos/preview.html",
        "nomos://lifecycle",
        "nomos://glossary",
    ]
    templates = (await assistant.list_resource_templates()).resource_templates
    assert [found.uri_template for found in templates] == TEMPLATES


async def test_every_resource_says_what_it_is(assistant: Client) -> None:
    listed = (await assistant.list_resources()).resources
    templates = (await assistant.list_resource_templates()).resource_templates
    said = [(each.title, each.description, each.mime_type) for each in listed]
    said += [(each.title, each.description, each.mime_type) for each in templates]
    assert all(title and description for title, description, _ in said)
    assert {mime_type for _, _, mime_type in said} == {"text/markdown", "application/json", APP_MIME_TYPE}


@pytest.mark.parametrize("uri", STATIC)
async def test_texts_need_no_request(assistant: Client, simulator: Simulator, uri: str) -> None:
    assert text_of(await assistant.read_resource(uri)).startswith("# ")
    assert not asked_of(simulator)


async def test_texts_may_be_kept_by_anyone_and_live_data_by_nobody() -> None:
    async with Client(create_server(Settings(demo=True))) as client:  # the older revisions have no cache hints
        texts = [await client.read_resource(uri) for uri in STATIC if "errors" not in uri]
        to_callers = ("nomos://errors/NOT_FOUND", "nomos://statuses/NOT_FOUND", "nomos://statuses/not%20found")
        live = [await client.read_resource(uri) for uri in (*LIVE, *to_callers)]
    assert {(result.ttl_ms, result.cache_scope) for result in texts} == {(3_600_000, "public")}
    assert {(result.ttl_ms, result.cache_scope) for result in live} == {(0, "private")}


async def test_the_lifecycle_resource_tells_both_vocabularies(assistant: Client) -> None:
    text = text_of(await assistant.read_resource("nomos://lifecycle"))
    for word in ("blocked_wim", "check_missing", "pre_existing", "check_reviewed", "inferred"):
        assert word in text


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_version_has_a_lifecycle_of_its_own(assistant: Client, version: str) -> None:
    text = text_of(await assistant.read_resource(f"nomos://lifecycle/{version}"))
    assert f"## {version}" in text
    assert [other for other in VERSIONS if f"## {other}" in text] == [version]


@pytest.mark.parametrize(
    "status", dict.fromkeys([*STATUSES[CURIE], *STATUSES[EDISON], *BLOCKED_REASONS, *CANCELLED_REASONS])
)
async def test_every_status_and_reason_can_be_read(assistant: Client, status: str) -> None:
    assert f"# `{status}`" in text_of(await assistant.read_resource(f"nomos://statuses/{status}"))


async def test_tool_resource_and_command_say_the_same_about_every_word(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*CODES, *glossary_words(), "glossary", "Glossar", "ma-lo", "not found"]
    async with Client(create_server(Settings())) as client:
        for word in words:
            told = answer_of(await client.call_tool("explain_status", {"status": word}))["text"]
            assert text_of(await client.read_resource(f"nomos://statuses/{quote(word, safe='')}")) == told, word
            assert main(["explain", word]) == 0
            assert capsys.readouterr().out.rstrip() == told.rstrip(), word
    for word in (*STATUSES[CURIE], *STATUSES[EDISON], "blocked", *BLOCKED_REASONS, *CANCELLED_REASONS):
        assert main(["explain", word]) == 0  # the tool and the resource: see the other tests


@pytest.mark.parametrize("code", CODES)
async def test_every_error_code_says_what_happened_and_what_to_do(assistant: Client, code: str) -> None:
    text = text_of(await assistant.read_resource(f"nomos://errors/{code}"))
    assert text.startswith(f"# {code}\n")
    assert "**What to do:** " in text
    assert "does not know" not in text


def test_every_documented_code_is_among_them() -> None:
    assert {kind.documented_code for kind in BY_STATUS.values()} | {"INTERNAL_SERVER_ERROR"} <= set(CODES)


async def test_what_is_read_from_a_codes_name_is_marked_as_inferred(assistant: Client) -> None:
    assert "inferred" in text_of(await assistant.read_resource("nomos://errors/missing_smart_meter"))
    assert "inferred" not in text_of(await assistant.read_resource("nomos://errors/FORBIDDEN"))


@pytest.mark.parametrize("uri", LIVE)
async def test_live_data_is_what_the_tool_returns(assistant: Client, uri: str) -> None:
    tool, arguments = LIVE[uri]
    assert json.loads(text_of(await assistant.read_resource(uri))) == answer_of(
        await assistant.call_tool(tool, arguments)
    )


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nomos://meter-orders/prdo_nobodyhasthisidentifier", "Nomos knows no such object"),
        ("nomos://meter-orders/nonsense", "is not a valid meter order or subscription ID"),
        (f"nomos://subscriptions/{DEMO.orders['placed']}", "it is the ID of a meter order"),
        (f"nomos://subscriptions/{DEMO.orders['placed']}/meter-order", "it is the ID of a meter order"),
        (f"nomos://subscriptions/{DEMO.subscriptions['can_order']}/meter-order", "has no meter order"),
        ("nomos://events/evt_nobodyhasthisidentifier", "Nomos knows no such object"),
        ("nomos://statuses/instaled", "installed"),
        ("nomos://statuses/MalLo", "Did you mean MaLo"),
        ("nomos://lifecycle/2025-12-16.batman", "meter orders exist in"),
        ("nomos://errors/NOT_FUND", "Did you mean 'NOT_FOUND'?"),
        ("nomos://errors/zzz", "Known: BAD_REQUEST, UNAUTHORIZED"),
        ("nomos://nothing", "Unknown resource"),
    ],
)
async def test_a_resource_that_does_not_exist_has_the_code_of_the_revision_and_says_why(
    assistant: Client, era: Era, uri: str, said: str
) -> None:
    with pytest.raises(MCPError) as caught:
        await assistant.read_resource(uri)
    assert caught.value.error.code == (-32002 if era == "legacy" else INVALID_PARAMS)
    assert said in caught.value.error.message


async def test_a_resource_that_cannot_be_read_says_why(era: Era) -> None:
    async with Client(create_server(Settings()), mode=era) as client:
        with pytest.raises(MCPError, match="NOMOS_CLIENT_ID"):
            await client.read_resource("nomos://meter-orders/prdo_1")
