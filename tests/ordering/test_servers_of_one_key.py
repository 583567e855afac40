"""Servers that are made for one request each count as one where they have one key: for codes, locks and questions."""

import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client

from nomos_mcp.server import Caller, create_server
from nomos_mcp.server.ordering.config import Codes
from nomos_mcp.settings import Settings, SettingsError
from nomos_mcp.simulator import Simulator
from tests.conftest import NOW
from tests.ordering.conftest import SUBSCRIPTION, TOOL, Person, yes
from tests.ordering.faults import Faulty
from tests.ordering.test_submit import nomos_behind
from tests.server.conftest import answer_of


class Application:
    """What makes a server for each request, and what they share."""

    def __init__(self, upstream: Faulty) -> None:
        self.upstream = upstream
        self.key = secrets.token_bytes(32)

    @asynccontextmanager
    async def request(
        self, person: Person | None = None, caller: str = "chat", **settings: Any
    ) -> AsyncIterator[Client]:
        server = create_server(
            Settings(**settings),
            client=nomos_behind(self.upstream),
            caller=Caller(name=caller),
            state_key=self.key,
            clock=lambda: NOW,
        )
        async with Client(server, elicitation_callback=person) as client:
            yield client

    async def previewed(self, **more: Any) -> str:
        async with self.request(**more) as client:
            answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
        return str(answer["confirmation_code"])

    async def ordered(self, code: str, **more: Any) -> dict[str, Any]:
        async with self.request(**more) as client:
            arguments = {"subscription_id": SUBSCRIPTION, "confirmation_code": code}
            return answer_of(await client.call_tool(TOOL, arguments))


@pytest.fixture
def app(simulator: Simulator) -> Application:
    return Application(Faulty(simulator))


@pytest.fixture
def refusing(simulator: Simulator) -> Application:
    """Return one whose first two orders Nomos refuses, so that more can be tried."""
    return Application(Faulty(simulator, posts=["403_before", "403_before"]))


async def test_a_code_counts_at_the_server_of_the_next_request(app: Application) -> None:
    assert (await app.ordered(await app.previewed()))["outcome"] == "ordered"
    assert app.upstream.posted == 1


async def test_without_a_key_a_code_counts_at_its_own_server_only(app: Application) -> None:
    app.key = b""
    answer = await app.ordered(await app.previewed())
    assert (answer["outcome"], answer["reason"]) == ("refused", "invalid_code")


async def test_a_code_that_one_server_has_used_counts_at_no_other(refusing: Application) -> None:
    code = await refusing.previewed()
    assert (await refusing.ordered(code))["reason"] == "forbidden"
    again = await refusing.ordered(code)
    assert (again["outcome"], again["reason"]) == ("refused", "invalid_code")
    assert "used for an order before" in again["message"]
    assert refusing.upstream.posted == 1


@pytest.mark.parametrize("tabs", [("one", "one"), ("one", "another")], ids=["with one code", "with a code each"])
async def test_two_servers_that_order_at_once_send_one_request(app: Application, tabs: tuple[str, str]) -> None:
    codes = {tab: await app.previewed(caller=tab) for tab in tabs}
    outcomes: list[str] = []

    async def order(tab: str) -> None:
        outcomes.append((await app.ordered(codes[tab], caller=tab))["outcome"])

    async with anyio.create_task_group() as group:
        for tab in tabs:
            group.start_soon(order, tab)
    assert sorted(outcomes) == ["already_ordered", "ordered"]
    assert app.upstream.posted == 1


async def test_a_question_names_the_orders_that_servers_with_its_key_sent(refusing: Application) -> None:
    people = [yes(), yes(), yes()]
    for person in people:
        if person is people[2]:
            refusing.key = secrets.token_bytes(32)
        async with refusing.request(person) as client:
            await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION})
    assert ["before from here, 1 in all" in person.asked[0] for person in people] == [False, True, False]


async def test_a_key_of_the_application_is_another_one_for_each_organisation(app: Application) -> None:
    answer = await app.ordered(await app.previewed(organisation="acme"), organisation="beta")
    assert (answer["outcome"], answer["reason"]) == ("refused", "invalid_code")


async def test_the_operators_key_goes_before_that_of_the_application(app: Application) -> None:
    operators = secrets.token_hex(32)
    code = await app.previewed(state_key=operators)
    app.key = secrets.token_bytes(32)
    assert (await app.ordered(code, state_key=operators))["outcome"] == "ordered"


def test_a_key_that_is_too_short_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match=r"state_key: 6 bytes are too few.*secrets\.token_bytes\(32\)") as caught:
        create_server(Settings(demo=True), state_key=b"s3cr3t")
    assert "s3cr3t" not in str(caught.value)


def test_of_many_threads_with_one_code_one_uses_it() -> None:
    key = secrets.token_bytes(32)
    code = Codes(key).code("preview", "sub_1")
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: Codes(key).use(code), range(64)))
    assert used.count(True) == 1
