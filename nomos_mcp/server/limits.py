"""How long the texts that a caller sends may be, and the errors that it gets.

Every number is in characters, unless its name says otherwise.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.types import ErrorData

MAX_ARGUMENT: Final = 100
"""Of a string argument that has no bound of its own. IDs have at most 69, no other argument comes near."""
MAX_CURSOR: Final = 8192
"""Of a cursor of ours: it holds one of upstream's, whose length is not documented, for each status."""
MAX_URI: Final = 128
"""Of a resource's address; the longest with an ID in it has 103."""
MAX_ECHO: Final = 100
"""Of what a caller sent, where an error quotes it."""
MAX_NAMED: Final = 5
"""Unknown arguments that one error names."""
MAX_ERROR: Final = 2000
"""Of the text of an error."""
_MAX_DETAILS: Final = 20
"""Entries of a list or an object in the `data` of an error."""


def cut(text: str, most: int = MAX_ECHO) -> str:
    """Return the text, or its beginning with an ellipsis if it is longer than `most`."""
    return text if len(text) <= most else text[: most - 1] + "…"


async def short_errors(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Keep every error short, whoever worded it: middleware around all methods."""
    try:
        result = await call_next(ctx)
    except MCPError as failure:
        short = short_error(failure.error)
        if short == failure.error:
            raise
        raise MCPError.from_error_data(short) from failure
    if isinstance(result, dict) and result.get("isError"):
        return {**result, "content": [_short_block(block) for block in result["content"]]}
    return result


def short_error(error: ErrorData) -> ErrorData:
    """Return the error with its message and what its `data` quotes cut."""
    return ErrorData(code=error.code, message=cut(error.message, MAX_ERROR), data=_short(error.data))


def _short_block(block: Mapping[str, Any]) -> dict[str, Any]:
    return {**block, "text": cut(block["text"], MAX_ERROR)} if "text" in block else dict(block)


def _short(data: Any) -> Any:
    if isinstance(data, str):
        return cut(data, MAX_URI)
    if isinstance(data, dict):
        return {cut(str(name)): _short(value) for name, value in islice(data.items(), _MAX_DETAILS)}
    return [_short(value) for value in data[:_MAX_DETAILS]] if isinstance(data, list) else data
