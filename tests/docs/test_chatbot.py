"""`examples/chatbot.py` over real HTTP, with the simulator upstream and a script for a model."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from pydantic_ai import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.function import AgentInfo, FunctionModel

from examples.chatbot import CODE, ORDER, Chatbot, create_app, from_environment
from examples.chatbot_demo import script
from nomos_mcp import NomosClient, Settings
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.faults import Fault
from nomos_mcp.variables import ConfirmMode
from tests.ordering.conftest import SUBSCRIPTION, move_to_another_plan
from tests.serving import served

pytestmark = pytest.mark.slow

ADA, BEN = "session-of-ada", "session-of-ben"
SESSIONS = {ADA: DEMO.customers["can_order"], BEN: DEMO.customers["can_order_metrify"]}


class Page:
    """A customer's page: what it sends, and all that it was ever sent."""

    def __init__(self, url: str, session: str = ADA) -> None:
        self._to: dict[str, Any] = {"base_url": url, "cookies": {"session": session}, "timeout": 60}
        self.seen = ""

    async def post(self, path: str, **body: Any) -> httpx.Response:
        async with httpx.AsyncClient(**self._to) as http:
            answer = await http.post(path, json=body)
        self.seen += answer.text
        return answer

    async def asks(self) -> dict[str, Any]:
        answer = await self.post("/chat", text="Please order my smart meter.")
        assert answer.status_code == 200, answer.text
        reply: dict[str, Any] = answer.json()
        return reply

    async def answers(self, offer: dict[str, Any], *, yes: bool = True) -> str:
        answer = await self.post("/order", offer=offer["id"], yes=yes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["text"])


