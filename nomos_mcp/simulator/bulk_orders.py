"""Orders without a name, so that lists have pages and every kind of block has several examples."""

from collections.abc import Iterator
from random import Random
from typing import Final

from nomos_mcp.simulator.demo_data import OrderCase
from nomos_mcp.simulator.world_records import CancelReason, HoldReason, Provider, Stage

USUAL_SIZE: Final = 28
_COMPANY_ORDERS: Final = 14
_PROVIDERS: Final[tuple[Provider, ...]] = ("energy-metering", "metrify", "inexogy")
_MIX: Final[tuple[tuple[Stage, HoldReason | None, CancelReason | None], ...]] = (
    ("activated", None, None),
    ("with_partner", "check_missing", None),
    ("installed", "grid_operator_registration", None),
    ("requested", None, None),
    ("check_submitted", None, None),
    ("with_partner", None, None),
    ("cancelled", None, "customer_request"),
    ("confirmed", "grid_operator_registration", None),
    ("appointed", None, None),
    ("requested", "manual_review", None),
    ("requested", "check_missing", None),
    ("data_returned", None, None),
    ("cancelled", None, "pre_existing"),
    ("awaiting_installer", None, None),
)


def bulk_orders(size: int, rng: Random) -> Iterator[OrderCase]:
    """Make up orders.

    Args:
        size: How many.
        rng: Chooses ages, providers and appointments; the mix of states is fixed.

    Yields:
        Cases for the demo organisation; the first few are the housing company's.
    """
    for number in range(size):
        stage, hold, cancelled = _MIX[number % len(_MIX)]
        yield OrderCase(
            name=f"bulk_orders{number:03}",
            shows="",
            stage=stage,
            age=rng.randint(20, 85),
            hold=hold,
            cancelled=cancelled,
            appointment=rng.randint(1, 20) if stage in {"appointed", "awaiting_installer"} else None,
            provider=rng.choice(_PROVIDERS),
            customer="housing_company" if number < _COMPANY_ORDERS else "",
        )
