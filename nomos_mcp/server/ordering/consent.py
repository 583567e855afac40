"""Who said yes, and how is that known? Every path that is not a clear yes ends without an order.

What each way proves:

- elicitation: the client says that its user was shown our question and said yes. The client is trusted to have asked.
- code: whoever calls has seen the preview of this very order a short while ago. Not that a person has.
- trusted: nothing; the operator vouches for the callers.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context, Elicit
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, WithJsonSchema

from nomos_mcp.client.models import Subscription
from nomos_mcp.server.desk import Desk
from nomos_mcp.server.ordering import outcomes
from nomos_mcp.server.ordering.outcomes import OrderingResult
from nomos_mcp.server.ordering.preflight import Orderable

How = Literal["elicitation", "code", "trusted"]

_FIRST_WITH_INPUT_REQUIRED = "2026-07-28"


class Answer(BaseModel):
    """The form that a person fills in. Anything but a true `order` counts as no, nonsense included."""

    order: Annotated[
        Any, WithJsonSchema({"type": "boolean", "title": "Yes, order the smart meter", "default": False})
    ] = False


@dataclass(frozen=True, slots=True)
class Yes:
    """A yes, and how it is known."""

    how: How


def decide(
    found: Orderable | OrderingResult, code: str, desk: Desk, ctx: Context[Desk]
) -> Elicit[Answer] | Yes | OrderingResult:
    """Decide how a yes is come by, for this caller and this subscription.

    Args:
        found: What the preflight found.
        code: The confirmation code that came with the call, or an empty string.
        desk: The means of the server.
        ctx: The call.

    Returns:
        A question for the client to ask, a yes that is there already, or the outcome without an order.
    """
    if isinstance(found, OrderingResult):
        return found
    subscription, confirm = found.subscription, desk.ordering.confirm
    if confirm == "none":
        return Yes("trusted")
    if _can_ask(ctx):
        return Elicit(question(subscription), Answer)
    if confirm == "elicit":
        return outcomes.refused("not_confirmable", desk)
    return _by_code(subscription, code, desk)


def answered(result: ElicitationResult[Any], desk: Desk) -> Yes | OrderingResult:
    """Read what `decide` came to, once the client has answered a question if there was one."""
    if not isinstance(result, AcceptedElicitation):
        return outcomes.declined("the person said no" if result.action == "decline" else "the form was closed", desk)
    if isinstance(result.data, Answer):
        yes = result.data.order is True
        return Yes("elicitation") if yes else outcomes.declined("the person did not tick the yes", desk)
    decided: Yes | OrderingResult = result.data
    return decided


def question(subscription: Subscription) -> str:
    """Return the question that a person is asked.

    It depends on nothing but the subscription: asked again in a later round, it has to read the same.
    """
    preview = outcomes.preview_of(subscription)
    warning = f" {preview.warning}" if preview.warning else ""
    return (
        f"Order a smart meter for subscription {preview.subscription} (customer {preview.customer}, plan "
        f"{preview.plan})?{warning} An installer will come to the customer's home. It can be ordered once for this "
        "subscription, ever, and not be taken back here."
    )


def _by_code(subscription: Subscription, code: str, desk: Desk) -> Yes | OrderingResult:
    codes = desk.ordering.codes
    bound_to = (desk.caller.name, desk.caller.customer_id, subscription.id, desk.client.base_url)
    if not code:
        return outcomes.confirmation_required(subscription, codes.code(*bound_to), desk)
    flaw = codes.flaw(code, *bound_to)
    return outcomes.refused("invalid_code", desk, detail=flaw) if flaw else Yes("code")


def _can_ask(ctx: Context[Desk]) -> bool:
    """Whether the client can show a form, and the question can reach it. Where that is not known, it cannot."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    version = ctx.protocol_version
    modern = version is not None and is_version_at_least(version, _FIRST_WITH_INPUT_REQUIRED)
    return modern or ctx.session.can_send_request
