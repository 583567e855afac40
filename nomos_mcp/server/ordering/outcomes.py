"""The outcomes of `order_smart_meter`, and what the assistant reads about each."""

import hashlib
import json
import logging
from datetime import datetime
from typing import Any, Final, Literal

from mcp.types import CallToolResult
from pydantic import FieldSerializationInfo, field_serializer

from nomos_mcp.client import errors
from nomos_mcp.client.errors import APIError, InvalidRequestError, NomosError
from nomos_mcp.client.http_messages import MAX_WORD
from nomos_mcp.client.models import MeterOrder
from nomos_mcp.lifecycle import INTEREST, Explanation, final_statuses
from nomos_mcp.server.error_messages import (
    DETAILS,
    SUPPORT,
    Message,
    describe,
    page_about,
    word_of,
)
from nomos_mcp.server.ordering.config import LIFETIME
from nomos_mcp.server.ordering.reasons import BY_KIND, NO_YES, REASONS, RECONCILE, TO_CUSTOMERS, UNKNOWN, NoYes, Unknown
from nomos_mcp.server.ordering.record import RecordError
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.server.tool_factory import OrderFields, Result, order_fields, order_state
from nomos_mcp.server.tools.get_meter_order import explained

_log = logging.getLogger(__name__)

Outcome = Literal["ordered", "already_ordered", "confirmation_required", "declined", "refused", "outcome_unknown"]
MadeBy = Literal["this_call", "unknown"]

_FAILURES: Final = frozenset({"credentials", "not_checked"})
_WORDS: Final = {"subscription_status": ("pending", "active", "ended"), "meter_type": ("analog", "smart")}
"""Words of Nomos' that a person is shown: any other could reword the question."""


class Preview(Result):
    """What would be ordered, and where.

    Attributes:
        plan_note: What the orders of others suggest about the plan; no part of what a confirmation is bound to.
    """

    product: Literal["smart meter"] = "smart meter"
    subscription: str
    customer: str
    plan: str
    subscription_status: str
    meter_type: str
    host: str
    warning: str | None = None
    plan_note: str | None = None

    @field_serializer("subscription_status", "meter_type")
    def _shown(self, word: str, info: FieldSerializationInfo) -> str:
        return word if word in _WORDS[info.field_name] else "not known"

    def digest(self) -> str:
        """Return what a confirmation is bound to: everything but the inferred note, in Nomos' own words."""
        return json.dumps({name: value for name, value in self if name != "plan_note"})

    def mark(self) -> str:
        """Return what tells words that are not shown from other such words; empty if all are shown."""
        hidden = {name: word for name, word in self if name in _WORDS and word and word not in _WORDS[name]}
        return hashlib.sha256(json.dumps(hidden).encode()).hexdigest()[:8] if hidden else ""


class OrderingResult(Result):
    """The outcome of a call. It is an error of the tool if what would be ordered could not be read."""

    outcome: Outcome
    reason: str | None = None
    made_by: MadeBy | None = None
    message: str
    next: str
    preview: Preview | None = None
    confirmation_code: str | None = None
    order: OrderFields | None = None
    explanation: Explanation | None = None
    docs: str | None = None
    request_id: str | None = None
    api_version: str

    def answer(self) -> CallToolResult:
        """Wrap for MCP. An order that exists is returned, however large the answer."""
        answer = super().answer()
        if answer.structured_content is None and self.order:
            bare = {name: self.order[name][:MAX_WORD] for name in ("id", "status")}
            answer = super(OrderingResult, self.model_copy(update={"order": bare, "explanation": None})).answer()
        answer.is_error = self.reason in _FAILURES
        return answer


def ordered(order: MeterOrder, made_by: MadeBy, context: NomosContext) -> OrderingResult:
    """The order exists. Whose request made it is unknown if the answer to ours was lost."""
    message = f"The smart meter is ordered: {order.id}."
    then = "Tell the customer that it is ordered, without a date. get_meter_order once a day is plenty."
    if order.status == INTEREST:
        message = f"Nomos shows the order as {order.id} with status {INTEREST}: an interest that is not completed yet."
        then = "Tell the customer no more than that, and look again later with get_meter_order."
    elif order.status in final_statuses(context.vocabulary):
        message = f"The order {order.id} exists, and its status is {order.status} already."
        then = "Answer from the explanation of the order."
    if made_by == "unknown":
        message += " The answer to this call's request was lost, so somebody else's request may have made this order."
    return OrderingResult(outcome="ordered", made_by=made_by, message=message, next=then, **_order(order, context))


def already_ordered(order: MeterOrder | None, context: NomosContext, *, request_id: str = "") -> OrderingResult:
    """The subscription has its one order; this call made none. `order` is None if Nomos does not show it."""
    if order is None:
        return OrderingResult(
            outcome="already_ordered",
            message=(
                "This call ordered nothing: Nomos says that this subscription has had its one order, but does not show "
                "it here, or not yet."
            ),
            next=f"Look later with get_meter_order and the subscription's ID. If it does not appear, ask {SUPPORT}.",
            request_id=request_id or None,
            api_version=context.vocabulary,
        )
    return OrderingResult(
        outcome="already_ordered",
        message=f"This call ordered nothing: the subscription has its one order, {order.id}, status {order.status}.",
        next=(
            f"The API cannot repeat it; to retry a cancelled order, write to {SUPPORT}."
            if order.status == "cancelled"
            else "Answer from the explanation of the existing order."
        ),
        **_order(order, context),
    )


