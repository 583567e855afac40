"""What can come of a call of `order_smart_meter`, and what the assistant is told about it."""

from typing import Literal

from mcp.types import CallToolResult

from nomos_mcp.client.errors import (
    APIError,
    BadRequestError,
    CertificateError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    InvalidRequestError,
    MethodNotAllowedError,
    MissingScopeError,
    NomosError,
    NotFoundError,
    PaymentRequiredError,
    RateBudgetError,
    UnauthorizedError,
    UnprocessableEntityError,
)
from nomos_mcp.client.models import MeterOrder, Subscription
from nomos_mcp.lifecycle import Explanation, explain
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.failures import SUPPORT, said_of, word_of
from nomos_mcp.server.ordering.codes import LIFETIME
from nomos_mcp.server.results import OrderFields, Result, order_fields, order_state

Outcome = Literal["ordered", "already_ordered", "confirmation_required", "declined", "refused", "outcome_unknown"]

_FAILURES = {"credentials", "not_checked"}
_NO_REPEAT = "Do not repeat the call."
_REASONS: dict[str, tuple[str, str]] = {
    "read_only": ("This server is set to read only (NOMOS_MCP_READ_ONLY).", _NO_REPEAT),
    "not_allowed": ("Your access token lacks the scope orders:write.", "Ask the operator of this server."),
    "missing_scope": (
        "The Nomos token lacks the scope write:*.",
        "The operator has to use credentials with that scope.",
    ),
    "not_found": (
        "Nomos knows no such subscription, or these credentials may not see it.",
        "Check the ID with whoever gave it.",
    ),
    "ended_subscription": ("The subscription has ended.", "A meter can be ordered only for one that has not."),
    "feed_in": (
        "It is a feed-in subscription; those need a smart meter before they start.",
        "Smart meters are ordered for consumption subscriptions only.",
    ),
    "unsupported_product": (
        "The subscription's plan has no smart-meter product configured.",
        f"Ask {SUPPORT} to configure one for the plan.",
    ),
    "unsupported_meter_order": ("Nomos does not support an order for this subscription.", f"Ask {SUPPORT} why."),
    "payment_required": ("The organisation's Nomos plan does not include ordering.", f"Ask {SUPPORT} about the plan."),
    "forbidden": ("The Nomos credentials may not order for this subscription.", _NO_REPEAT),
    "unauthorized": ("Nomos refused the access token.", "The operator has to renew or check the credentials."),
    "credentials": (
        "There are no Nomos credentials, or Nomos refused them.",
        "The operator has to check the settings.",
    ),
    "not_sent": ("The order was not sent.", "Once that is mended, ask the person before trying again."),
    "conflict": (
        "Nomos says that this subscription has had its one order, and shows none to these credentials.",
        f"Ask {SUPPORT}, and give the requestId.",
    ),
    "upstream_failed": (
        "Nomos failed to answer twice, and looking afterwards shows no order for this subscription.",
        "Look with get_meter_order before anything else; if there is still none, ask the person before trying again.",
    ),
    "not_confirmable": (
        "This server orders only after a yes through a form of the client, and this client cannot show one.",
        "Use a client that supports elicitation, or ask the operator about NOMOS_MCP_CONFIRM.",
    ),
    "invalid_code": (
        "The confirmation code was not accepted.",
        "Call again without a code for a new preview, and show it to a person again.",
    ),
    "no_record": (
        "The order could not be put on record (NOMOS_MCP_AUDIT_FILE), and without a record nothing is ordered.",
        "The operator has to make that file writable.",
    ),
}


class Preview(Result):
    """What would be ordered."""

    subscription: str
    customer: str
    plan: str
    subscription_status: str
    meter_type: str | None = None
    warning: str | None = None


class OrderingResult(Result):
    """What came of a call. An error of the tool where it could not even be looked at what would be ordered."""

    outcome: Outcome
    reason: str | None = None
    message: str
    next: str
    preview: Preview | None = None
    confirmation_code: str | None = None
    order: OrderFields | None = None
    explanation: Explanation | None = None
    request_id: str | None = None
    api_version: str

    def answer(self) -> CallToolResult:
        """Wrap for MCP."""
        answer = super().answer()
        answer.is_error = self.reason in _FAILURES
        return answer


def ordered(order: MeterOrder, desk: Desk) -> OrderingResult:
    """The order exists, and this call made it."""
    return OrderingResult(
        outcome="ordered",
        message=f"The smart meter is ordered: {order.id}.",
        next="Tell the customer that it is ordered, without a date. get_meter_order once a day is plenty.",
        **_order(order, desk),
    )


def already_ordered(order: MeterOrder, desk: Desk) -> OrderingResult:
    """The subscription has its one order; this call made none."""
    return OrderingResult(
        outcome="already_ordered",
        message=f"Nothing was ordered: this subscription has its one order, {order.id}, status {order.status}.",
        next=(
            f"The API cannot repeat it; to retry a cancelled order, write to {SUPPORT}."
            if order.status == "cancelled"
            else "Answer from the explanation of the existing order."
        ),
        **_order(order, desk),
    )


