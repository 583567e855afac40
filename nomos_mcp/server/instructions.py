"""What the server says about itself, before any question."""

from nomos_mcp.lifecycle.statuses import BLOCKED_REASONS, BLOCKS


def _turn(reason: str) -> str:
    who = BLOCKS[reason].waiting_on
    return "the customer's turn" if who == "customer" else f"the {who.replace('_', ' ')}'s, the customer can only wait"


INSTRUCTIONS = f"""\
Smart meter orders at Nomos (German electricity), explained.

- A status question takes one call: get_meter_order with the order ID (prdo_…) or the subscription ID (sub_…).
  Without an ID: list_meter_orders_by_status (limit=0 counts), or list_subscriptions (who can order one, and why not).
  A status name or an error code alone: explain_status. An event (evt_…): get_event; answer from the state now.
- Blocked before status: blocked lies over the status and decides whose turn it is.
  {"; ".join(f"{reason}: {_turn(reason)}" for reason in BLOCKED_REASONS)}.
- Two vocabularies exist (API versions curie and edison) and do not map one to one. Trust `explanation`, not the name.
- installed is not activated: dynamic prices and automatic readings start with activated.
- Never promise a date. Only `appointment_at` is one; about eight weeks to installation is a target, not a promise.
- What is `inferred` or `unknown` in `confidence` is to be said as such.
- order_smart_meter is physical and possible once per subscription, ever: a person must say yes first."""

DEMO_TITLE = "Nomos smart meters (demo, invented data)"
TITLE = "Nomos smart meters"
DEMO_INSTRUCTIONS = """\
DEMO: all data is invented and comes from a built-in simulator; no real customer, order or meter is behind it. Say so.

"""
