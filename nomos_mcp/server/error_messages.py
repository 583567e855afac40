"""What a tool says when it cannot: what happened, why, what to do next. Quotes nothing that upstream wrote freely."""

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nomos_mcp.client.errors import (
    BY_STATUS,
    APIConnectionError,
    APIError,
    AuthenticationError,
    BadRequestError,
    CertificateError,
    ConflictError,
    CredentialsError,
    InternalServerError,
    InvalidRequestError,
    LocalRateLimitError,
    MethodNotAllowedError,
    MissingScopeError,
    NomosError,
    NotFoundError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
    UnreadableResponseError,
    VersionMismatchError,
)
from nomos_mcp.server.limits import MAX_GUESSED, cut

SUPPORT = "support@nomos.energy"

_SET_CREDENTIALS = (
    "Set NOMOS_CLIENT_ID and NOMOS_CLIENT_SECRET (or NOMOS_ACCESS_TOKEN) in the server's environment and restart it; "
    "`nomos-mcp --demo` works without any, on invented data. explain_status by status name works now."
)

# What happened and why, and what to do next; the first class that fits an error speaks for it.
_SAYINGS: tuple[tuple[type[NomosError], str, str], ...] = (
    (
        NotFoundError,
        "Nomos knows no such object, or these credentials may not see it.",
        "Check the ID with whoever gave it; list_meter_orders_by_status finds orders by customer or subscription.",
    ),
    (
        AuthenticationError,
        "Nomos refused the access token.",
        "Do not repeat it; the operator of this server has to renew NOMOS_ACCESS_TOKEN or check the credentials.",
    ),
    (
        PermissionDeniedError,
        "These credentials are not allowed to do this: their scope or their organisation does not cover it.",
        "Do not repeat it; the operator of this server can ask Nomos for another scope.",
    ),
    (
        PaymentRequiredError,
        "The organisation's Nomos plan does not include this.",
        f"Do not repeat it; ask {SUPPORT} about the plan.",
    ),
    (
        ConflictError,
        "This subscription has had its one meter order; there can be no second, even after a cancelled one.",
        f"Read the existing order with get_meter_order; to retry a cancelled order, write to {SUPPORT}.",
    ),
    (
        RateLimitError,
        "Nomos received too many requests from these credentials.",
        "Nothing is wrong with the question; ask again later.",
    ),
    (
        InternalServerError,
        "Nomos failed while it answered.",
        f"Ask again later; if it stays, write to {SUPPORT} and give the requestId.",
    ),
    (
        BadRequestError,
        "Nomos refused the request as wrong.",
        "Do not repeat it unchanged; the codes tell which rule it breaks.",
    ),
    (
        MethodNotAllowedError,
        "Nomos knows the address, but not this way of using it.",
        f"Do not repeat it; write to {SUPPORT} and give the requestId.",
    ),
    (
        UnprocessableEntityError,
        "The request breaks one of Nomos' business rules.",
        "Do not repeat it unchanged; the codes tell which rule it breaks.",
    ),
    (
        APIError,
        "Nomos answered with an error that this version of nomos-mcp does not know.",
        f"Do not repeat it unchanged; write to {SUPPORT} and give the requestId.",
    ),
    (
        LocalRateLimitError,
        "More questions are waiting than the rate limit of Nomos lets through, so this one was not sent.",
        "Nothing is wrong with the question; ask again later, and fewer at once.",
    ),
    (
        CertificateError,
        "The certificate of the host that should be Nomos is not trusted, so nothing was sent.",
        "Do not repeat it; the operator of this server has to check NOMOS_BASE_URL and what lies between.",
    ),
    (
        VersionMismatchError,
        "Nomos answered in another API version than was asked for, where the same words mean other things.",
        "The answer was thrown away; the operator of this server has to check NOMOS_API_VERSION and what lies between.",
    ),
    (
        UnreadableResponseError,
        "The answer from Nomos could not be read.",
        "Ask again later; if it stays, the operator of this server has to check NOMOS_BASE_URL and what lies between.",
    ),
)


_WORD = re.compile(r"[A-Za-z0-9_.:\[\]/-]{0,128}")


def said_of(error: NomosError) -> str:
    """Return what a tool says about a failure of the client."""
    if isinstance(error, MissingScopeError):
        return f"{error} The operator of this server has to use credentials with that scope."
    if isinstance(error, InvalidRequestError):
        return str(error)
    if isinstance(error, CredentialsError):
        return _tail(f"{error} {_SET_CREDENTIALS}", error)
    if isinstance(error, APIConnectionError) and not isinstance(error, CertificateError):
        return (
            f"Nomos could not be reached. {error} Ask again later; if it stays, the operator of this server has to "
            "check the network and NOMOS_BASE_URL."
        )
    return _tail(" ".join(saying(type(error))), error)


def saying(kind: type[NomosError]) -> tuple[str, str]:
    """Return what a kind of error means, and what to do next."""
    return next((happened, then) for spoken_for, happened, then in _SAYINGS if issubclass(kind, spoken_for))


def word_of(text: str) -> str:
    """Return a code or a field's name of upstream's, which is one word; a sentence in its place is left out."""
    return text if _WORD.fullmatch(text) else "(unreadable)"


def said_of_arguments(error: ValidationError, tool: str, known: list[str], unnamed: int = 0) -> str:
    """Return what a tool says about arguments that do not fit its input schema.

    Args:
        error: What pydantic found.
        tool: Name of the tool.
        known: Names of the tool's arguments.
        unnamed: How many more unknown arguments there were.
    """
    flaws = " ".join(_flaw(flaw, known) for flaw in error.errors(include_url=False, include_input=False))
    more = f" {unnamed:,} more arguments are unknown." if unnamed else ""
    return f"{tool} was not run, its arguments are wrong. {flaws}{more} Correct them and call it again."


def nearest(word: str, known: list[str]) -> str:
    """Return the known word that is nearest to `word`, or an empty string if none is near or the word is long."""
    if len(word) > MAX_GUESSED:
        return ""
    return next(iter(get_close_matches(word.lower(), known, n=1, cutoff=0.5)), "")


def _flaw(flaw: ErrorDetails, known: list[str]) -> str:
    name = cut(".".join(str(part) for part in flaw["loc"]))
    if flaw["type"] == "extra_forbidden":
        guess = nearest(name, known)
        hint = f" Did you mean {guess!r}?" if guess else ""
        return f"Unknown argument {name!r}.{hint} Known: {', '.join(known) or 'none'}."
    if flaw["type"] == "missing":
        return f"Argument {name!r} is missing."
    return f"Argument {name!r}: {flaw['msg'][0].lower()}{flaw['msg'][1:]}."


def _tail(text: str, error: NomosError) -> str:
    """Append what support needs: the code, the codes of the details, the request ID."""
    notes: list[str] = []
    if isinstance(error, APIError) and error.code:
        notes.append(f"code {word_of(error.code)}")
    if isinstance(error, APIError) and error.errors:
        notes.append(
            "details " + ", ".join(f"{word_of(detail.code)} in {word_of(detail.field)!r}" for detail in error.errors)
        )
    if retry_after := getattr(error, "retry_after", None):
        notes.append(f"retry after {math.ceil(retry_after)} s")
    if request_id := getattr(error, "request_id", ""):
        notes.append(f"requestId {word_of(request_id)}")
    return f"{text} ({'; '.join(notes)})" if notes else text


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