def confirmation_required(subscription: Subscription, code: str, desk: Desk) -> OrderingResult:
    """A person has to say yes first."""
    return OrderingResult(
        outcome="confirmation_required",
        message="Nothing is ordered yet. An order is physical, and possible once for this subscription, ever.",
        next=(
            "Show the preview to a person and ask. Only after their yes, call order_smart_meter again with the same "
            f"subscription_id and this confirmation_code, within {LIFETIME // 60} minutes."
        ),
        preview=preview_of(subscription),
        confirmation_code=code,
        api_version=desk.vocabulary,
    )


def declined(message: str, desk: Desk) -> OrderingResult:
    """A person was asked and did not say yes."""
    return OrderingResult(
        outcome="declined",
        message=f"Nothing was ordered: {message}.",
        next="Accept it. Call again only if the person asks for it.",
        api_version=desk.vocabulary,
    )


def refused(reason: str, desk: Desk, *, detail: str = "", request_id: str = "") -> OrderingResult:
    """Nothing was ordered, for a reason of ours or one that Nomos gave.

    Args:
        reason: A reason code of ours; one that only Nomos knows is kept as it came.
        desk: The means of the server.
        detail: What exactly is wrong, if there is more to say.
        request_id: Upstream's request ID, for support.
    """
    happened, then = _REASONS.get(reason, (f"Nomos refused it, giving the code {reason!r}.", f"Ask {SUPPORT} why."))
    more = f" ({detail})" if detail else ""
    return OrderingResult(
        outcome="refused",
        reason=reason,
        message=f"Nothing was ordered. {happened}{more}",
        next=then,
        request_id=request_id or None,
        api_version=desk.vocabulary,
    )


def not_checked(error: NomosError, desk: Desk) -> OrderingResult:
    """Nothing was ordered, because it could not be looked at what would be."""
    return OrderingResult(
        outcome="refused",
        reason="credentials" if isinstance(error, CredentialsError) else "not_checked",
        message=f"Nothing was ordered. {said_of(error)}",
        next="Once that is mended, call again.",
        request_id=getattr(error, "request_id", "") or None,
        api_version=desk.vocabulary,
    )


def outcome_unknown(desk: Desk, *, request_id: str = "") -> OrderingResult:
    """The order may exist or not; nobody can tell right now."""
    return OrderingResult(
        outcome="outcome_unknown",
        message="It is not known whether the smart meter was ordered: the answer was lost, and looking failed too.",
        next=(
            "Do not tell the customer that it failed, nor that it worked. Look again later: get_meter_order with the "
            f"subscription's ID. If it stays unknown, ask {SUPPORT}."
        ),
        request_id=request_id or None,
        api_version=desk.vocabulary,
    )


def refused_because(error: NomosError, desk: Desk) -> OrderingResult:
    """Nothing was ordered, because of an error that says so for certain."""
    request_id = getattr(error, "request_id", "")
    if isinstance(error, APIError):
        known = next((code for code in error.detail_codes if code in _REASONS), "")
        reason = known or _BY_KIND.get(type(error), "") or next(iter(error.detail_codes), error.code.lower())
        return refused(word_of(reason), desk, request_id=request_id)
    reason = next((reason for kind, reason in _BY_KIND.items() if isinstance(error, kind)), "not_sent")
    detail = str(error) if reason in {"credentials", "not_sent"} else ""
    return refused(reason, desk, detail=detail, request_id=request_id)


def preview_of(subscription: Subscription) -> Preview:
    """Return what a person should see before saying yes."""
    warning = "The meter of this subscription is smart already; it needs no order." if _is_smart(subscription) else None
    return Preview(
        subscription=subscription.id,
        customer=subscription.customer,
        plan=subscription.plan,
        subscription_status=subscription.status,
        meter_type=subscription.meter_type,
        warning=warning,
    )


_BY_KIND: dict[type[NomosError], str] = {
    MissingScopeError: "missing_scope",
    CredentialsError: "credentials",
    PaymentRequiredError: "payment_required",
    ForbiddenError: "forbidden",
    NotFoundError: "not_found",
    UnauthorizedError: "unauthorized",
    ConflictError: "conflict",
}

CERTAIN: tuple[type[NomosError], ...] = (
    *_BY_KIND,
    BadRequestError,
    MethodNotAllowedError,
    UnprocessableEntityError,
    InvalidRequestError,
    RateBudgetError,
    CertificateError,
)
"""Errors after which an order certainly was not made by the request that failed."""


def _is_smart(subscription: Subscription) -> bool:
    return subscription.meter_type == "smart"


def _order(order: MeterOrder, desk: Desk) -> dict[str, object]:
    return {
        "order": order_fields(order),
        "explanation": explain(order_state(order, desk.vocabulary), now=desk.now()),
        "api_version": desk.vocabulary,
    }