class Watched(FunctionModel):
    """The script, and all that it has read."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.read = ""

    def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.read += repr(messages) + repr(info)
        return script(messages, info)


def nomos_at(url: str) -> NomosClient:
    environ = {"NOMOS_CLIENT_ID": DEMO.client_id, "NOMOS_CLIENT_SECRET": DEMO.client_secret, "NOMOS_BASE_URL": url}
    return NomosClient.from_env(environ, max_retries=0)


@contextmanager
def chatbot(
    upstream: str, model: FunctionModel | None = None, settings: Settings | None = None, sessions: Any = SESSIONS
) -> Iterator[str]:
    bot = Chatbot(settings or Settings(), nomos_at(upstream), sessions, model or FunctionModel(script))
    with served(create_app(bot)) as url:
        yield url


@pytest.fixture
def upstream(simulator: Simulator) -> Iterator[str]:
    with served(simulator) as url:
        yield url


async def test_the_customer_sees_what_would_be_ordered_and_a_yes_in_the_next_request_orders(
    simulator: Simulator, upstream: str
) -> None:
    model = Watched()
    bot = Chatbot(Settings(), nomos_at(upstream), SESSIONS, model)
    with served(create_app(bot)) as url:
        page = Page(url)
        reply = await page.asks()
        code = bot.of(ADA)[1].code
        assert reply["offer"]["preview"]["subscription"] == SUBSCRIPTION
        assert not simulator.ledger
        assert await page.answers(reply["offer"]) == "Your smart meter is ordered."
        assert [entry.subscription_id for entry in simulator.ledger] == [SUBSCRIPTION]
    assert len(simulator.ledger) == 1
    assert code
    assert code not in page.seen + model.read
    assert ORDER in model.read


@pytest.mark.parametrize("mode", get_args(ConfirmMode))
async def test_the_model_cannot_order_however_the_server_is_set(
    simulator: Simulator, upstream: str, mode: ConfirmMode
) -> None:
    def greedy(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        if isinstance(messages[-1].parts[-1], ToolReturnPart):
            return ModelResponse(parts=[TextPart("It is ordered.")])
        return ModelResponse(parts=[ToolCallPart(ORDER, {"subscription_id": SUBSCRIPTION, CODE: "made-up"})])

    with chatbot(upstream, FunctionModel(greedy), Settings(confirm=mode)) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        assert not simulator.ledger
        assert await page.answers(offer) == "Your smart meter is ordered."


async def test_a_no_ends_the_offer_and_only_a_clear_yes_is_one(simulator: Simulator, upstream: str) -> None:
    with chatbot(upstream) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        assert (await page.post("/order", offer=offer["id"], yes="yes")).status_code == 422
        for is_yes in (False, True):
            assert await page.answers(offer, yes=is_yes) == "Nothing was ordered by this click."
    assert not simulator.ledger


async def test_tabs_that_answer_at_once_are_all_told_what_came_of_the_first_click(
    simulator: Simulator, upstream: str
) -> None:
    with chatbot(upstream) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        texts = await asyncio.gather(*(Page(url).answers(offer) for _ in range(3)))
        texts.append(await page.answers(offer, yes=False))
    assert texts == ["Your smart meter is ordered."] * 4
    assert len(simulator.ledger) == 1


async def test_a_click_waits_for_no_model(upstream: str) -> None:
    asked, answered = threading.Event(), threading.Event()

    async def slow(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if "later" in repr(messages):
            asked.set()
            await asyncio.to_thread(answered.wait, 60)
            return ModelResponse(parts=[TextPart("Here I am.")])
        return script(messages, info)

    with chatbot(upstream, FunctionModel(slow)) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        other_tab = asyncio.create_task(page.post("/chat", text="And later?"))
        await asyncio.to_thread(asked.wait, 60)
        try:
            async with asyncio.timeout(30):
                assert await page.answers(offer) == "Your smart meter is ordered."
        finally:
            answered.set()
        assert (await other_tab).json()["text"] == "Here I am."


async def test_a_tab_with_an_older_offer_orders_nothing(simulator: Simulator, upstream: str) -> None:
    with chatbot(upstream) as url:
        page = Page(url)
        older, newer = (await page.asks())["offer"], (await page.asks())["offer"]
        assert (await page.post("/order", offer=older["id"], yes=True)).status_code == 409
        assert not simulator.ledger
        assert await page.answers(newer) == "Your smart meter is ordered."


async def test_what_has_changed_meanwhile_is_shown_again_before_it_is_ordered(
    simulator: Simulator, upstream: str
) -> None:
    with chatbot(upstream) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        plan = move_to_another_plan(simulator)
        again = (await page.post("/order", offer=offer["id"], yes=True)).json()
        assert "has changed" in again["text"]
        assert again["offer"]["preview"]["plan"] == plan
        assert not simulator.ledger
        assert await page.answers(again["offer"]) == "Your smart meter is ordered."


async def test_customers_are_fenced_from_each_other(simulator: Simulator, upstream: str) -> None:
    def curious(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        """Ask for Ada's meter, whoever is talking."""
        last = messages[-1].parts[-1]
        if isinstance(last, ToolReturnPart):
            return ModelResponse(parts=[TextPart(str(last.content))])
        return ModelResponse(parts=[ToolCallPart(ORDER, {"subscription_id": SUBSCRIPTION})])

    with chatbot(upstream, FunctionModel(curious)) as url:
        ada, ben, nobody = Page(url), Page(url, BEN), Page(url, "made up")
        offer = (await ada.asks())["offer"]
        foreign = await ben.asks()
        assert foreign["offer"] is None
        assert "not_found" in foreign["text"]
        assert (await ben.post("/order", offer=offer["id"], yes=True)).status_code == 409
        assert (await nobody.post("/chat", text="Hello")).status_code == 401
        assert (await nobody.post("/order", offer=offer["id"], yes=True)).status_code == 401
    assert not simulator.ledger


async def test_who_logs_in_to_a_session_after_another_customer_gets_nothing_of_theirs(
    simulator: Simulator, upstream: str
) -> None:
    model, sessions = Watched(), dict(SESSIONS)
    with chatbot(upstream, model, sessions=sessions) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        assert SUBSCRIPTION in model.read
        sessions[ADA], model.read = SESSIONS[BEN], ""
        assert (await page.post("/order", offer=offer["id"], yes=True)).status_code == 409
        assert (await page.asks())["offer"]["preview"]["customer"] == SESSIONS[BEN]
    assert SUBSCRIPTION not in model.read
    assert not simulator.ledger


