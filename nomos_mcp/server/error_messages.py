"""What an error says to a model: what happened, why, and what to do next. Upstream's free text is never quoted.

A failed call and the page about an error code say the same. Nomos documents the codes, and what those of whole answers
mean. Of the codes of details it documents the names only: what they mean is inferred from the name and the guide.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nomos_mcp.client import errors
from nomos_mcp.client.errors import BY_STATUS, APIError, InvalidRequestError, NomosError
from nomos_mcp.lifecycle import nearest_names, spelling
from nomos_mcp.lifecycle.statuses import DOCUMENTATION
from nomos_mcp.variables import EXTENSION

SUPPORT: Final = "support@nomos.energy"
ONLY_YOURS: Final = "Only your own orders and subscriptions can be seen here."
"""Said to an assistant of one customer of whatever is somebody else's or does not exist."""
MAX_ECHO: Final = 100
"""Characters of what a caller sent, where an error quotes it."""


def cut(text: str, most: int = MAX_ECHO) -> str:
    """Return the text, or its beginning with an ellipsis if it is longer than `most`."""
    return text if len(text) <= most else text[: most - 1] + "…"


class Message(NamedTuple):
    happened: str
    """What happened, and why."""
    then: str
    """What to do next."""


_IN_EXTENSION: Final = EXTENSION in os.environ
_SET_CREDENTIALS: Final = (
    'Enter "Client ID" and "Client secret" of a Nomos Auth Client in the extension\'s settings. "Demo" there answers '
    "without them, on invented data. explain_status with a status name works now."
    if _IN_EXTENSION
    else "Set NOMOS_CLIENT_ID and NOMOS_CLIENT_SECRET (or NOMOS_ACCESS_TOKEN) in the server's environment and restart "
    "it. `nomos-mcp --demo` works without credentials, on invented data. explain_status with a status name works now."
)
_BREAKS_A_RULE = "Do not repeat it unchanged: the codes name the rule that it breaks."

_BY_CLASS: Final[Mapping[type[NomosError], Message]] = {
    errors.NotFoundError: Message(
        "Nomos knows no such object, or these credentials may not see it.",
        "Check the ID with whoever gave it, or find it with list_subscriptions or list_meter_orders_by_status.",
    ),
    errors.AuthenticationError: Message(
        "Nomos refused the access token.",
        'Do not repeat it; check "Client ID" and "Client secret" in the extension\'s settings.'
        if _IN_EXTENSION
        else "Do not repeat it; the operator of this server has to renew NOMOS_ACCESS_TOKEN or check the credentials.",
    ),
    errors.PermissionDeniedError: Message(
        "These credentials are not allowed to do this: their scope or their organisation does not cover it.",
        "Do not repeat it; the operator of this server can ask Nomos for another scope.",
    ),
    errors.PaymentRequiredError: Message(
        "The organisation's Nomos plan does not include this.",
        f"Do not repeat it; ask {SUPPORT} about the plan.",
    ),
    errors.ConflictError: Message(
        "A unique value is taken. When ordering (code duplicate_meter_order): the subscription has had its one meter "
        "order; there can be no second, even after a cancelled one.",
        f"If so, read the existing order with get_meter_order; to retry a cancelled order, write to {SUPPORT}.",
    ),
    errors.RateLimitError: Message(
        "Nomos received too many requests from these credentials.",
        "Nothing is wrong with the question; ask again later.",
    ),
    errors.InternalServerError: Message(
        "Nomos failed while it answered.",
        f"Ask again later; if it fails again, write to {SUPPORT} and give the requestId.",
    ),
    errors.BadRequestError: Message("Nomos refused the request as wrong.", _BREAKS_A_RULE),
    errors.MethodNotAllowedError: Message(
        "Nomos knows the address, but does not allow this method on it.",
        f"Do not repeat it; write to {SUPPORT} and give the requestId.",
    ),
    errors.UnprocessableEntityError: Message("The request breaks one of Nomos' business rules.", _BREAKS_A_RULE),
    APIError: Message(
        "Nomos answered with an error that this version of nomos-mcp does not know.",
        f"Do not repeat it unchanged; write to {SUPPORT} and give the requestId.",
    ),
    errors.LocalRateLimitError: Message(
        "This request was not sent: more requests are waiting than the rate limit of Nomos lets through.",
        "Nothing is wrong with the question; ask again later, and send fewer requests at once.",
    ),
    errors.CertificateError: Message(
        "Nothing was sent: the certificate of the host at NOMOS_BASE_URL is not trusted.",
        "Do not repeat it; the operator of this server has to check NOMOS_BASE_URL and any proxy before it.",
    ),
    errors.VersionMismatchError: Message(
        "Nomos answered in another API version than was asked for, where the same words mean other things. The "
        "answer was discarded.",
        "Do not repeat it; the operator of this server has to check NOMOS_API_VERSION and any proxy before Nomos.",
    ),
    errors.UnreadableResponseError: Message(
        "The answer from Nomos could not be read.",
        "Ask again later; if it happens again, the operator of this server has to check NOMOS_BASE_URL and any "
        "proxy before it.",
    ),
}
"""The first class that fits an error speaks for it."""

