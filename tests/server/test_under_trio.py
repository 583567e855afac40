"""A server with a history in a program that runs under trio: the history says that it cannot, and the rest works."""

import gc
import warnings
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.types import TextResourceContents
from pydantic import SecretStr

from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO, Simulator
from tests.conftest import client_for
from tests.server.conftest import answer_of

SAID = "It works under asyncio only"


@pytest.mark.parametrize("database", ["", "history.db", "postgresql://me:s3cr3t@127.0.0.1:1/nomos"])
def test_under_trio_all_is_answered_without_the_history(database: str, tmp_path: Path, simulator: Simulator) -> None:
    if is_file := database == "history.db":
        database = str(tmp_path / database)
    answers: dict[str, Any] = {}

    async def ask() -> None:
        settings = Settings(database=SecretStr(database), demo=not database)
        async with Client(create_server(settings, client=client_for(simulator) if database else None)) as client:
            order = DEMO.orders["installed"]
            answers["order"] = answer_of(await client.call_tool("get_meter_order", {"order_id": order}))
            answers["feed"] = answer_of(await client.call_tool("list_order_changes", {"since": "2026-01-01"}))
            (content,) = (await client.read_resource("nomos://statistics/durations")).contents
            assert isinstance(content, TextResourceContents)
            answers["durations"] = content.text

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", RuntimeWarning)
        anyio.run(ask, backend="trio")
        gc.collect()
    assert SAID in answers["order"]["history_missing"]
    assert answers["feed"]["changes"]
    assert SAID in answers["feed"]["not_covered"][0]
    assert SAID in answers["durations"]
    assert not [str(each.message) for each in warned if "never awaited" in str(each.message)]
    assert not is_file or not Path(database).exists()
