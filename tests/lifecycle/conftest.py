"""Orders to explain, at one moment in time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from nomos_mcp.lifecycle import CURIE, EDISON, Explanation, OrderState, explain

Make = Callable[..., OrderState]
Explain = Callable[..., Explanation]


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture
def days_ago(now: datetime) -> Callable[[float], datetime]:
    return lambda days: now - timedelta(days=days)


def _order(version: Any, created: datetime, status: str, /, **fields: Any) -> OrderState:
    complete: Mapping[str, Any] = {"created_at": created} | fields
    return OrderState(api_version=version, status=status, **complete)


@pytest.fixture
def curie(days_ago: Callable[[float], datetime]) -> Make:
    """A curie order of ten days, with the fields given."""
    return partial(_order, CURIE, days_ago(10))


@pytest.fixture
def edison(days_ago: Callable[[float], datetime]) -> Make:
    """An edison order of ten days, with the fields given."""
    return partial(_order, EDISON, days_ago(10))


@pytest.fixture
def explained(now: datetime) -> Explain:
    """`explain` at that moment."""
    return partial(explain, now=now)
