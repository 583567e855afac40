"""The log of calls, where a call does not come to an answer."""

import json
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from nomos_mcp.server import Caller
from nomos_mcp.service.access_log import CallLog, RequestLog


async def logged(call_next: Any, params: dict[str, Any]) -> None:
    """Have a call logged, as the service does."""
    context = cast("Any", SimpleNamespace(method="tools/call", params=params))

    async def app(*_: Any) -> None:
        await CallLog(Caller.local())(context, call_next)

    async def nothing(*_: Any) -> Any:
        return None

    await RequestLog(app)({"type": "http", "method": "POST", "headers": []}, nothing, nothing)


async def test_a_crash_is_logged_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    async def crash(_: Any) -> None:
        raise RuntimeError("secret")

    with pytest.raises(RuntimeError):
        await logged(crash, {"name": "get_meter_order", "arguments": ["no", "mapping"]})
    line = capsys.readouterr().err
    assert json.loads(line)["outcome"] == "crashed"
    assert "secret" not in line


async def test_a_caller_that_goes_away_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    async def wait(_: Any) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01):
        await logged(wait, {"name": "get_meter_order"})
    assert json.loads(capsys.readouterr().err)["outcome"] == "cancelled"
