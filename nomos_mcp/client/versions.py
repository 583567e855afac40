"""The API versions and what each can do. Source: the vendor's version notes.

`X-API-Version` selects the vocabulary of statuses. Without the header the vendor picks one, so it is always sent.
"""

from typing import Final, Literal, get_args

ApiVersion = Literal["2026-05-27.curie", "2026-01-29.edison", "2025-12-16.batman", "2025-12-01.chucky"]
MeterOrderVersion = Literal["2026-05-27.curie", "2026-01-29.edison"]

CURIE: Final = "2026-05-27.curie"
EDISON: Final = "2026-01-29.edison"
BATMAN: Final = "2025-12-16.batman"
CHUCKY: Final = "2025-12-01.chucky"

API_VERSIONS: Final[tuple[ApiVersion, ...]] = get_args(ApiVersion)
METER_ORDER_VERSIONS: Final[tuple[MeterOrderVersion, ...]] = get_args(MeterOrderVersion)
DEFAULT_API_VERSION: Final = CURIE
VERSION_HEADER: Final = "X-API-Version"
