"""An upstream whose orders move while they are listed, and the judge of what a walk over its lists said.

The judge looks at the ledger of what every order was during the walk, and at the answers; never at the server.
"""

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from mcp import Client

from nomos_mcp.client import CURIE, EDISON, ApiVersion
from nomos_mcp.lifecycle import OrderState, anomaly_names, explain
from tests.conftest import NOW

Json = dict[str, Any]
Cursors = Literal["named", "opaque", "offset"]
"""Upstream's cursors: they name the last item, as the vendor's example does; they hide it; they count items."""
NotFilter = Literal["combined", "last", "ignored", "refused"]
"""What upstream makes of several `filter[status][ne]`."""

TOOL = "list_meter_orders_by_status"
NEW = "meter_shipped"
PATHS = {
    True: ("created", "placed", "check_submitted", "check_reviewed", NEW, "scheduled", "installed", "activated"),
    False: ("waiting", "ordered", "blocked_wim", "checked", "blocked", NEW, "installation_scheduled", "activated"),
}
PROVIDERS = ("energy-metering", "metrify", "inexogy")
NOT_INSTALLED = {
    "created", "placed", "check_submitted", "check_reviewed", "scheduled",
    "waiting", "ordered", "checked", "blocked", "blocked_wim", "installation_scheduled",
}  # fmt: skip
UNREADABLE = "soon"
FINAL = {True: {"activated", "cancelled"}, False: {"activated", "cancelled", "pre_installed"}}
State = tuple[str, str]
"""Status, and the reason of curie's overlay or an empty text."""
ABSENT: State = ("", "")


