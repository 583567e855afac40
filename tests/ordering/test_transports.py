"""Both protocol eras, every kind of client, over stdio and over stateless HTTP: what happened to the ledger."""

import os
import sys
from collections.abc import Iterator

import anyio
import pytest
from mcp import Client, StdioServerParameters

from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.ordering.conftest import SUBSCRIPTION, TOOL, Person, yes
from tests.server.conftest import Era, answer_of
from tests.serving import served

# Over stateless HTTP nobody can put a question to a client of the older era: it is treated like one that cannot ask.
TABLE = [
    # transport, era, answer of the person (None: the client cannot ask), outcome
    ("stdio", "auto", "accept", "ordered"),
    ("stdio", "auto", "decline", "declined"),
    ("stdio", "auto", "cancel", "declined"),
    ("stdio", "auto", None, "confirmation_required"),
    ("stdio", "legacy", "accept", "ordered"),
    ("stdio", "legacy", "decline", "declined"),
    ("stdio", "legacy", "cancel", "declined"),
    ("stdio", "legacy", None, "confirmation_required"),
    ("http", "auto", "accept", "ordered"),
    ("http", "auto", "decline", "declined"),
    ("http", "auto", "cancel", "declined"),
    ("http", "auto", None, "confirmation_required"),
    ("http", "legacy", "accept", "confirmation_required"),
    ("http", "legacy", "decline", "confirmation_required"),
    ("http", "legacy", "cancel", "confirmation_required"),
    ("http", "legacy", None, "confirmation_required"),
]


@pytest.fixture
def upstream(simulator: Simulator) -> Iterator[str]:
    with served(simulator) as url:
        yield url


def person_who(action: str | None) -> Person | None:
    return yes() if action == "accept" else Person(action) if action else None


@pytest.mark.parametrize(("transport", "era", "action", "outcome"), TABLE)
async def test_the_ledger_holds_an_order_only_after_a_yes(
    simulator: Simulator, upstream: str, transport: str, era: Era, action: str | None, outcome: str
) -> None:
    person = person_who(action)
    if transport == "stdio":
        environment = {
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_BASE_URL": upstream,
        }
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "nomos_mcp"], env={**os.environ, **environment}
        )
        with anyio.fail_after(60):
            async with Client(server, mode=era, elicitation_callback=person) as client:
                answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    else:
        async with client_for(simulator) as nomos:
            app = create_server(Settings(), client=nomos).streamable_http_app(stateless_http=True)
            with served(app) as url, anyio.fail_after(60):
                async with Client(f"{url}/mcp", mode=era, elicitation_callback=person) as client:
                    answer = answer_of(await client.call_tool(TOOL, {"subscription_id": SUBSCRIPTION}))
    assert answer["outcome"] == outcome
    assert len(simulator.ledger) == (1 if outcome == "ordered" else 0)
    assert len(person.asked if person else []) == (0 if outcome == "confirmation_required" else 1)
