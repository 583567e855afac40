"""What the tests that hold for every tool have to know about each: one example a tool, kept in the tool's own test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from nomos_mcp.server.tools import definitions

Hints = tuple[bool, bool, bool, bool]

READS: Final[Hints] = (True, False, True, True)
"""Hints of a tool that reads: read_only, destructive, idempotent, open_world."""


@dataclass(frozen=True, kw_only=True)
class ToolExample:
    """How a tool is called, and what never changes about it.

    Attributes:
        arguments: The names of its arguments, in order.
        required: Those that are required.
        hints: read_only, destructive, idempotent, open_world.
        call: Arguments of a call that asks Nomos; a tool that asks nothing without them is `offline`.
        offline: Whether the call needs no credentials.
        names_no_object: Arguments that name nothing that belongs to a customer. All others are IDs, see `test_leaks`.
        sees_everything: Arguments with which it answers about as much as it can.
    """

    arguments: tuple[str, ...]
    required: tuple[str, ...] = ()
    hints: Hints = READS
    call: Mapping[str, object]
    offline: bool = False
    names_no_object: tuple[str, ...] = ()
    sees_everything: Mapping[str, object] = field(default_factory=dict)


@cache
def tool_examples() -> dict[str, ToolExample]:
    """Return each tool's example: `EXAMPLE` in `tests/server/test_<tool>.py`."""
    return {definition.name: _example_of(definition.name) for definition in definitions()}


def _example_of(name: str) -> ToolExample:
    module = f"tests.server.test_{name}"
    example = getattr(import_module(module), "EXAMPLE", None) if find_spec(module) else None
    if not isinstance(example, ToolExample):
        raise TypeError(
            f"The tool {name} has no example, so nobody tests its schema, its leaks and its errors. Write "
            f"tests/server/test_{name}.py with `EXAMPLE = ToolExample(arguments=..., call=...)`."
        )
    return example
