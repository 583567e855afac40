from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import TextResourceContents

from nomos_mcp.client import NomosClient
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
BOUND: dict[str, dict[str, Any]] = {
    "get_meter_order": {"resourceUri": "ui://nomos/timeline.html"},
    "explain_status": {"resourceUri": "ui://nomos/timeline.html"},
    "list_meter_orders_by_status": {"resourceUri": "ui://nomos/board.html"},
    "list_order_changes": {"resourceUri": "ui://nomos/board.html"},
    "order_smart_meter": {"resourceUri": "ui://nomos/preview.html", "visibility": ["model"]},
}
URIS = sorted({bound["resourceUri"] for bound in BOUND.values()})
NO_NETWORK: dict[str, list[str]] = {
    "connectDomains": [],
    "resourceDomains": [],
    "frameDomains": [],
    "baseUriDomains": [],
}


async def contents_of(client: Client, uri: str) -> TextResourceContents:
    (contents,) = (await client.read_resource(uri)).contents
    assert isinstance(contents, TextResourceContents)
    return contents


async def test_each_of_these_tools_names_its_app_and_no_other_tool_has_one(assistant: Client) -> None:
    listed = (await assistant.list_tools()).tools
    assert {tool.name: tool.meta["ui"] for tool in listed if tool.meta} == BOUND


async def test_only_the_model_may_order(assistant: Client) -> None:
    (tool,) = [tool for tool in (await assistant.list_tools()).tools if tool.name == "order_smart_meter"]
    assert (tool.meta or {})["ui"]["visibility"] == ["model"]


async def test_the_extension_is_declared() -> None:
    async with Client(create_server(Settings(demo=True))) as client:
        assert client.server_capabilities.extensions == {EXTENSION_ID: {}}


@pytest.mark.parametrize("uri", URIS)
async def test_an_app_is_one_html_file_that_names_no_other_file(assistant: Client, uri: str) -> None:
    contents = await contents_of(assistant, uri)
    assert contents.mime_type == APP_MIME_TYPE
    assert contents.text.startswith("<!doctype html>")
    for way_out in (" src=", "<link", "@import", "url(http", "fetch(", "new XMLHttpRequest"):
        assert way_out not in contents.text


@pytest.mark.parametrize("uri", URIS)
async def test_an_app_is_to_have_no_network(assistant: Client, uri: str) -> None:
    (listed,) = [each for each in (await assistant.list_resources()).resources if each.uri == uri]
    contents = await contents_of(assistant, uri)
    for meta in (listed.meta, contents.meta):
        assert (meta or {})["ui"]["csp"] == NO_NETWORK
    assert "default-src 'none'" in contents.text


@pytest.mark.parametrize("uri", URIS)
async def test_an_app_stays_under_150_kb(assistant: Client, uri: str) -> None:
    assert len((await contents_of(assistant, uri)).text.encode()) < 150_000


@pytest.mark.parametrize("uri", URIS)
async def test_an_app_may_be_kept_by_anyone_and_needs_no_credentials(uri: str) -> None:
    async with Client(create_server(Settings(), client=NomosClient(client_id="", client_secret=""))) as client:
        read = await client.read_resource(uri)
    assert (read.ttl_ms, read.cache_scope) == (3_600_000, "public")


def test_what_upstream_sends_is_text_for_an_app_and_never_markup() -> None:
    sources = [path for path in (ROOT / "apps" / "src").rglob("*.ts*") if path.is_file()]
    assert sources
    for source in sources:
        assert "innerHTML" not in source.read_text(encoding="utf-8"), source


async def test_an_app_is_read_from_disk_only_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    read_text = Path.read_text

    def noted(path: Path, *args: Any, **options: Any) -> str:
        read.append(path.name)
        return read_text(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", noted)
    async with Client(create_server(Settings(demo=True))) as client:
        await client.list_tools()
        await client.list_resources()
        assert not [name for name in read if name.endswith(".html")]
        await client.read_resource("ui://nomos/board.html")
    assert [name for name in read if name.endswith(".html")] == ["board.html"]
