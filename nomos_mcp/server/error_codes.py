"""What an error code of Nomos means and what to do about it, as a page to look up. Tools that fail say the same.

The codes, and what the first ten mean, are documented. The codes of details are documented as names only: what stands
here of them is read from the name and the guide, and says so.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from nomos_mcp.client.errors import BY_STATUS, APIError, InternalServerError, InvalidRequestError
from nomos_mcp.server.failures import SUPPORT, nearest, saying
from nomos_mcp.server.limits import cut

_KINDS: Final[Mapping[int, type[APIError]]] = MappingProxyType({**BY_STATUS, 500: InternalServerError})
_ANSWERS: Final = MappingProxyType({kind.documented_code: (status, kind) for status, kind in _KINDS.items()})
_DETAILS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "duplicate_meter_order": (
            "The subscription has had its one meter order.",
            f"Read it with get_meter_order; to retry a cancelled one, write to {SUPPORT}.",
        ),
        "ended_subscription": (
            "The subscription has ended, so nothing can be ordered for it.",
            "Do not repeat it; look for the customer's other subscriptions with list_subscriptions.",
        ),
        "unsupported_product": (
            "The subscription's plan includes no smart meter.",
            f"Do not repeat it; ask {SUPPORT} to enable one for the plan.",
        ),
        "unsupported_meter_order": (
            "This kind of subscription cannot have a meter order; feed-in cannot.",
            "Do not repeat it; check `direction` with list_subscriptions.",
        ),
        "missing_smart_meter": (
            "What was asked for needs a smart meter, and there is none.",
            "See with get_meter_order whether one is ordered and active.",
        ),
        "upgrade_api_version": (
            "What was asked for needs a newer API version.",
            "The operator of this server has to set NOMOS_API_VERSION.",
        ),
    }
)

CODES: Final[tuple[str, ...]] = (*_ANSWERS, *_DETAILS)
"""Every code that can be looked up: those of answers, by HTTP status, then those of details."""


def error_markdown(code: str) -> str:
    """Say what a code means and what to do.

    Raises:
        InvalidRequestError: The code is unknown; the message lists those that are known.
    """
    if code in _ANSWERS:
        status, kind = _ANSWERS[code]
        happened, then = saying(kind)
        kept = f"`code` of an answer with HTTP {status}"
    elif code in _DETAILS:
        happened, then = _DETAILS[code]
        kept = "`code` of an entry in an answer's `errors`; its meaning is inferred from its name and the guide"
    else:
        guess = nearest(code.lower(), [known.lower() for known in CODES])
        hint = f" Did you mean {next(known for known in CODES if known.lower() == guess)!r}?" if guess else ""
        raise InvalidRequestError(f"Unknown error code {cut(code)!r}.{hint} Known: {', '.join(CODES)}.")
    return f"# {code}\n\n- **Where:** {kept}\n- **What happened:** {happened}\n- **What to do:** {then}\n"
