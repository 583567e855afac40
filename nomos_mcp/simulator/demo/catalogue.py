"""`DEMO`: the data set's names, IDs and credentials, known without a simulator running."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from nomos_mcp.simulator.demo.scenarios import CUSTOMERS, ORDERS, SUBSCRIPTIONS
from nomos_mcp.simulator.ids import telling
from nomos_mcp.simulator.tokens import AuthClient
from nomos_mcp.simulator.versions import EDISON
from nomos_mcp.simulator.world.events import Topic
from nomos_mcp.simulator.world.world import event_id

Kind = Literal["meter_order", "subscription", "customer", "event"]

_ORDER_EVENTS: Final[dict[Topic, str]] = {
    "meter_order.created": "created",
    "meter_order.placed": "placed",
    "meter_order.check_submitted": "check_submitted",
    "meter_order.check_reviewed": "check_reviewed",
    "meter_order.scheduled": "scheduled",
    "meter_order.installed": "installed",
    "meter_order.activated": "activated",
    "meter_order.blocked": "blocked_check_missing",
    "meter_order.cancelled": "cancelled_by_customer",
}
_SUBSCRIPTION_EVENTS: Final[dict[Topic, str]] = {
    "subscription.created": "can_order",
    "subscription.confirmed": "can_order",
    "subscription.activated": "can_order",
    "subscription.terminated": "ended",
    "subscription.ended": "ended",
}


class DemoItem(NamedTuple):
    """One line of the catalogue."""

    id: str
    kind: Kind
    shows: str


class Demo:
    """What the data set holds under a name.

    Attributes:
        organisation: Whose objects the demo clients see.
        client_id: A client with every scope, curie by default.
        read_only_client_id: A client whose scope is `read:*`.
        edison_client_id: A client that gets edison when it pins no version.
        other_client_id: A client of another organisation.
        client_secret: The secret of all four.
        access_token: A static key that acts for `client_id` and never expires.
        orders: Name to order ID.
        subscriptions: Name to subscription ID; an order's subscription has the order's name.
        customers: Name to customer ID; a customer has the name of its subscription, except the few with several.
        events: Topic to the ID of one such event.
        clients: The four clients.
        static_keys: Static key to client ID.
    """

    organisation: Final = "demo"
    client_id: Final = "demo_client"
    read_only_client_id: Final = "demo_read_only_client"
    edison_client_id: Final = "demo_edison_client"
    other_client_id: Final = "other_client"
    client_secret: Final = "demo_secret"  # noqa: S105 - invented; opens nothing but the simulator
    access_token: Final = "nom_demo_static_key"  # noqa: S105 - as above

    def __init__(self) -> None:
        self.clients: Final = (
            AuthClient(self.client_id, self.client_secret, self.organisation),
            AuthClient(self.read_only_client_id, self.client_secret, self.organisation, scopes=("read:*",)),
            AuthClient(self.edison_client_id, self.client_secret, self.organisation, default_version=EDISON),
            AuthClient(self.other_client_id, self.client_secret, "other"),
        )
        self.static_keys: Final[Mapping[str, str]] = MappingProxyType({self.access_token: self.client_id})
        names = [*(case.name for case in ORDERS), *(case.name for case in SUBSCRIPTIONS)]
        owners = [*(case.customer or case.name for case in ORDERS), *(case.name for case in SUBSCRIPTIONS), *CUSTOMERS]
        self.orders: Final = MappingProxyType({case.name: telling("prdo", case.name) for case in ORDERS})
        self.subscriptions: Final = MappingProxyType({name: telling("sub", name) for name in names})
        self.customers: Final = MappingProxyType({name: telling("cus", name) for name in owners})
        self.events: Final[Mapping[Topic, str]] = MappingProxyType(
            {topic: event_id(topic, self.orders[name]) for topic, name in _ORDER_EVENTS.items()}
            | {topic: event_id(topic, self.subscriptions[name]) for topic, name in _SUBSCRIPTION_EVENTS.items()}
        )

    def describe(self) -> Sequence[DemoItem]:
        """List what has a name.

        Returns:
            One line for each order, each subscription without one, each customer worth a look and each kind of event.
        """
        subjects = _ORDER_EVENTS | _SUBSCRIPTION_EVENTS
        return [
            *(DemoItem(self.orders[case.name], "meter_order", case.shows) for case in ORDERS),
            *(DemoItem(self.subscriptions[case.name], "subscription", case.shows) for case in SUBSCRIPTIONS),
            *(DemoItem(self.customers[name], "customer", shows) for name, shows in CUSTOMERS.items()),
            *(DemoItem(found, "event", f"{topic} of {subjects[topic]!r}") for topic, found in self.events.items()),
        ]


DEMO: Final = Demo()
