"""The reference page of the client: what its public classes take, return and raise, from their docstrings."""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

from nomos_mcp import client
from nomos_mcp.client.endpoints import Customers, CustomersFound, Events, MeterOrders, Subscriptions

_ENDPOINTS = (MeterOrders, Subscriptions, Customers, Events, CustomersFound)
_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):$", re.MULTILINE)
_TITLES = {"Args": "Arguments", "Attributes": "Fields"}


def client_api() -> str:
    """Return the client, its endpoints, what they return, and its settings; the errors stand in `docs/client.md`."""
    named = (getattr(client, name) for name in client.__all__)
    others = (each for each in named if inspect.isclass(each) and not issubclass(each, client.NomosError))
    classes = [client.NomosClient, *_ENDPOINTS, *(each for each in others if each is not client.NomosClient)]
    return "\n".join(part for each in classes for part in _class(each))


def _class(kind: type) -> Iterator[str]:
    yield f"## {kind.__name__}\n"
    yield _markdown(kind)
    for name, member in vars(kind).items():
        if not name.startswith("_") and inspect.getdoc(member) and _is_documented(member):
            yield f"### {kind.__name__}.{name}\n"
            yield _markdown(member)


def _is_documented(member: object) -> bool:
    return inspect.isfunction(member) or isinstance(member, classmethod | property)


def _markdown(member: Any) -> str:
    """Return signature and docstring; the sections of the docstring become lists."""
    text, *sections = _SECTION.split(inspect.cleandoc(member.__doc__ or ""))
    parts = [_signature(member), text.strip()]
    for title, section in zip(sections[::2], sections[1::2], strict=True):
        body = inspect.cleandoc(f"\n{section}")
        parts.append(body if title == "Example" else f"{_TITLES.get(title, title)}:\n\n{_items(body)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _items(body: str) -> str:
    items = re.sub(r"\n +", " ", body).splitlines()
    named = (re.sub(r"^(\w+): ", r"`\1`: ", item) for item in items if item)
    return "\n".join(f"- {item}" for item in named)


def _signature(member: Any) -> str:
    """Return how a method is called, as its source says it: what `inspect` says differs between versions of Python."""
    function = member.__func__ if isinstance(member, classmethod) else member
    if not inspect.isfunction(function):
        return ""
    (node,) = ast.parse(inspect.cleandoc(f"\n{inspect.getsource(function)}")).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    node.args.args = [each for each in node.args.args if each.arg not in {"self", "cls"}]
    kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"```python\n{kind} {node.name}({ast.unparse(node.args)}){returns}\n```"