_SERVICE_FAULT: Final = Message(
    "This could not be looked up: a fault of this service, and not of the question.",
    "Say so, without guessing at the answer, and ask again later.",
)
_TO_CUSTOMERS: Final[Mapping[type[NomosError], Message]] = {
    errors.NotFoundError: Message(
        f"{ONLY_YOURS[:-1]}, and none of them has this ID.",
        "Check the ID, or find it with list_subscriptions.",
    ),
    errors.ConflictError: _BY_CLASS[errors.ConflictError],
    errors.BadRequestError: _BY_CLASS[errors.BadRequestError],
    errors.UnprocessableEntityError: _BY_CLASS[errors.UnprocessableEntityError],
    errors.RateLimitError: Message("Too many questions were asked at once.", "Ask again later."),
    errors.LocalRateLimitError: Message("Too many questions were asked at once.", "Ask again later."),
}
"""What an assistant of one customer is told, who can neither look up others nor mend this server."""

_CORRECT: Final = "Do not repeat it unchanged: correct the field that the error names."

DETAILS: Final[Mapping[str, Message]] = {
    "duplicate_meter_order": Message(
        "The subscription has had its one meter order.",
        f"Read it with get_meter_order; to retry a cancelled one, write to {SUPPORT}.",
    ),
    "ended_subscription": Message(
        "The subscription has ended, so nothing can be ordered for it.",
        "Do not repeat it; look for the customer's other subscriptions with list_subscriptions.",
    ),
    "unsupported_product": Message(
        "The subscription's plan has no smart-meter product configured.",
        f"Do not repeat it; ask {SUPPORT} to configure one for the plan.",
    ),
    "unsupported_meter_order": Message(
        "This kind of subscription cannot have a meter order; feed-in cannot.",
        "Do not repeat it; check `type` with get_subscription.",
    ),
    "missing_smart_meter": Message(
        "What was asked for needs a smart meter, and there is none.",
        "See with get_meter_order whether one is ordered and active.",
    ),
    "upgrade_api_version": Message(
        "What was asked for needs a newer API version.",
        "The operator of this server has to set NOMOS_API_VERSION.",
    ),
    **{
        code: Message(happened, _CORRECT)
        for code, happened in {
            "invalid_type": "A field is missing or has the wrong type.",
            "too_big": "A value is too large or too long.",
            "too_small": "A value is too small or too short.",
            "invalid_format": "A value is not written as it has to be.",
            "not_multiple_of": "A number is not a multiple of the required step.",
            "unrecognized_keys": "A field is unknown to this API version.",
            "invalid_union": "A value fits none of the allowed forms.",
            "invalid_key": "A key is not allowed.",
            "invalid_element": "An element of a collection is not valid.",
            "invalid_value": "A value is none of the allowed ones.",
            "custom": "A value breaks a rule that has no code of its own.",
            "unserviceable_zip": "There is no delivery to this postcode.",
            "duplicate_grid_reduction": "There is such a grid fee reduction already.",
            "missing_module_1": "This needs Modul 1 of the grid fee reductions (§14a EnWG), which is missing.",
            "unsupported_meter": "This is not possible with this meter.",
            "out_of_period_meter_reading": "The date of the meter reading lies outside the period of delivery.",
            "unsupported_meter_reading": "This meter takes no such reading.",
            "duplicate_meter_reading": "There is such a meter reading already.",
            "implausible_meter_reading": "The meter reading is not plausible.",
            "duplicate_customer_email": "Another customer has this e-mail address.",
            "invalid_iban": "The IBAN is not valid.",
            "withdrawal_not_allowed": "A withdrawal is not possible.",
            "invalid_termination_date": "The date of the termination is not possible.",
            "subscription_not_started": "The subscription has not started yet.",
        }.items()
    },
}
"""What the codes of an answer's details mean (inferred), those that say most of a meter order first."""

