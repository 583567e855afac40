"""The closed sets of words this room reasons with, and nothing about what they mean.

Source of the status and reason names: the vendor's API reference of each version.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

ApiVersion = Literal["2026-05-27.curie", "2026-01-29.edison"]
Audience = Literal["agent", "customer"]
Outcome = Literal["open", "success", "cancelled", "unknown"]
WaitingOn = Literal["customer", "nomos", "installer", "grid_operator", "nobody", "unknown"]
Confidence = Literal["documented", "inferred", "unknown"]

CURIE: Final = "2026-05-27.curie"
EDISON: Final = "2026-01-29.edison"
VERSIONS: Final[tuple[ApiVersion, ...]] = get_args(ApiVersion)

PATHS: Final[Mapping[ApiVersion, tuple[str, ...]]] = MappingProxyType(
    {
        CURIE: ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed", "activated"),
        EDISON: (
            "waiting",
            "ordered",
            "checked",
            "installation_planning",
            "installation_scheduled",
            "installation_finished",
            "activated",
        ),
    }
)
"""The line each version documents as the usual progress; other statuses have no place in it."""

BLOCKED_REASONS: Final = ("check_missing", "grid_operator_registration")
CANCELLED_REASONS: Final = ("pre_existing", "customer_request")


def other(version: ApiVersion) -> ApiVersion:
    """The vocabulary that `version` is not."""
    return EDISON if version == CURIE else CURIE
