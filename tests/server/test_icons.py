"""What clients may show beside the server and its tools."""

from base64 import b64decode
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from mcp import Client
from mcp.types import Icon

SVG = "{http://www.w3.org/2000/svg}"


def drawings(icons: Sequence[Icon] | None) -> dict[str, ET.Element]:
    """Return the drawing of each theme, read as a client reads it."""
    found: dict[str, ET.Element] = {}
    for icon in icons or ():
        kind, _, data = icon.src.partition(";base64,")
        assert (kind, icon.mime_type) == ("data:image/svg+xml", "image/svg+xml")
        assert len(icon.src) < 240
        found[icon.theme or ""] = ET.fromstring(b64decode(data, validate=True))  # noqa: S314  our own drawing
    return found


async def test_the_server_and_each_tool_have_an_icon_for_light_and_dark(assistant: Client) -> None:
    listed = (await assistant.list_tools()).tools
    assert assistant.server_info
    for icons in (assistant.server_info.icons, *(tool.icons for tool in listed)):
        drawn = drawings(icons)
        assert set(drawn) == {"light", "dark"}
        assert {drawing.tag for drawing in drawn.values()} == {SVG + "svg"}
        assert len({drawing[0].get("fill") for drawing in drawn.values()}) == 2


async def test_an_icon_holds_shapes_only(assistant: Client) -> None:
    """A client may show a drawing as part of its page, where anything else in it could run."""
    for tool in (await assistant.list_tools()).tools:
        for drawing in drawings(tool.icons).values():
            assert {part.tag for part in drawing.iter()} == {SVG + "svg", SVG + "path"}
            said = {name for part in drawing.iter() for name in part.attrib}
            assert said == {"viewBox", "fill", "d"}


async def test_the_tool_that_orders_looks_different_from_those_that_read(assistant: Client) -> None:
    icons = {tool.name: str(tool.icons) for tool in (await assistant.list_tools()).tools}
    ordering = icons.pop("order_smart_meter")
    assert len(set(icons.values())) == 1
    assert ordering not in icons.values()


async def test_no_result_repeats_the_icons(assistant: Client) -> None:
    listed = await assistant.list_resources()
    called = await assistant.call_tool("explain_status", {"status": "placed"})
    for result in (listed, called):
        assert "image/svg" not in result.model_dump_json()
