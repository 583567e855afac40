"""Errors of the protocol that the SDK does not raise."""

import pytest
from mcp import Client, MCPError
from mcp.types import INVALID_PARAMS


@pytest.mark.parametrize("listed", ["list_tools", "list_prompts", "list_resources", "list_resource_templates"])
async def test_a_cursor_that_was_never_handed_out_is_invalid_params(assistant: Client, listed: str) -> None:
    with pytest.raises(MCPError) as caught:
        await getattr(assistant, listed)(cursor="garbage")
    assert caught.value.error.code == INVALID_PARAMS
    await getattr(assistant, listed)()