async def test_an_offer_that_has_expired_orders_nothing(
    simulator: Simulator, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.server.ordering.config.LIFETIME", 0)
    with chatbot(upstream) as url:
        page = Page(url)
        assert "not valid any more" in await page.answers((await page.asks())["offer"])
    assert not simulator.ledger


async def test_while_nomos_is_away_nothing_is_ordered_and_the_customer_is_told(simulator: Simulator) -> None:
    with ExitStack() as stack:
        nomos = ExitStack()
        url = stack.enter_context(chatbot(nomos.enter_context(served(simulator))))
        page = Page(url)
        offer = (await page.asks())["offer"]
        nomos.close()
        for path, body in (("/order", {"offer": offer["id"], "yes": True}), ("/chat", {"text": "And now?"})):
            answer = await page.post(path, **body)
            assert (answer.status_code, "Nothing was ordered by this" in answer.text) == (503, True)
    assert not simulator.ledger


async def test_after_a_lost_answer_the_customer_is_told_neither_yes_nor_no(
    simulator: Simulator, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.server.ordering.submit.LOOK_FOR", 0.2)
    with chatbot(upstream) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        simulator.faults.add(Fault(kind="reset", method="POST"))
        for is_yes in (True, True, False):
            assert (await page.answers(offer, yes=is_yes)).startswith("It is not known yet")


async def test_a_token_that_is_refused_later_is_told_to_the_log_and_not_to_the_customer(
    simulator: Simulator, upstream: str, caplog: pytest.LogCaptureFixture
) -> None:
    with chatbot(upstream) as url:
        page = Page(url)
        offer = (await page.asks())["offer"]
        simulator.faults.add(Fault(kind="status", status=401))
        answer = await page.post("/order", offer=offer["id"], yes=True)
    assert answer.status_code == 503
    assert "credentials" not in answer.text
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert told
    assert told[0].startswith("Nomos refuses the credentials")
    assert DEMO.client_secret not in caplog.text
    assert not simulator.ledger


async def test_with_a_wrong_secret_it_is_not_ready_and_the_log_says_why(
    upstream: str, caplog: pytest.LogCaptureFixture
) -> None:
    nomos = NomosClient(client_id=DEMO.client_id, client_secret="s3cr3t-and-wrong", base_url=upstream)
    with served(create_app(Chatbot(Settings(), nomos, SESSIONS, FunctionModel(script)))) as url:
        async with httpx.AsyncClient(base_url=url) as http:
            assert (await http.get("/readyz")).status_code == 503
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert [text.startswith("Nomos refuses the credentials") for text in told] == [True, True]  # at start, and then
    assert "s3cr3t" not in caplog.text


async def test_a_model_that_fails_is_no_traceback(upstream: str) -> None:
    def fail(_: list[ModelMessage], __: AgentInfo) -> ModelResponse:
        raise ModelHTTPError(529, "model", "overloaded")

    with chatbot(upstream, FunctionModel(fail)) as url:
        answer = await Page(url).post("/chat", text="Hello")
    assert (answer.status_code, answer.json()["detail"]) == (502, "The chatbot does not answer at the moment.")


def test_mistakes_in_the_environment_end_the_start_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NOMOS_CLIENT_SECRET": "s3cr3t", "NOMOS_API_VERSION": "curie"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        from_environment()
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "NOMOS_CLIENT_ID",
        "NOMOS_API_VERSION",
    ]
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CHATBOT_MODEL", "no-such-model", "CHATBOT_MODEL: Unknown model"),
        ("CHATBOT_MODEL", "", "CHATBOT_MODEL: not set"),
        ("NOMOS_MCP_ORGANISATIONS", "organisations.toml", "NOMOS_MCP_ORGANISATIONS: acme"),
    ],
)
def test_what_no_request_could_be_served_with_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, said: str
) -> None:
    (tmp_path / "organisations.toml").write_text('[acme]\naccess_token_env = "ACME_TOKEN"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_TOKEN", "token")
    monkeypatch.setenv("CHATBOT_MODEL", "test")
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=said):
        from_environment()


async def test_a_text_that_is_far_too_long_reaches_no_model(upstream: str) -> None:
    model = Watched()
    with chatbot(upstream, model) as url:
        assert (await Page(url).post("/chat", text="x" * 5000)).status_code == 422
    assert not model.read