class Moving:
    """An ASGI application with a list of orders, some of which move after each answer.

    Args:
        seed: Decides everything that is invented.
        size: How many orders there are at first.
        moves: How many orders move after each page.
        undated: How many orders have a time of creation that cannot be read.
    """

    def __init__(
        self,
        seed: int,
        size: int,
        moves: int,
        cursors: Cursors,
        not_filter: NotFilter,
        version: ApiVersion,
        undated: int = 0,
    ) -> None:
        self.version = version
        self.curie = version == CURIE
        self.requests: list[list[tuple[str, str]]] = []
        self._rng = Random(seed)  # noqa: S311  invented data, the same in every run
        # In every third world orders only change between open statuses: there each count has one right answer.
        self._kinds = ("on", "back") if seed % 3 == 0 else ("on", "on", "on", "back", "block", "cancel", "create")
        self._moves = moves
        self.cursors = cursors
        self.not_filter = not_filter
        self._named: dict[str, tuple[str, str]] = {}
        self.orders: list[Json] = []  # oldest first
        self._pace = self._rng.choice((1, 40))
        self._clock = NOW - timedelta(minutes=24 * self._pace * size)
        for _ in range(size):
            self._create()
        self.undated = {order["id"] for order in self._rng.sample(self.orders, undated)}
        self.ledger: dict[str, list[State]] = {}
        self.begin()

    def begin(self) -> None:
        """Begin the ledger anew, with the orders as they are now."""
        self.ledger = {order["id"]: [_state(order)] for order in self.orders}

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        self.requests.append(query)
        status, body = self._answer(query)
        headers = [(b"content-type", b"application/json"), (b"x-api-version", self.version.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})
        for _number in range(self._moves):
            self._move()

    def _answer(self, query: list[tuple[str, str]]) -> tuple[int, Json]:
        unwanted = [value for name, value in query if name == "filter[status][ne]"]
        if unwanted and self.not_filter == "refused":
            return 400, {"code": "BAD_REQUEST", "message": "No.", "requestId": "r", "docs": ""}
        if self.not_filter == "last":
            unwanted = unwanted[-1:]
        elif self.not_filter == "ignored":
            unwanted = []
        wanted = [text.split(",") for name, text in query if name in {"filter[status][eq]", "filter[status][in]"}]
        matching = [
            order
            for order in reversed(self.orders)
            if order["status"] not in unwanted
            and all(order["status"] in values for values in wanted)
            and (self.curie or _passes_edison(order, query))
        ]
        parameters = dict(query)
        limit, binding = int(parameters["limit"]), json.dumps([pair for pair in query if pair[0] != "cursor"])
        start = self._start(matching, parameters.get("cursor", ""), binding)
        page, more = matching[start : start + limit], len(matching) > start + limit
        after = self._cursor(page[-1], start + limit, binding) if more else None
        items = [{**each, "created_at": UNREADABLE} if each["id"] in self.undated else each for each in page]
        return 200, {"object": "list", "items": items, "has_more": more, "next_page": after}

    def _cursor(self, last: Json, offset: int, binding: str) -> str:
        if self.cursors == "offset":
            text = f"offset-{offset}-{len(self._named)}"
        else:
            fields = {"last_created_at": last["created_at"], "last_id": last["id"], "limit": len(self._named)}
            text = base64.b64encode(json.dumps(fields).encode()).decode()
            text = text if self.cursors == "named" else f"opaque-{len(self._named)}"
        self._named[text] = (binding, str(offset) if self.cursors == "offset" else json.dumps(_place(last)))
        return text

    def _start(self, matching: list[Json], cursor: str, binding: str) -> int:
        if not cursor:
            return 0
        bound, place = self._named[cursor]
        assert bound == binding, "a cursor was used with another query"
        if self.cursors == "offset":
            return int(place)
        return sum(_place(order) >= tuple(json.loads(place)) for order in matching)

    def _create(self) -> Json:
        self._clock += timedelta(minutes=self._pace * self._rng.choice((0, 0, 7, 90)))  # some are created at one moment
        path = PATHS[self.curie]
        order = {
            "object": "meter_order",
            "id": f"prdo_{self._rng.randrange(36**8):08}{len(self.orders):06}",
            "subscription": f"sub_{len(self.orders)}",
            "customer": f"cus_{len(self.orders)}",
            "provider": self._rng.choice(PROVIDERS),
            "status": self._rng.choice((*path, *path[:-1], "cancelled")),
            "created_at": f"{self._clock:%Y-%m-%dT%H:%M:%S.000Z}",
            **({} if self.curie else {"updated_at": f"{self._clock:%Y-%m-%dT%H:%M:%S.000Z}"}),
        }
        if self.curie and (days := self._rng.choice((None, -3, 3))):
            order["appointment_at"] = f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%M:%S.000Z}"
        self.orders.append(order)
        self.orders.sort(key=_place)
        self._block(order)
        return order

    def _move(self) -> None:
        kind = self._rng.choice(self._kinds)
        if kind == "create":
            order = self._create()
            self.ledger[order["id"]] = [ABSENT, _state(order)]
            return
        order = self._rng.choice(self.orders)
        path = PATHS[self.curie]
        if order["status"] not in path[:-1]:
            return
        at = path.index(order["status"])
        if kind == "cancel":
            order["status"] = "cancelled"
        elif kind == "block":
            self._block(order)
        elif kind == "back" or ("cancel" not in self._kinds and path[at + 1] == path[-1]):
            order["status"] = path[max(0, at - 1)]
        else:
            order["status"] = path[at + 1]
        if order["status"] in FINAL[self.curie]:
            order.pop("blocked_reason", None)
        self.ledger[order["id"]].append(_state(order))

    def _block(self, order: Json) -> None:
        if self.curie and order["status"] not in FINAL[True]:
            order["blocked_reason"] = self._rng.choice((None, None, "check_missing", "grid_operator_registration"))


def _place(order: Json) -> tuple[str, str]:
    return order["created_at"], order["id"]


def _state(order: Json) -> State:
    return order["status"], order.get("blocked_reason") or ""


