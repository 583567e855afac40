"""Every number of the client, and the API versions. Seconds and bytes, unless a name says otherwise."""

from typing import Final, Literal, get_args

ApiVersion = Literal["2026-05-27.curie", "2026-01-29.edison", "2025-12-16.batman", "2025-12-01.chucky"]
MeterOrderVersion = Literal["2026-05-27.curie", "2026-01-29.edison"]

CURIE: Final = "2026-05-27.curie"
EDISON: Final = "2026-01-29.edison"
BATMAN: Final = "2025-12-16.batman"
CHUCKY: Final = "2025-12-01.chucky"

API_VERSIONS: Final[tuple[ApiVersion, ...]] = get_args(ApiVersion)
"""Source: the vendor's version notes."""
METER_ORDER_VERSIONS: Final[tuple[MeterOrderVersion, ...]] = get_args(MeterOrderVersion)
DEFAULT_API_VERSION: Final = CURIE
VERSION_HEADER: Final = "X-API-Version"
"""Selects the vocabulary of statuses. Without it the vendor picks one, so it is always sent."""

DEFAULT_BASE_URL: Final = "https://api.nomos.energy"

CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 20.0
CALL_TIMEOUT: Final = 45.0
"""For a whole call: token, waiting for the rate limiter, retries and the pauses between them."""

MAX_RETRIES: Final = 3
BACKOFF_BASE: Final = 0.5
"""The first pause before a retry is anything up to this; it doubles with every retry."""
BACKOFF_CAP: Final = 8.0
MAX_RETRY_AFTER: Final = 3600.0
"""A longer wait that upstream asks for is cut to this."""

REQUESTS_PER_SECOND: Final = 10
"""The rate limit per client that the vendor's older quickstart states."""
RATE_WINDOW: Final = 1.0
MAX_RATE_LIMIT_WAIT: Final = 30.0
"""How long a call waits for the rate limiter at most."""
MAX_HOLD: Final = 60.0
"""The longest time for which one response can stop all calls of a client, whatever it asks for. The rate limit that the
vendor states is one per second, so a longer wait is more likely a mistake."""

MAX_RESPONSE_BYTES: Final = 8 * 1024 * 1024
"""A page of 100 subscriptions, each with its full 10 KB of metadata, fits several times."""
MAX_UPSTREAM_TEXT: Final = 300
"""Characters kept of any free text that upstream sends, such as an error's message."""
MAX_WORD: Final = 64
"""Characters kept of what should be one word: a status, a code, a time, a request ID. No real one comes near it."""

TOKEN_RENEWED_AHEAD: Final = 60.0
"""An access token counts as expired this long before it is."""
TOKEN_DEFAULT_LIFETIME: Final = 3600.0
"""Lifetime that the vendor documents; used where the response states none, or an implausible one."""
TOKEN_LONGEST_LIFETIME: Final = 365 * 24 * 3600.0

MAX_PAGE_SIZE: Final = 100
"""Upper bound of `limit`, as the vendor documents it."""
MAX_PAGES_FOR_ONE: Final = 100
"""Pages that are read at most for the order of one subscription; one is enough unless upstream ignores the filter."""
MAX_ID_LENGTH: Final = 64
"""IDs have 24 characters after the prefix in practice; the length is not relied upon, only bounded."""
