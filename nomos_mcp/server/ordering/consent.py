"""How an order is confirmed. Anything but a clear yes ends without an order.

What each way proves:

- elicitation: the client says that its user was shown our question and said yes. The client is trusted to have asked.
  Only its yes is worth anything: a client without a window may decline or close the question by itself.
- code: whoever calls has seen the preview of this very order a short while ago. Not that a person has.
- trusted: nothing; the operator vouches for the callers.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, WithJsonSchema

from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.config import Flaw
from nomos_mcp.server.ordering.eligibility import plan_has_orders
from nomos_mcp.server.ordering.outcomes import OrderingResult, Preview
from nomos_mcp.server.ordering.record import RecordError
from nomos_mcp.server.request_context import NomosContext

plan_doubted: ContextVar[bool | None] = ContextVar("plan_doubted", default=None)
"""Whether a question says that the plan may not include a smart meter; None to look."""

_PLAN_NOTE: Final = (
    "Its plan may not include a smart meter (inferred: others are on it, and none that was seen has an order); Nomos "
    "would then refuse the order."
)

How = Literal["elicitation", "code", "trusted"]

_FIRST_WITH_INPUT_REQUIRED: Final = "2026-07-28"
_FLAWS: Final[dict[Flaw, str]] = {
    "not a code": "this tool did not issue it",
    "not for this call": "it was not issued to this caller for this subscription, or not since this server started",
    "expired": "it has expired",
    "used": "it was used for an order before",
}


class ConfirmationForm(BaseModel):
    """The form that a client shows. Anything but a true `order` counts as no, nonsense included."""

    order: Annotated[
        Any, WithJsonSchema({"type": "boolean", "title": "Yes, order the smart meter", "default": False})
    ] = False


@dataclass(frozen=True, slots=True)
class Yes:
    """A yes, how it is known, and what was shown, if anything was."""

    how: How
    shown: Preview | None = None
    code: str = ""


async def decide(
    found: Preview | OrderingResult, code: str, context: NomosContext, ctx: Context[NomosContext]
) -> Elicit[ConfirmationForm] | Yes | OrderingResult:
    """Return a question for the client to ask, a yes that is there already, or the outcome without an order."""
    if isinstance(found, OrderingResult):
        return found
    confirm = context.ordering.confirm
    if confirm == "none":
        return Yes("trusted")
    if confirm != "code" and _can_ask(ctx):
        try:
            earlier = await context.ordering.record.earlier(found.subscription)
        except RecordError as error:
            return outcomes.not_recorded(error, context)
        shown = await _with_plan_note(found, context, doubted=plan_doubted.get())
        return Elicit(_question(shown, earlier.sent), ConfirmationForm)
    if confirm == "elicit":
        return outcomes.refused("not_confirmable", context)
    return await _by_code(found, code, context)


def answered(
    result: ElicitationResult[Any], found: Preview | OrderingResult, context: NomosContext
) -> Yes | OrderingResult:
    """Return the yes, or the outcome without one, after the client has answered the question that `decide` returned."""
    if not isinstance(result, AcceptedElicitation):
        return outcomes.declined("answered_no" if result.action == "decline" else "closed", context)
    if isinstance(result.data, ConfirmationForm) and isinstance(found, Preview):
        if result.data.order is True:
            return Yes("elicitation", found)
        return outcomes.declined("not_ticked", context)
    decided: Yes | OrderingResult = result.data
    return decided


async def recheck(yes: Yes, preview: Preview, context: NomosContext) -> OrderingResult | None:
    """Check that what would be ordered now is what was confirmed; None if it is."""
    if yes.shown is None or yes.shown.digest() == preview.digest():
        return None
    code = _new_code(preview, context) if yes.how == "code" else None
    return outcomes.confirmation_required(await _with_plan_note(preview, context), code, context, changed=True)


async def _with_plan_note(preview: Preview, context: NomosContext, *, doubted: bool | None = None) -> Preview:
    if doubted is None:
        doubted = await plan_has_orders(preview.plan, preview.subscription, context) is False
    return preview.model_copy(update={"plan_note": _PLAN_NOTE}) if doubted else preview


def _question(preview: Preview, sent: int) -> str:
    """Return the question that a client is to ask: it names all of the preview, and an answer counts for it alone.

    It also names how many orders for the subscription were `sent`, or about to be, before, so that no answer counts for
    two, and marks words of Nomos' that it does not show.
    """
    shown = preview.model_dump()
    warning = "".join(f" {text}" for text in (preview.warning, preview.plan_note) if text)
    warning += f" An order for it was sent, or about to be, before from here, {sent} in all." if sent else ""
    warning += f" Nomos sent words about it that are not known here (mark {mark})." if (mark := preview.mark()) else ""
    return (
        f"Order a {preview.product} for subscription {preview.subscription} (customer {preview.customer}, plan "
        f"{preview.plan}, status {shown['subscription_status']}, meter type {shown['meter_type']}) at {preview.host}?"
        f"{warning} An installer will come to the customer's home. It can be ordered once for this "
        "subscription, ever, and cannot be taken back here."
    )


async def _by_code(preview: Preview, code: str, context: NomosContext) -> Yes | OrderingResult:
    flaw = context.ordering.codes.flaw(code, preview.digest(), *_bound_to(preview, context)) if code else ""
    if not code or flaw == "changed":
        shown, new = await _with_plan_note(preview, context), _new_code(preview, context)
        return outcomes.confirmation_required(shown, new, context, changed=bool(code))
    return outcomes.refused("invalid_code", context, detail=_FLAWS[flaw]) if flaw else Yes("code", preview, code)


def _new_code(preview: Preview, context: NomosContext) -> str:
    return context.ordering.codes.code(preview.digest(), *_bound_to(preview, context))


def _bound_to(preview: Preview, context: NomosContext) -> tuple[str, ...]:
    return context.caller.name, context.caller.customer_id, preview.subscription, context.client.base_url


def _can_ask(ctx: Context[NomosContext]) -> bool:
    """Whether the client can show a form and the question can reach it. If that is not known, it cannot."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    version = ctx.protocol_version
    modern = version is not None and is_version_at_least(version, _FIRST_WITH_INPUT_REQUIRED)
    return modern or ctx.session.can_send_request
