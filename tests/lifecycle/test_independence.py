"""The public interface of the package, the shape of an explanation, and what the package must not import."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

import nomos_mcp.lifecycle
from nomos_mcp.lifecycle import Explanation, explain_status

FIELDS = [
    "status", "label", "meaning", "stage", "path", "final", "outcome", "blocked", "waiting_on", "customer_action",
    "operator_action", "customer_message", "next", "timing", "escalation", "anomalies", "confidence",
    "confidence_of", "sources", "api_version",
]  # fmt: skip


def test_an_explanation_has_exactly_its_fields_in_their_order() -> None:
    assert list(Explanation.model_fields) == FIELDS


def test_an_explanation_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        explain_status("placed").label = "Lost"  # type: ignore[misc]  # trying it is the point


def test_an_explanation_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError):
        Explanation.model_validate(explain_status("placed").model_dump() | {"note": "more"})


def test_every_public_name_exists_and_is_listed_once_and_in_order() -> None:
    names = nomos_mcp.lifecycle.__all__
    assert all(hasattr(nomos_mcp.lifecycle, name) for name in names)
    # Constants first, then classes, then functions, as the linter sorts them.
    assert names == sorted(set(names), key=lambda name: (not name.isupper(), name[0].islower(), name))


def test_the_room_knows_no_other_room() -> None:
    for source in Path(nomos_mcp.lifecycle.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert not (node.module or "").startswith("nomos_mcp") or "nomos_mcp.lifecycle" in (node.module or "")
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("nomos_mcp") for name in node.names)