def confirmation_required(
    preview: Preview, code: str | None, context: NomosContext, *, changed: bool = False
) -> OrderingResult:
    """A person has to confirm first. There is no `code` if the client asks its user itself."""
    happened = (
        "Nothing is ordered yet: what would be ordered has changed since it was confirmed."
        if changed
        else "Nothing is ordered yet. An order is physical, and possible once for this subscription, ever."
    )
    then = (
        "Show the preview to a person and ask. Only after their yes, call order_smart_meter again with the same "
        f"subscription_id and this confirmation_code, within {LIFETIME // 60} minutes."
        if code
        else "Call order_smart_meter again: the person is asked about the new preview."
    )
    return OrderingResult(
        outcome="confirmation_required",
        reason="changed" if changed else None,
        message=happened,
        next=then,
        preview=preview,
        confirmation_code=code,
        api_version=context.vocabulary,
    )


def declined(reason: NoYes, context: NomosContext, *, detail: str = "") -> OrderingResult:
    """The question came back without a yes."""
    happened, then = NO_YES[reason]
    more = f" ({detail})" if detail else ""
    return OrderingResult(
        outcome="declined",
        reason=reason,
        message=f"This call ordered nothing: {happened}{more}.",
        next=then,
        api_version=context.vocabulary,
    )


def refused(reason: str, context: NomosContext, *, detail: str = "", request_id: str = "") -> OrderingResult:
    """This call ordered nothing. A reason that only Nomos knows is kept as it came."""
    unknown = Message(f"Nomos refused it, giving the code {reason!r}.", f"Ask {SUPPORT} why.")
    told = {**DETAILS, **REASONS, **(TO_CUSTOMERS if context.caller.is_fenced else {})}
    happened, then = told.get(reason, unknown)
    more = f" ({detail})" if detail else ""
    return OrderingResult(
        outcome="refused",
        reason=reason,
        message=f"This call ordered nothing. {happened}{more}",
        next=then,
        request_id=request_id or None,
        api_version=context.vocabulary,
    )


def not_checked(error: NomosError, context: NomosContext) -> OrderingResult:
    return OrderingResult(
        outcome="refused",
        reason="credentials" if isinstance(error, errors.CredentialsError) else "not_checked",
        message=f"This call ordered nothing: the subscription and its order could not be read. "
        f"{describe(error, fenced=context.caller.is_fenced)}",
        next="Once that is fixed, call again.",
        request_id=request_id_of(error) or None,
        api_version=context.vocabulary,
    )


def not_recorded(error: RecordError, context: NomosContext) -> OrderingResult:
    """This call ordered nothing, because its record cannot be written or read."""
    if not context.ordering.record.is_shared:
        return refused("no_record", context)
    detail = "" if context.caller.is_fenced else str(error)
    return refused("no_database", context, detail=detail).model_copy(update={"reason": "no_record"})


def outcome_unknown(
    reason: Unknown, context: NomosContext, *, request_id: str = "", since: datetime | None = None
) -> OrderingResult:
    """An order may have been made or not. `since`: when the earlier attempt was sent, if this is about one."""
    why = UNKNOWN[reason].format(since=f"{since:%Y-%m-%d at %H:%M} UTC" if since else "an earlier day")
    operators = RECONCILE if context.ordering.record.is_shared and not context.caller.is_fenced else ""
    return OrderingResult(
        outcome="outcome_unknown",
        reason=reason,
        message=f"It is not known whether the smart meter was ordered: {why}.",
        next=(
            "Do not order again. Tell the customer neither that it failed nor that it worked. Look again later with "
            f"get_meter_order and the subscription's ID. If it stays unknown, ask {SUPPORT}.{operators}"
        ),
        request_id=request_id or None,
        api_version=context.vocabulary,
    )


def refused_because(error: NomosError, context: NomosContext) -> OrderingResult:
    """This call ordered nothing: Nomos refused the order, or it never left."""
    if isinstance(error, APIError) and is_certain(error):
        known = next((code for code in error.detail_codes if code in REASONS), "")
        reason = known or BY_KIND.get(type(error), "") or next(iter(error.detail_codes), (error.code or "").lower())
        page = None if context.caller.is_fenced else page_about(error)
        return refused(word_of(reason), context, request_id=request_id_of(error)).model_copy(update={"docs": page})
    reason = next((reason for kind, reason in BY_KIND.items() if isinstance(error, kind)), "not_sent")
    fenced = context.caller.is_fenced
    detail = describe(error, fenced=fenced) if reason == "not_sent" else ""
    if reason == "credentials" and not fenced:
        detail = str(error)
    return refused(reason, context, detail=detail, request_id=request_id_of(error))


def is_certain(error: NomosError) -> bool:
    """Whether the request that failed certainly made no order: it was refused, or it never left."""
    if isinstance(error, errors.APIConnectionError):
        return not error.sent
    return isinstance(error, _REFUSALS)


def request_id_of(error: NomosError) -> str:
    return getattr(error, "request_id", None) or ""


_REFUSALS = (
    *BY_KIND,
    errors.BadRequestError,
    errors.MethodNotAllowedError,
    errors.UnprocessableEntityError,
    InvalidRequestError,
    errors.LocalRateLimitError,
)


def _order(order: MeterOrder, context: NomosContext) -> dict[str, Any]:
    """Return the order in short, as get_meter_order has it, without another request; its ID alone if that fails."""
    known: dict[str, Any] = {"order": {"id": order.id, "status": order.status}, "api_version": context.vocabulary}
    try:
        if order.status == INTEREST:  # its explanation says that nothing was ordered
            known["order"] = {name: text for name, text in order_fields(order).items() if name != "object"}
        else:
            known |= dict(explained(order, order_state(order, context.vocabulary), context))
    except Exception as error:  # noqa: BLE001  whatever it is, the order is there
        _log.warning("Order %s could not be explained: %s", order.id, type(error).__name__)
    return known