DETAILS_TO_CUSTOMERS: Final[Mapping[str, Message]] = {
    **DETAILS,
    "ended_subscription": Message(
        DETAILS["ended_subscription"].happened, "Do not repeat it; list_subscriptions lists your others."
    ),
    "unsupported_product": Message(
        DETAILS["unsupported_product"].happened, "Do not repeat it; ask whoever your energy contract is with."
    ),
    "upgrade_api_version": _SERVICE_FAULT,
}
"""The same for an assistant of one customer."""

_ANSWERED: Final[Mapping[int, type[APIError]]] = {**BY_STATUS, 500: errors.InternalServerError}
_BY_CODE: Final = {kind.documented_code: (status, kind) for status, kind in _ANSWERED.items()}

CODES: Final[tuple[str, ...]] = (*_BY_CODE, *DETAILS)
"""Every code that can be looked up: those of answers, by HTTP status, then those of details."""
_BY_SPELLING: Final = {
    **{spelling(code): code for code in CODES},
    **{spelled: code for code, (status, _) in _BY_CODE.items() for spelled in (str(status), f"http{status}")},
}

_WORD = re.compile(r"[A-Za-z0-9_.:\[\]/-]{0,128}")
_DOCS = re.compile(rf"{re.escape(DOCUMENTATION)}[A-Za-z0-9_./#-]{{0,128}}")
_MAX_EXPLAINED: Final = 3
"""Codes of details that one error explains; all of them are named."""


def describe(error: NomosError, *, fenced: bool = False) -> str:
    """Return what an error says; `fenced` for a caller who sees one customer's objects only."""
    if fenced:
        return _describe_to_customer(error)
    if isinstance(error, errors.MissingScopeError):
        return f"{error} The operator of this server has to use credentials with that scope."
    if isinstance(error, InvalidRequestError):
        return str(error)
    if isinstance(error, errors.CredentialsError):
        return _with_notes(f"{error} {_SET_CREDENTIALS}", error)
    if isinstance(error, errors.APIConnectionError) and not isinstance(error, errors.CertificateError):
        return (
            f"Nomos could not be reached. {error} Ask again later; if it fails again, the operator of this server has "
            "to check the network and NOMOS_BASE_URL."
        )
    page = page_about(error)
    return _with_notes(" ".join(message_of(type(error))), error, f"docs {page}" if page else "")


def _describe_to_customer(error: NomosError) -> str:
    if isinstance(error, InvalidRequestError) and type(error) not in {
        errors.MissingScopeError,
        errors.UnsupportedVersionError,
    }:
        return str(error)
    message = message_of(type(error), fenced=True)
    # The codes of a fault of the service speak of tokens, plans and settings.
    details = {} if message is _SERVICE_FAULT else DETAILS_TO_CUSTOMERS
    return _with_notes(" ".join(message), error, details=details)


def message_of(kind: type[NomosError], *, fenced: bool = False) -> Message:
    if fenced:
        return _TO_CUSTOMERS.get(kind, _SERVICE_FAULT)
    return next(message for described, message in _BY_CLASS.items() if issubclass(kind, described))


