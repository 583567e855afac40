"""No value of a sealed field of 1,000 generated subscriptions is in any answer, log, error or line of the audit log.

Every sealed value holds a mark that nothing else holds, and no random cursor by chance. Upstream puts such values where
it documents them and where it does not: whole objects in lists, values of other types, fields that are new, errors that
quote a person.
"""

import json
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import pytest
from mcp import Client, MCPError
from mcp.server.mcpserver import Context, MCPServer

from nomos_mcp.client import CURIE, EDISON, ApiVersion, NomosClient, PersonalData, Subscription
from nomos_mcp.client.http_messages import AsgiApp
from nomos_mcp.server import Caller, create_server
from nomos_mcp.server.request_context import NomosContext
from nomos_mcp.settings import Settings
from tests.client.fake_time import SkippingTime
from tests.conftest import NOW
from tests.server.conftest import Era
from tests.server.tool_examples import tool_examples

COUNT: Final = 1_000
WORD_MARK, DIGIT_MARK = "zzqxvkjw", "70707070"
VERSIONS: tuple[ApiVersion, ...] = (CURIE, EDISON)
KINDS = [(version, fenced) for version in VERSIONS for fenced in (True, False)]
OWN = "cus_own"
IDS: Mapping[str, Sequence[str]] = {
    # argument or variable of an address: the prefixes of the IDs that it takes
    "order_id": ("prdo", "sub"),
    "subscription_id": ("sub", "prdo"),
    "event_id": ("evt",),
}


class Generated:
    """One subscription with its order, its event and its customer, as upstream may send them."""

    def __init__(self, number: int) -> None:
        self._rng = random.Random(number)  # noqa: S311  no secret, but the same in every run
        self.number = number
        self.letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}")
        self.customer_id = OWN if self._rng.random() < 0.7 else f"cus_{self.letters}"
        self.subscription = self._subscription()
        self.new_order = self._order()
        self.order = self.new_order if self._rng.random() < 0.6 else None
        self.event = self._event()
        self.error = self._rng.choice((400, 404, 409, 422, 500)) if self._rng.random() < 0.05 else 0

    def _sealed(self) -> object:
        """Invent a value: mostly a text, sometimes a long, broken or foreign one, or no text at all."""
        word = f"{WORD_MARK}{self.letters}{self._rng.randrange(10**6)}"
        number = int(f"{DIGIT_MARK}{self._rng.randrange(10**6):06}")
        usual = [word, f"Ada-{word}", f"{word}@example.test", f"DE{number}", str(number)]
        odd = [
            word.upper(),
            f"{word} " * 200,
            f"\n\x1b[31m{word}\u202e",
            f"Größe {word} 東京",
            f"](https://{word}.test)",
        ]
        wrong: list[object] = [number, float(number), [word], {"value": word}, None, "", True]
        kinds: list[Sequence[object]] = [usual, odd, wrong]
        return self._rng.choice(self._rng.choices(kinds, weights=[6, 2, 3])[0])

    def _object(self, prefix: str, *fields: str, **known: object) -> object:
        """Return a related object: whole, or its ID alone, or with fields that are missing or new."""
        object_id = known.get("id", f"{prefix}_{self.letters}")
        if self._rng.random() < 0.1:
            return object_id
        chosen = [field for field in fields if self._rng.random() < 0.9]
        new = {"phone": self._sealed(), "note": {"text": self._sealed()}} if self._rng.random() < 0.3 else {}
        return {"id": object_id, **{field: self._sealed() for field in chosen}, **new, **known}

    def _customer(self) -> object:
        names = ("first_name", "last_name", "company_name", "email", "vat_id")
        return self._object("cus", *names, id=self.customer_id)

    def _subscription(self) -> Mapping[str, object]:
        places = ("street", "house_number", "zip", "city")
        bank = {"iban": self._sealed(), "account_holder": self._sealed()}
        body: dict[str, object] = {
            "object": "subscription",
            "id": f"sub_{self.letters}",
            "plan": f"pln_{self.number % 3}",
            "customer": self._customer(),
            "number": f"C{self.letters}",
            "status": self._rng.choice(["pending", "active", "active", "ended", "paused"]),
            self._rng.choice(["type", "direction"]): self._rng.choice(["consumption", "consumption", "feed_in"]),
            "estimated_usage": self._rng.randrange(1_000, 9_000),
            "meter": self._object("mtr", "number", "malo", "melo", type=self._rng.choice(["smart", "analog"])),
            "address": self._object("adr", *places),
            "billing_address": self._object("adr", *places),
            "payment_method": self._object("pm", sepa_debit=self._rng.choice([bank, self._sealed()])),
            "supplier": None,
            "metadata": self._rng.choice([{f"{WORD_MARK}key": self._sealed(), "deep": [{"x": self._sealed()}]}, None]),
            "created_at": f"2026-0{self._rng.randint(1, 5)}-10T10:00:00Z",
            "updated_at": "2026-06-01T10:00:00Z",
            "start_at": self._rng.choice([None, "2026-05-01T22:00:00Z", "soon"]),
            f"{WORD_MARK}_new_field": self._sealed(),
        }
        if self._rng.random() < 0.05:
            body[self._rng.choice(["status", "plan", "created_at"])] = {"value": self._sealed()}
        return body

    def _order(self) -> Mapping[str, object]:
        return {
            "object": "meter_order",
            "id": f"prdo_{self.letters}",
            "subscription": self._rng.choice([self.subscription, f"sub_{self.letters}"]),
            "customer": self._customer(),
            "provider": "metrify",
            "status": self._rng.choice(["created", "placed", "waiting", "ordered", "installed", "cancelled"]),
            "created_at": "2026-05-20T10:00:00Z",
            "updated_at": "2026-06-01T10:00:00Z",
            "blocked_reason": self._rng.choice([None, "check_missing"]),
            "installer": {"name": self._sealed(), "phone": self._sealed()},
        }

    def _event(self) -> Mapping[str, object]:
        context = {"subscription": self.subscription, "customer": self._customer()}
        order = {"meter_order": f"prdo_{self.letters}"} if self.order else {}
        topic = "meter_order.created" if self.order else "subscription.terminated"
        return {
            "id": f"evt_{self.letters}",
            "topic": topic,
            "timestamp": "2026-06-01T10:00:00Z",
            "context": context | order,
            "actor": self._sealed(),
        }

    @property
    def spoken(self) -> Mapping[str, str]:
        """What a caller may say instead of an ID."""
        return {"customer_email": f"{WORD_MARK}{self.letters}@Example.test", "number": f"C{self.letters}"}

    def quoted(self) -> Mapping[str, object]:
        """Return the body of an error that quotes the person."""
        detail = {"code": "custom", "field": "subscription", "message": self._sealed()}
        said = f"{self._sealed()} may not do that"
        return {"code": "ODD", "message": said, "requestId": "r1", "docs": self._sealed(), "errors": [detail]}


