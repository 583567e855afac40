"""`docs/embedding.md` runs as it stands, one block after the other; its whole back end: tests/docs/test_chatbot.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.types import CallToolResult
from starlette.testclient import TestClient

from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.settings import HttpSettings, Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.docs.blocks import blocks
from tests.service.running import running
from tests.serving import served

CHATBOT, AGENT, MOUNTED = (block.text for block in blocks("docs/embedding.md", "python"))


def names_of(block: str) -> dict[str, Any]:
    """Run a block and return what it defines."""
    names: dict[str, Any] = {}
    exec(compile(block, "docs/embedding.md", "exec"), names)  # noqa: S102  our own documentation
    return names


@pytest.fixture
def upstream(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the simulator, and set the environment as one for Nomos is set."""
    with served(simulator) as url:
        monkeypatch.setenv("NOMOS_CLIENT_ID", DEMO.client_id)
        monkeypatch.setenv("NOMOS_CLIENT_SECRET", DEMO.client_secret)
        monkeypatch.setenv("NOMOS_BASE_URL", url)
        yield url


@pytest.mark.usefixtures("upstream")
async def test_the_chatbot_answers_a_customer_about_their_own_order_only() -> None:
    names = names_of(CHATBOT)
    try:
        assert "smart meter check" in await names["answer"](DEMO.customers["blocked_check_missing"])
        assert await names["answer"]("cus_nobody") == "I cannot find an order for you."
        async with names["conversation"](DEMO.customers["installed"]) as tools:
            foreign = await tools.call_tool("get_meter_order", {"order_id": DEMO.orders["blocked_check_missing"]})
        assert isinstance(foreign, CallToolResult)
        assert foreign.is_error
    finally:
        await names["nomos"].aclose()


@pytest.mark.slow
async def test_the_agent_asks_over_http(tmp_path: Path) -> None:
    blocked_orders = names_of(AGENT)["blocked_orders"]
    tokens = TokenFile(tmp_path / "tokens")
    http = HttpSettings(tokens_file=str(tmp_path / "tokens"), calls_per_minute=1)
    with running(Settings(demo=True, http=http)) as service:
        token = tokens.add("agent", ("orders:read", "org"))
        assert DEMO.orders["blocked_grid_operator"] in await blocked_orders(f"{service.url}/mcp", token)
        with pytest.raises(RuntimeError, match=r"Wait \d+ s"):
            await blocked_orders(f"{service.url}/mcp", token)


@pytest.mark.usefixtures("upstream")
def test_mounted_it_is_served_besides_the_applications_own_routes() -> None:
    with TestClient(names_of(MOUNTED)["app"], base_url="http://127.0.0.1:8000") as client:
        assert client.get("/hello").json() == "still here"
        assert client.get("/readyz").json() == {"ready": True}
        assert client.post("/mcp", content=b"{").status_code == 400