def page_about(error: NomosError) -> str | None:
    """Return the vendor's page about an error: the one that the answer names, if it is one of theirs, or the code's."""
    if not isinstance(error, APIError):
        return None
    return error.docs if _DOCS.fullmatch(error.docs or "") else error_page(error.documented_code)


def error_page(code: str | None) -> str | None:
    """Return the vendor's page about the code of an answer; None if there is none, as for the codes of details."""
    return f"{DOCUMENTATION}api-references/errors/{code}" if code in _BY_CODE else None


def word_of(text: str) -> str:
    """Return a code or a field's name of upstream's, which is one word; a sentence in its place is left out."""
    return text if _WORD.fullmatch(text) else "(unreadable)"


def describe_arguments(error: ValidationError, tool: str, known: list[str], unnamed: int) -> str:
    """Return what a tool says about arguments that do not fit its input schema.

    `known` are the tool's arguments; `unnamed` counts further unknown ones that `error` does not list.
    """
    flaws = " ".join(_describe_argument(flaw, known) for flaw in error.errors(include_url=False, include_input=False))
    more = f" {unnamed:,} more arguments are unknown." if unnamed else ""
    return f"{tool} was not run, because its arguments are wrong. {flaws}{more} Correct them and call it again."


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    return f"Unknown {kind} {cut(name)!r}.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question whether the nearest known name was meant, after a space; empty if none is near."""
    return "".join(f" Did you mean {near!r}?" for near in nearest_names(name, known)[:1])


def code_named(name: str) -> str | None:
    """Return the code that a name means, in any spelling or by its HTTP status; None if it is none."""
    return _BY_SPELLING.get(spelling(name))


def error_markdown(code: str, *, fenced: bool = False) -> str:
    if code in _BY_CODE:
        status, kind = _BY_CODE[code]
        message = message_of(kind, fenced=fenced)
        where = f"`code` of an answer with HTTP {status}"
    elif code in DETAILS:
        message = (DETAILS_TO_CUSTOMERS if fenced else DETAILS)[code]
        where = "`code` of an entry in an answer's `errors`; its meaning is inferred from its name and the guide"
    else:
        raise InvalidRequestError(unknown("error code", code, CODES))
    page = None if fenced else error_page(code)
    return (
        f"# {code}\n\n- **Where:** {where}\n- **What happened:** {message.happened}\n- **What to do:** {message.then}\n"
        + (f"- **Documentation:** {page}\n" if page else "")
    )


def _describe_argument(flaw: ErrorDetails, known: list[str]) -> str:
    name = cut(".".join(str(part) for part in flaw["loc"]))
    if flaw["type"] == "extra_forbidden":
        return unknown("argument", name, known)
    if flaw["type"] == "missing":
        return f"Argument {name!r} is missing."
    return f"Argument {name!r}: {flaw['msg'][0].lower()}{flaw['msg'][1:]}."


def _with_notes(text: str, error: NomosError, docs: str = "", details: Mapping[str, Message] = DETAILS) -> str:
    """Append what the codes of the details mean, and what support needs: all codes and the request ID.

    Without `details` no code is named.
    """
    notes: list[str] = []
    if isinstance(error, APIError) and details:
        known = [code for code in details if code in error.detail_codes][:_MAX_EXPLAINED]
        text += "".join(f" {code} (inferred): {details[code].happened}" for code in known)
        notes += [f"code {word_of(error.code)}"] if error.code else []
        named = ", ".join(f"{word_of(detail.code)} in {word_of(detail.field)!r}" for detail in error.errors)
        notes += [f"details {named}"] if named else []
    if retry_after := getattr(error, "retry_after", None):
        notes.append(f"retry after {math.ceil(retry_after)} s")
    if request_id := getattr(error, "request_id", ""):
        notes.append(f"requestId {word_of(request_id)}")
    if docs:
        notes.append(docs)
    return f"{text} ({'; '.join(notes)})" if notes else text
