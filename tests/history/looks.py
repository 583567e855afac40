"""Looks at an order, as the tests need them."""

from datetime import datetime, timedelta
from typing import Any

from nomos_mcp.history.changes import OrderLook
from nomos_mcp.lifecycle import CURIE
from tests.databases import Clock

CREATED = datetime.fromisoformat("2026-05-01T08:00:00Z")


def look(clock: Clock, status: str = "placed", **said: Any) -> OrderLook:
    """A look, now, at an order that was created on the first of May."""
    usual = {"order_id": "prdo_1", "subscription_id": "sub_1", "customer_id": "cus_1", "api_version": CURIE}
    seen = {"created_at": CREATED, "seen_at": clock.now, "seen_by": "poll"}
    return OrderLook(status=status, **{**usual, **seen, **said})


def ago(clock: Clock, **time: float) -> datetime:
    return clock.now - timedelta(**time)