def _passes_edison(order: Json, query: list[tuple[str, str]]) -> bool:
    tests: dict[str, Callable[[str], bool]] = {
        "filter[created_at][gte]": lambda text: _moment(order["created_at"]) >= _moment(text),
        "filter[created_at][lte]": lambda text: _moment(order["created_at"]) <= _moment(text),
        "filter[product][eq]": lambda text: f"smart-meter-{order['provider']}" == text,
    }
    return all(tests[name](text) for name, text in query if name in tests)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def matches(asked: str, state: State, *, curie: bool) -> bool:
    """Whether an order in a state is one of those in a status that was asked for."""
    status, reason = state
    if state == ABSENT or (asked in {"blocked", "open"} and status in FINAL[curie]):
        return False
    if asked == "blocked":
        return bool(reason) if curie else status in {"blocked", "blocked_wim"}
    return asked in {"all", "open", status}


def is_overdue(order: Json, status: str) -> bool | None:
    """Whether an order is past eight weeks by Berlin's calendar and not installed; None if that is not known."""
    days = [
        _moment(each).astimezone(ZoneInfo("Europe/Berlin")).date() for each in (NOW.isoformat(), order["created_at"])
    ]
    past = (days[0] - days[1]).days > 56
    return None if past and status == NEW else past and status in NOT_INSTALLED


@dataclass
class Judge:
    """What is true of upstream's orders, and which of them a call asks for; None where nobody can tell."""

    upstream: Moving
    arguments: Json

    def __post_init__(self) -> None:
        self._orders = {order["id"]: order for order in self.upstream.orders}

    def __call__(self, order_id: str, state: State) -> bool | None:
        asked = self.arguments
        if not matches(asked["status"], state, curie=self.upstream.curie):
            return False
        order = self._orders[order_id]
        if asked.get("provider", order["provider"]) != order["provider"]:
            return False
        if asked.get("waiting_on", "") not in {"", explain(self._state(order, state), now=NOW).waiting_on}:
            return False
        late = self._late(order, state[0]) if asked.get("overdue") else True
        created, undated = _moment(order["created_at"]), order_id in self.upstream.undated
        bounds = [asked.get("created_after"), asked.get("created_before")]
        too_old = bounds[0] and created < _moment(bounds[0])  # its place shows that, whatever its time says
        too_new = bounds[1] and created > _moment(bounds[1])
        if late is False or too_old or (too_new and not (undated and self.upstream.curie)):  # edison's upstream knows
            return False
        return None if undated and any(bounds) else late

    def labels(self, order_id: str, state: State) -> set[str]:
        """Return what an order in a state is counted as."""
        order, (status, reason) = self._orders[order_id], state
        known = self._state(order, state)
        said = {f"by_status {status}", f"by_waiting_on {explain(known, now=NOW).waiting_on}"}
        said |= {f"anomalies {name}" for name in anomaly_names(known, NOW)}
        if "anomalies appointment has passed" in said:
            said = said - {"anomalies appointment has passed"} | {"appointments_passed"}
        if matches("blocked", state, curie=self.upstream.curie):
            block = reason or status
            said |= {f"by_block_reason {block}", f"by_block_reason_and_status {block} {status}"}
        late = self._late(order, status)
        return said | ({"overdue_not_known"} if late is None else {"overdue"} if late else set())

    def _late(self, order: Json, status: str) -> bool | None:
        unknown = order["id"] in self.upstream.undated and status in {*NOT_INSTALLED, NEW}
        return None if unknown else is_overdue(order, status)

    def _state(self, order: Json, state: State) -> OrderState:
        appointment = order.get("appointment_at")
        dated = order["id"] not in self.upstream.undated
        return OrderState(
            api_version=CURIE if self.upstream.curie else EDISON,
            status=state[0],
            blocked_reason=state[1] or None,
            created_at=_moment(order["created_at"]) if dated else None,
            appointment_at=appointment and _moment(appointment),
            unreadable={} if dated else {"created_at": UNREADABLE},
        )


