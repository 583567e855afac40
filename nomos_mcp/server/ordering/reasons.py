"""What the assistant reads about each reason for which a call of `order_smart_meter` ordered nothing, or may have.

No text names a setting that lets orders through: an assistant may be able to change it.
"""

from collections.abc import Mapping
from typing import Final, Literal

from nomos_mcp.client import errors
from nomos_mcp.client.errors import APIError, NomosError
from nomos_mcp.server.error_messages import DETAILS, DETAILS_TO_CUSTOMERS, Message, message_of

NoYes = Literal["answered_no", "not_ticked", "closed", "not_answered"]
"""How a question came back without a yes. None of them tells whether a person saw it."""
Unknown = Literal["answer_lost", "look_failed", "not_visible", "earlier_attempt"]
"""Why it is not known whether an order was made."""

BY_KIND: Final[Mapping[type[NomosError], str]] = {
    errors.MissingScopeError: "missing_scope",
    errors.CredentialsError: "credentials",
    errors.PaymentRequiredError: "payment_required",
    errors.PermissionDeniedError: "forbidden",
    errors.NotFoundError: "not_found",
    errors.AuthenticationError: "unauthorized",
    errors.RateLimitError: "rate_limited",
}
_DO_NOT_REPEAT = "Do not repeat the call."
REASONS: Final[Mapping[str, Message]] = {
    **{code: DETAILS[code] for code in ("ended_subscription", "unsupported_product", "unsupported_meter_order")},
    **{reason: message_of(kind) for kind, reason in BY_KIND.items() if issubclass(kind, APIError)},
    "read_only": Message("The operator of this server has set it to read only.", _DO_NOT_REPEAT),
    "not_allowed": Message("Your access token lacks the scope orders:write.", "Ask the operator of this server."),
    "missing_scope": Message(
        "The Nomos token lacks the scope write:*.",
        "The operator of this server has to use credentials with that scope.",
    ),
    "feed_in": Message(
        "This is a feed-in subscription; those need a smart meter before they start.",
        "Smart meters are ordered for consumption subscriptions only.",
    ),
    "credentials": Message(
        "There are no Nomos credentials, or Nomos refused them.",
        "The operator of this server has to check the settings.",
    ),
    "rate_limited": Message(
        "Nomos refused the order because of too many requests from these credentials.",
        "Ask the person again later, and then call again.",
    ),
    "not_sent": Message("The order was not sent.", "Once that is fixed, ask the person before trying again."),
    "not_confirmable": Message(
        "This server orders only after a yes in a form that the client shows, and this client cannot show one.",
        "Use a client that supports elicitation, or ask the operator of this server.",
    ),
    "invalid_code": Message(
        "The confirmation code was not accepted.",
        "Call again without a code for a new preview, and show it to a person again.",
    ),
    "no_record": Message(
        "The order could not be recorded (NOMOS_MCP_AUDIT_FILE), and without a record nothing is ordered.",
        "The operator of this server has to make that file writable.",
    ),
    "no_database": Message(
        "The database of this server (NOMOS_MCP_DATABASE) cannot record the order, and without a record nothing is "
        "ordered.",
        "Try again later. If it stays so, the operator of this server has to see to the database.",
    ),
}
"""What is said about a refusal, by reason. What Nomos refuses reads as in any other tool, unless it stands here."""

_IF_ASKED: Final = "Call again only if a person asks for it."
NO_YES: Final[Mapping[NoYes, Message]] = {
    "answered_no": Message("the client answered the question with no", f"Accept it. {_IF_ASKED}"),
    "not_ticked": Message("the form came back without a yes in it", f"Accept it as a no. {_IF_ASKED}"),
    "closed": Message(
        "the question was closed without an answer; whether a person saw it is unknown",
        f"Say so, and do not say that somebody declined. {_IF_ASKED}",
    ),
    "not_answered": Message(
        "the client did not answer the question; whether a person saw it is unknown",
        f"Say so, and do not say that somebody declined. {_IF_ASKED}",
    ),
}

_SERVICE_FAULT: Final = Message("The reason is a fault of this service.", "Say so, and try again later.")
TO_CUSTOMERS: Final[Mapping[str, Message]] = {
    **DETAILS_TO_CUSTOMERS,
    **dict.fromkeys(
        (
            "credentials",
            "forbidden",
            "missing_scope",
            "no_record",
            "payment_required",
            "unauthorized",
            "upgrade_api_version",
        ),
        _SERVICE_FAULT,
    ),
    "no_database": Message(
        "The database of this service does not answer, and without a record nothing is ordered.",
        "Say so, and try again later.",
    ),
    "not_found": message_of(errors.NotFoundError, fenced=True),
    "not_allowed": Message("Your access is to look only.", _DO_NOT_REPEAT),
    "read_only": Message("Nothing can be ordered here.", _DO_NOT_REPEAT),
    "rate_limited": Message("Too many requests were made at once.", "Ask the person again later, and then call again."),
    "not_confirmable": Message(
        "An order takes a yes in a form, and this client cannot show one.", "Use a client that supports elicitation."
    ),
}
"""Where it differs for an assistant of one customer, who cannot mend this server."""

UNKNOWN: Final[Mapping[Unknown, str]] = {
    "answer_lost": "the answer of Nomos was lost, and no order can be seen so far, but it may exist",
    "look_failed": "the answer of Nomos was lost, and searching for the order failed too",
    "not_visible": "the answer of Nomos was lost; Nomos says that an order exists, but does not show it yet",
    "earlier_attempt": (
        "this call sent nothing; an earlier one was sent, or about to be, on {since}, and its outcome is not known"
    ),
}
RECONCILE: Final = " The operator of this server can settle it with `nomos-mcp orders reconcile`."
