"""What a client sees listed by the server, for documents and manifests."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import anyio
from mcp import Client
from mcp.types import Tool

from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that is listed.

    Attributes:
        tools: The tools.
        resources: Address and title of every resource, templates last.
    """

    tools: Sequence[Tool]
    resources: Sequence[tuple[str, str]]


@cache
def listed() -> Listed:
    """Ask a server for what it lists."""

    async def asked() -> Listed:
        async with Client(create_server(Settings(demo=True))) as client:
            tools = (await client.list_tools()).tools
            fixed = [(each.uri, each.title or "") for each in (await client.list_resources()).resources]
            templates = (await client.list_resource_templates()).resource_templates
            return Listed(tools, [*fixed, *((each.uri_template, each.title or "") for each in templates)])

    return anyio.run(asked)


def first_words(tool: Tool) -> str:
    """Return a tool's description up to its first full stop or colon."""
    words = re.split(r"[.:]\s", tool.description or "", maxsplit=1)[0]
    return " ".join(words.split())
