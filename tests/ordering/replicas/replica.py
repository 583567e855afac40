"""One replica: a real server in a forked process, to which something happens at a chosen step of an order.

Only the steps are hooked into; what is done there is real: SIGKILL, SIGSTOP, a connection that is closed.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final

from mcp import Client
from mcp.client.session import ClientSession
from sqlalchemy.ext.asyncio import AsyncConnection

from nomos_mcp.client import NomosClient
from nomos_mcp.client.endpoints import MeterOrders
from nomos_mcp.history.store import History
from nomos_mcp.replicas.order_attempts import OrderAttempts
from nomos_mcp.server import create_server
from nomos_mcp.server.nomos_server import NomosServer
from nomos_mcp.server.ordering import shared_record, submit
from nomos_mcp.server.ordering.shared_record import RowOfAttempt
from nomos_mcp.server.request_context import Caller
from nomos_mcp.settings import Settings
from nomos_mcp.simulator import DEMO
from tests.conftest import NOW
from tests.ordering.replicas.schedules import Schedule, Step, Trouble
from tests.ordering.replicas.upstream import NAME_HEADER

TOOL: Final = "order_smart_meter"
KEY: Final = "k" * 32

_WAITS: Final = {"LOOK_FOR": 0.8, "LOOK_FOR_OTHERS": 0.3, "_PAUSES": (0.05, 0.1, 0.2, 0.3)}
"""Waiting, a tenth as long, so that many schedules fit into a minute. Nothing else differs from a server."""


class Replicas:
    """What the processes of all replicas are forked from: everything is loaded and made, and nothing is connected."""

    def __init__(self, database: str, upstream: str) -> None:
        for name, value in _WAITS.items():
            setattr(submit, name, value)
        ClientSession.validate_tool_result = _unchecked  # type: ignore[method-assign,assignment]
        shared_record._PAUSES = (0.1, 0.2, 0.3, 0.5)  # type: ignore[misc,assignment]
        self._client = NomosClient(access_token=DEMO.access_token, base_url=upstream, requests_per_second=1000)
        self._history = History(database, lambda: NOW)
        self._servers = {
            codes: create_server(
                Settings(confirm="auto" if codes else "none", state_key=KEY), client=self._client, history=self._history
            )
            for codes in (False, True)
        }

    def fork(self, schedule: Schedule, index: int, answers: int, errors: int) -> int:
        """Start a replica, which writes its answer as a line into `answers`; return its process's number."""
        if pid := os.fork():
            return pid
        code = 1
        try:
            os.dup2(errors, 2)
            asyncio.run(self._run(schedule, index, answers))
            code = 0
        except BaseException as error:  # noqa: BLE001  a forked process must end here
            sys.stderr.write(f"CAMPAIGN: {name_of(schedule, index)}: {error!r}\n")
        finally:
            os._exit(code)

    async def order(self, schedule: Schedule) -> None:
        """Order in this process, and close everything."""
        self._name("warm-up", schedule)
        await _ordered(self._servers[schedule.codes], schedule)
        await self._client.aclose()
        await self._history.aclose()

    async def _run(self, schedule: Schedule, index: int, answers: int) -> None:
        name = name_of(schedule, index)
        self._name(name, schedule)
        await asyncio.sleep(schedule.starts[index])
        if trouble := schedule.troubles[index]:
            Happening(trouble, answers).hook_in()
        answer = await _ordered(self._servers[schedule.codes], schedule)
        os.write(answers, (json.dumps({"replica": name, **answer}) + "\n").encode())

    def _name(self, name: str, schedule: Schedule) -> None:
        self._servers[schedule.codes].context._default = Caller(name=name)
        headers: dict[str, str] = self._client._session._headers  # type: ignore[assignment]
        headers[NAME_HEADER.decode()] = f"{name} {os.getpid()}"


async def _unchecked(*_: object) -> None:
    """Stand in for the client's check of an answer by its schema: it takes long, and other tests look at it."""


async def _ordered(server: NomosServer, schedule: Schedule) -> dict[str, Any]:
    arguments = {"subscription_id": schedule.subscription}
    async with Client(server) as client:
        answer = (await client.call_tool(TOOL, arguments)).structured_content or {}
        if schedule.codes and (code := answer.get("confirmation_code")):
            more = {**arguments, "confirmation_code": code}
            answer = (await client.call_tool(TOOL, more)).structured_content or {}
    kept = {name: answer.get(name) or "" for name in ("outcome", "reason", "made_by")}
    return {**kept, "order": (answer.get("order") or {}).get("id", "")}


def name_of(schedule: Schedule, index: int) -> str:
    return f"s{schedule.number}-r{index}"


class Happening:
    """Does to this process what is to happen to it, once, when it comes to the step, and notes that."""

    def __init__(self, trouble: Trouble, notes: int) -> None:
        self._trouble: Trouble | None = trouble
        self._notes = notes
        self._phase = ""

    def hook_in(self) -> None:
        hooks: dict[tuple[type, str], tuple[Step | None, str, Step | None]] = {
            (OrderAttempts, "begin"): ("before the attempt is begun", "", "the attempt is begun"),
            (OrderAttempts, "open"): (None, "opening", "opening, after the commit"),
            (RowOfAttempt, "sending"): (None, "", "before the request"),
            (MeterOrders, "create"): (None, "", "the answer is here"),
            (RowOfAttempt, "complete"): ("before the outcome is written", "", None),
            (OrderAttempts, "complete"): (None, "writing the outcome", "writing the outcome, after the commit"),
        }
        for (kind, method), (before, phase, after) in hooks.items():
            setattr(kind, method, self._hooked(getattr(kind, method), before, phase, after))
        commit = AsyncConnection.commit

        async def committed(connection: AsyncConnection) -> None:
            await self._at_commit(connection, commit)

        AsyncConnection.commit = committed  # type: ignore[method-assign,assignment]

    def _hooked(
        self, method: Callable[..., Awaitable[Any]], before: Step | None, phase: str, after: Step | None
    ) -> Callable[..., Awaitable[Any]]:
        @wraps(method)
        async def hooked(*arguments: Any, **more: Any) -> Any:
            self._reached(before)
            self._phase = phase
            try:
                result = await method(*arguments, **more)
            finally:
                self._phase = ""
            self._reached(after)
            return result

        return hooked

    def _reached(self, step: Step | None) -> None:
        trouble = self._trouble
        if trouble is None or step != trouble.step or trouble.what.startswith("its connection"):
            return
        self._note(trouble)
        os.kill(os.getpid(), signal.SIGKILL if trouble.what == "killed" else signal.SIGSTOP)

    async def _at_commit(
        self, connection: AsyncConnection, commit: Callable[[AsyncConnection], Awaitable[None]]
    ) -> None:
        trouble, before = self._trouble, f"{self._phase}, before the commit"
        if trouble is None or not self._phase or trouble.step not in {before, f"{self._phase}, after the commit"}:
            await commit(connection)
            return
        if not trouble.what.startswith("its connection"):
            self._reached(trouble.step if trouble.step == before else None)
            await commit(connection)
            return
        self._note(trouble)
        if trouble.step != before:
            await commit(connection)
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        raw.driver_connection.terminate()
        await connection.exec_driver_sql("SELECT 1")  # fails in the driver's own way

    def _note(self, trouble: Trouble) -> None:
        self._trouble = None
        os.write(self._notes, (json.dumps({"happened": f"{trouble.what}: {trouble.step}"}) + "\n").encode())
