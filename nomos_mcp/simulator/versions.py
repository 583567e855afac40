"""The four API versions and how they are told apart.

What a version has and lacks is written where it matters (views, routes); this file only names them. The names start
with their ISO date, so `version >= CURIE` reads as "from curie on" and is a plain string comparison.
"""

from typing import Final, Literal, get_args

ApiVersion = Literal["2025-12-01.chucky", "2025-12-16.batman", "2026-01-29.edison", "2026-05-27.curie"]

CHUCKY: Final = "2025-12-01.chucky"
BATMAN: Final = "2025-12-16.batman"
EDISON: Final = "2026-01-29.edison"
CURIE: Final = "2026-05-27.curie"

_KNOWN: Final[dict[str, ApiVersion]] = {version: version for version in get_args(ApiVersion)}


def known(text: str) -> ApiVersion | None:
    """Tell whether a header value names a version.

    Args:
        text: What the caller sent as `X-API-Version`.

    Returns:
        The version, or None for anything else: the comparison is exact.
    """
    return _KNOWN.get(text)