@dataclass
class Walk:
    """The answers to one question, cursor after cursor, and what upstream's orders were meanwhile."""

    judge: Callable[[str, State], bool | None]
    labels: Callable[[str, State], set[str]]
    answers: list[Json]
    ledger: dict[str, list[State]]
    requests: int = 0

    @property
    def complete(self) -> bool:
        return bool(self.answers[-1]["complete"])

    def ids(self) -> list[str]:
        return [line["id"] for answer in self.answers for line in answer["orders"]]

    def _matching(self, order_id: str) -> list[bool | None]:
        return [self.judge(order_id, state) for state in self.ledger[order_id]]

    def throughout(self) -> set[str]:
        return {each for each in self.ledger if all(self._matching(each))}

    def ever(self) -> set[str]:
        return {each for each in self.ledger if any(self._matching(each))}

    def doubtful(self) -> set[str]:
        """Return the orders of which nobody can tell, for as long as the list is read, whether they match."""
        return {each for each in self.ledger if all(found is None for found in self._matching(each))}

    def is_unclear(self) -> bool:
        """Whether there was a moment at which nobody could tell of some order whether it matches."""
        return any(None in self._matching(each) for each in self.ledger)

    def lies(self) -> list[str]:
        """Return what the answers say that the ledger contradicts."""
        found = Counter(self.ids())
        counts = [answer["counts"] for answer in self.answers if "counts" in answer]
        said = [f"repeated: {each}" for each, times in found.items() if times > 1]
        said += [f"never matched: {each}" for each in found.keys() - self.ever()]
        said += [
            f"call {number}: complete with a cursor"
            for number, answer in enumerate(self.answers)
            if answer["complete"] and ("next_cursor" in answer or answer["has_more"])
        ]
        if not self.complete:
            return said
        said += [f"in silence: {each}" for each in self.doubtful()]
        if counts:
            return said + self._miscounted(counts)
        return said + [f"lost: {each}" for each in self.throughout() - found.keys()]

    def _miscounted(self, counts: list[Json]) -> list[str]:
        low, high = Counter[str](), Counter[str]()
        for each, states in self.ledger.items():
            fitting = self._matching(each)
            labels = [self.labels(each, state) for state, fits in zip(states, fitting, strict=True) if fits]
            high.update(["total", *set().union(*labels)] if labels else [])
            low.update(["total", *set.intersection(*labels)] if labels and all(fitting) else [])
        told = sum((Counter(_flat(count)) for count in counts), Counter[str]())
        kinds = {kind for count in counts for kind in count}
        return [
            f"miscounted: {told[label]} {label}, not {low[label]} to {high[label]}"
            for label in {*low, *high, *told}
            if label.partition(" ")[0] in kinds and not low[label] <= told[label] <= high[label]
        ]


def _flat(counts: Json, before: str = "") -> dict[str, int]:
    flat: dict[str, int] = {}
    for name, value in counts.items():
        label = f"{before} {name}".strip()
        flat |= _flat(value, label) if isinstance(value, dict) else {label: value}
    return flat


async def walked(client: Client, upstream: Moving, arguments: Json) -> Walk:
    """Ask, and follow the cursors to the end."""
    upstream.begin()
    before = len(upstream.requests)
    answers: list[Json] = []
    while True:
        cursor = {"cursor": answers[-1]["next_cursor"]} if answers else {}
        result = await client.call_tool(TOOL, {**arguments, **cursor})
        assert not result.is_error, result.content
        assert result.structured_content is not None
        answers.append(result.structured_content)
        assert len(answers) < 1000, "the walk does not end"
        if "next_cursor" not in answers[-1]:
            requests = len(upstream.requests) - before
            judge = Judge(upstream, arguments)
            return Walk(judge, judge.labels, answers, upstream.ledger, requests)


@dataclass
class Figures:
    """What a campaign came to."""

    name: str
    walks: Counter[str] = field(default_factory=Counter)
    lies: Counter[str] = field(default_factory=Counter)

    def add(self, walk: Walk, *, kind: str) -> None:
        lies = walk.lies()
        self.walks.update(["all", kind])
        self.walks.update([f"{kind}, complete"] if walk.complete else [])
        self.walks["requests"] += walk.requests
        self.walks["with a lie"] += bool(lies)
        self.lies.update(lie.partition(":")[0] for lie in lies)

    def __str__(self) -> str:
        walks = ", ".join(f"{count:,} {name}" for name, count in sorted(self.walks.items()))
        return f"{self.name}: {walks}; lies: {dict(self.lies) or 'none'}"
