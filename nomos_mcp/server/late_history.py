"""A history that is made at its first use, so that a start does not pay for what a session may never ask for."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # loads SQLAlchemy
    from nomos_mcp.history.store import History


class LateHistory:
    """Stands for a history: makes it when something of it is first asked for."""

    def __init__(self, make: "Callable[[], History]") -> None:
        self._make = make
        self._made: History | None = None

    def __getattr__(self, name: str) -> Any:
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.aclose()
