"""Tells a read that lags behind from an order that has gone back. Pure: knows no database."""

from datetime import timedelta
from typing import Final

from nomos_mcp.history.changes import OrderLook
from nomos_mcp.lifecycle import is_final
from nomos_mcp.lifecycle.statuses import PATHS

LAG: Final = timedelta(minutes=15)
"""How long a look that shows an earlier state is taken for a read that lags behind (our choice)."""

_KEPT: Final = ("installed_at", "activated_at", "cancelled_at")


def shows_earlier_state(look: OrderLook, before: OrderLook) -> bool:
    """Whether the order went back since the look before, or the look shows what was before that, as far as is known."""
    if look.api_version != before.api_version:
        return False
    if look.updated_at and before.updated_at:
        return look.updated_at < before.updated_at
    path = PATHS[look.api_version]
    if look.status in path and before.status in path and path.index(look.status) < path.index(before.status):
        return True
    if is_final(before.order_state) and not is_final(look.order_state):
        return True
    if any(getattr(before, name) and not getattr(look, name) for name in _KEPT):
        return True
    return _blocked_earlier(look, before) or not _progressed(look, before)


def _progressed(look: OrderLook, before: OrderLook) -> bool:
    """Whether something in a look must be later than the look before. A block or an appointment that is gone is not."""
    if look.status != before.status or any(getattr(look, name) and not getattr(before, name) for name in _KEPT):
        return True
    return bool(look.blocked_at and look.blocked_at != before.blocked_at)


def _blocked_earlier(look: OrderLook, before: OrderLook) -> bool:
    """Whether a block began before a look that did not show it, or that showed a later one."""
    if not look.is_blocked or look.blocked_at is None:
        return False
    return look.blocked_at < ((before.blocked_at or look.blocked_at) if before.is_blocked else before.seen_at)