GENERATED: Final = [Generated(number) for number in range(COUNT)]
BY_LETTERS: Final = {each.letters: each for each in GENERATED}


def upstream(version: ApiVersion) -> AsgiApp:
    """Return an application that answers like the API, with what was generated."""

    async def app(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        path, query = scope["path"], parse_qs(scope["query_string"].decode())
        body = json.loads((await receive())["body"]) if scope["method"] == "POST" else {}
        status, answer = _answer(path, query, body)
        headers = [(b"content-type", b"application/json"), (b"x-api-version", version.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return app


def _answer(path: str, query: Mapping[str, list[str]], body: Mapping[str, str]) -> tuple[int, object]:
    _, collection, *rest = path.split("/")
    if collection == "customers":
        return _customers(*query["filter[email][eq]"])
    if not rest and not body:
        return 200, _listed(collection, query)
    one = BY_LETTERS.get((rest[0] if rest else body["subscription"]).partition("_")[2])
    if one is None:
        return 404, {"code": "NOT_FOUND", "message": "No.", "requestId": "r1"}
    if one.error:
        return one.error, one.quoted()
    order = one.new_order if body else one.order
    found = {"subscriptions": one.subscription, "meter-orders": order, "events": one.event}[collection]
    return (200, found) if found else (404, {})


def _customers(email: str) -> tuple[int, object]:
    """Return the customer with an address and a stranger, or an error that quotes it."""
    one = BY_LETTERS[email.removeprefix(WORD_MARK).partition("@")[0].lower()]
    stranger = {"id": "cus_stranger", "email": f"{WORD_MARK}@example.test", "first_name": WORD_MARK}
    found = [stranger, {"id": one.customer_id, "email": email, "last_name": WORD_MARK}]
    return (one.error, one.quoted()) if one.error else (200, {"items": found})


def _listed(collection: str, query: Mapping[str, list[str]]) -> object:
    (several,) = query.get("filter[subscription][in]", [""])
    (subscriptions,) = query.get("filter[subscription][eq]", [several])
    (customer,) = query.get("filter[customer][eq]", [""])
    items = [
        item
        for each in GENERATED
        if not subscriptions or each.subscription["id"] in subscriptions.split(",")
        if customer in ("", each.customer_id)
        if (item := each.order if collection == "meter-orders" else each.subscription)
    ]
    start, size = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
    more = len(items) > start + size
    return {"items": items[start : start + size], "has_more": more, "next_page": str(start + size) if more else None}


@asynccontextmanager
async def asking(
    version: ApiVersion, era: Era, audit_file: Path, *, fenced: bool
) -> AsyncIterator[tuple[MCPServer[NomosContext], Client]]:
    timing = SkippingTime().timing
    async with NomosClient(
        access_token="t",
        api_version=version,
        base_url="http://127.0.0.1",
        app=upstream(version),
        timing=timing,
        requests_per_second=10**6,
    ) as nomos:
        caller = Caller.customer(OWN) if fenced else Caller.local()
        server = create_server(Settings(audit_file=str(audit_file)), client=nomos, caller=caller, clock=lambda: NOW)
        async with Client(server, mode=era) as client:
            yield server, client


def marked(text: str) -> bool:
    return WORD_MARK in text.lower() or DIGIT_MARK in text


async def called(client: Client, tool: str, arguments: Mapping[str, object]) -> str:
    """Call a tool, and once more with the code if it asks for a confirmation."""
    result = await client.call_tool(tool, dict(arguments))
    code = (result.structured_content or {}).get("confirmation_code")
    again = [await client.call_tool(tool, {**arguments, "confirmation_code": code})] if code else []
    return "".join(each.model_dump_json() for each in (result, *again))


async def read(client: Client, address: str) -> str:
    try:
        return (await client.read_resource(address)).model_dump_json()
    except MCPError as error:
        return error.error.model_dump_json()


async def answers_about(client: Client, one: Generated) -> list[str]:
    """Ask every tool that takes an ID, and one of the resources; the IDs and the resources take turns."""
    answers = []
    for tool in (await client.list_tools()).tools:
        for argument in tool.input_schema["properties"].keys() & IDS.keys():
            prefix = IDS[argument][one.number // 8 % len(IDS[argument])]
            answers.append(await called(client, tool.name, {argument: f"{prefix}_{one.letters}"}))
    if one.number % 80 < 2 * len(KINDS):  # a tenth: a number costs a walk over the whole list
        answers += [await called(client, "list_subscriptions", {name: value}) for name, value in one.spoken.items()]
    templates = (await client.list_resource_templates()).resource_templates
    addresses = [
        template.uri_template.replace(f"{{{variable}}}", f"{prefix}_{one.letters}")
        for template in templates
        for variable, (prefix, *_) in IDS.items()
        if f"{{{variable}}}" in template.uri_template
    ]
    answers.append(await read(client, addresses[one.number // 8 % len(addresses)]))
    return answers


async def all_pages(client: Client, tool: str, arguments: Mapping[str, object]) -> list[str]:
    pages: list[str] = []
    cursor = ""
    while cursor or not pages:
        result = await client.call_tool(tool, {**arguments, **({"cursor": cursor} if cursor else {})})
        pages.append(result.model_dump_json())
        cursor = (result.structured_content or {}).get("next_cursor", "")
    return pages


@pytest.mark.slow
@pytest.mark.parametrize("group", range(len(KINDS)), ids=str)
async def test_nothing_sealed_is_in_an_answer_a_log_an_error_or_the_audit_log(
    group: int, era: Era, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    version, fenced = KINDS[group]
    audit_file = tmp_path / "audit.jsonl"
    share = GENERATED[group + len(KINDS) * (era == "legacy") :: 2 * len(KINDS)]
    answers = []
    async with asking(version, era, audit_file, fenced=fenced) as (_, client):
        for one in share:
            answers += await answers_about(client, one)
        for tool in (await client.list_tools()).tools:
            if "cursor" in tool.input_schema["properties"]:
                arguments = {**tool_examples()[tool.name].call, "limit": 100}
                pages = await all_pages(client, tool.name, arguments)
                answers += pages
    texts = [[value for value in vars(record).values() if isinstance(value, str | tuple)] for record in caplog.records]
    logged = [record.getMessage() + repr(more) for record, more in zip(caplog.records, texts, strict=True)]
    recorded = [audit_file.read_text(encoding="utf-8"), *capfd.readouterr(), caplog.text]
    assert [text for text in (*answers, *logged, *recorded) if marked(text)] == []
    assert len(logged) > len(share)
    assert recorded[0].count("\n") > len(share) / 3
    assert sum(f'"C{one.letters}"' in "".join(answers) for one in share) > len(share) / 4


async def test_what_a_caller_says_finds_the_subscription(tmp_path: Path) -> None:
    whole = [each for each in GENERATED[:20] if not each.error and isinstance(each.subscription["status"], str)]
    async with asking(CURIE, "auto", tmp_path / "audit.jsonl", fenced=False) as (_, client):
        for argument, told in (("number", "sub_{0.letters}"), ("customer_email", "{0.customer_id}")):
            found = [await called(client, "list_subscriptions", {argument: each.spoken[argument]}) for each in whole]
            assert sum(told.format(each) in answer for each, answer in zip(whole, found, strict=True)) > len(whole) / 2


def test_every_sealed_field_is_generated() -> None:
    counts = dict.fromkeys(PersonalData.model_fields, 0)
    for each in GENERATED:
        try:
            personal = Subscription.model_validate(each.subscription).personal
        except ValueError:
            continue
        for name in counts:
            sealed = getattr(personal, name)
            counts[name] += sealed is not None and marked(str(sealed.get_secret_value()))
    assert min(counts.values()) > COUNT / 4, counts


async def test_a_tool_that_tells_a_sealed_value_is_noticed(tmp_path: Path) -> None:
    async with asking(CURIE, "auto", tmp_path / "audit.jsonl", fenced=False) as (server, client):

        @server.tool()
        async def telling(subscription_id: str, ctx: Context[NomosContext]) -> str:
            found = await ctx.request_context.lifespan_context.client.subscriptions.get(subscription_id)
            return str([sealed.get_secret_value() for sealed in vars(found.personal).values() if sealed])

        answers = [answer for each in GENERATED[:8] for answer in await answers_about(client, each)]
    assert any(map(marked, answers))
