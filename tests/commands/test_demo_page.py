"""`nomos-mcp demo --browser`: what it serves, prints and opens. tests/apps looks at the page in a browser."""

import re
from collections.abc import AsyncIterator, Callable
from queue import SimpleQueue
from types import SimpleNamespace

import httpx
import pytest
from mcp import Client

from nomos_mcp.cli import main
from nomos_mcp.commands.demo import _ORDER_VERSIONS
from nomos_mcp.commands.demo_page import QUESTIONS, page_app
from nomos_mcp.lifecycle import CURIE, LANGUAGES, VERSIONS
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator.simulator_server import bound


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=page_app(CURIE))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[str]:
    """Return the addresses that a browser was told to open. Nothing is served."""
    addresses: SimpleQueue[str] = SimpleQueue()

    def server(_: object, *, on_start: Callable[[], None], **__: object) -> SimpleNamespace:
        def run(sockets: list[object]) -> None:
            on_start()
            for listener in sockets:
                listener.close()  # type: ignore[attr-defined]  # a socket

        return SimpleNamespace(run=run)

    monkeypatch.setattr("nomos_mcp.commands.demo_page.GracefulServer", server)
    monkeypatch.setattr("webbrowser.open", addresses.put)
    return addresses


async def test_the_page_may_reach_its_own_server_and_nothing_else(web: httpx.AsyncClient) -> None:
    page = await web.get("/")
    assert page.text.startswith("<!doctype html>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert not [rule for rule in policy if "http" in rule or "*" in rule]


@pytest.mark.parametrize("path", ["/", "/questions", "/mcp"])
@pytest.mark.parametrize(
    ("header", "status"), [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403)]
)
async def test_no_other_web_page_reaches_it(
    web: httpx.AsyncClient, path: str, header: dict[str, str], status: int
) -> None:
    assert (await web.get(path, headers=header)).status_code == status


async def test_the_page_learns_what_it_offers_to_ask(web: httpx.AsyncClient) -> None:
    offered = (await web.get("/questions")).json()
    assert [each["name"] for each in offered[: len(QUESTIONS)]] == list(QUESTIONS)
    assert all(each["shows"] and each["arguments"]["order_id"] for each in offered[len(QUESTIONS) :])


@pytest.mark.parametrize("name", QUESTIONS)
async def test_every_question_has_words_an_app_and_an_answer(name: str) -> None:
    tool, arguments = QUESTIONS[name]
    assert all(texts(language).app.host[name] for language in LANGUAGES)
    async with Client(create_server(Settings(demo=True))) as client:
        (found,) = [each for each in (await client.list_tools()).tools if each.name == tool]
        assert (found.meta or {})["ui"]["resourceUri"].startswith("ui://")
        assert not (await client.call_tool(tool, dict(arguments))).is_error


def test_the_address_is_printed_and_opened(opened: SimpleQueue[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--browser"]) == 0
    said = capsys.readouterr().out
    address = opened.get(timeout=30)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    assert f"{address}: ALL DATA IS INVENTED." in said


def test_nothing_is_opened_where_that_is_not_wanted(
    opened: SimpleQueue[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--browser", "--no-open"]) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out
    assert opened.empty()


def test_a_port_in_use_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    with bound(0) as listener:
        port = listener.getsockname()[1]
        assert main(["demo", "--browser", "--port", str(port)]) == 1
    assert f"port {port} on 127.0.0.1 cannot be used: it is in use." in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--no-open"], ["--port", "0"], ["--api-version", CURIE]])
def test_options_of_the_page_go_with_the_page(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *option]) == 2
    assert "go with --browser" in capsys.readouterr().err


def test_the_versions_that_can_be_chosen_are_those_with_orders() -> None:
    assert set(_ORDER_VERSIONS) == set(VERSIONS)
    assert _ORDER_VERSIONS[0] == CURIE
