"""What happens past capacity: hundreds of callers at once over HTTP, each with a connection of its own that it keeps.

The callers are tasks of one process that write and read bytes, so that they cost little beside the server.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import Contestant
from benchmarks.figures import percentile
from benchmarks.measure_blocked import LATENCY, RATE, upstream
from benchmarks.measure_calls import order_ids
from benchmarks.report import rows_table
from benchmarks.wires import free_port, listening, resident
from nomos_mcp.service.token_file import TokenFile

CALLERS = (128, 512)
_WITH_TOKENS = 32
_SECONDS = 8.0
_ALONE = 20
_PAUSE = 1.0  # of a caller who was refused: what `Retry-After` asks for
_OK = 200
_HEADS = (
    *("server", "callers", "calls/s", "served p50", "p99", "slowest"),
    *("refused", "refused p99", "unclear", "MB", "recovered"),
)


@dataclass(slots=True)
class Overload:
    """How a server took two floods, one after the other.

    Attributes:
        contestant: Its name.
        callers: How many called at once.
        per_second: Calls with a result, a second.
        served: Seconds that each call with a result took.
        refused: Seconds that each call without one took: HTTP 429 or 503, or a result that says to ask later.
        unclear: Refusals by HTTP without a `Retry-After`, and connections that ended without an answer.
        memory: Megabytes before the floods, and after each of them.
        recovered: Seconds from the end of the first flood, when all callers went away in the middle of their calls,
            until a call alone took no more than twice as long as before.
    """

    contestant: str
    callers: int
    per_second: float = 0.0
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    unclear: int = 0
    memory: list[float] = field(default_factory=list)
    recovered: float = 0.0


def overloads(contestants: Sequence[Contestant], orders: int, *, quick: bool = False) -> list[Overload]:
    """Flood everybody; then ours with tokens, 16 callers to one, and in front of an API that is slow and limited.

    Args:
        contestants: Who is called, ours first.
        orders: How many the API has.
        quick: Flood ours alone, with few callers for a short time.
    """
    ours, seconds = contestants[0], _SECONDS
    with upstream("simulator", orders=orders) as address, TemporaryDirectory() as folder:
        if quick:
            return [overload(ours, address, CALLERS[0], _SECONDS / 2)]
        rows = [overload(each, address, callers, seconds) for callers in CALLERS for each in contestants]
        file = TokenFile(Path(folder) / "tokens.json")
        tokens = [file.add(f"caller{number}", ("orders:read", "org")) for number in range(_WITH_TOKENS)]
        more = {"NOMOS_MCP_TOKENS_FILE": f"{folder}/tokens.json"}
        known = replace(ours, name=f"{ours.name}, {_WITH_TOKENS} tokens", environment={**ours.environment, **more})
        rows.append(overload(known, address, CALLERS[-1], seconds, tokens))
    with upstream("simulator", orders=orders, latency=LATENCY, per_second=RATE) as address:
        more = {"BENCH_REQUESTS_PER_SECOND": str(RATE)}
        limited = replace(ours, name=f"{ours.name}, {RATE} requests a second", environment={**ours.environment, **more})
        rows += [overload(limited, address, callers, 2 * seconds) for callers in CALLERS]
    return rows


def overload(
    contestant: Contestant, address: str, callers: int, seconds: float = _SECONDS, tokens: Sequence[str] = ()
) -> Overload:
    """Let so many callers call at once, twice, and see what becomes of them and of the server.

    Args:
        contestant: Who is called.
        address: Of the API.
        callers: How many call at once, each one call after the other.
        seconds: How long each flood lasts.
        tokens: Bearer tokens of the callers, in turn; none by default.
    """
    ids, port = cycle(order_ids(address)), free_port()
    found = Overload(contestant.name, callers)
    with listening((*contestant.tuned, str(port)), contestant.env(address), port) as process:
        asyncio.run(_floods(found, process.pid, port, contestant.argument, ids, seconds, cycle(tokens or [""])))
    return found


def overload_table(rows: Sequence[Overload]) -> Iterator[str]:
    """Return the lines of a table in Markdown."""
    yield from rows_table(_HEADS, [_cells(row) for row in rows])


def _cells(row: Overload) -> list[str]:
    times = [f"{1000 * percentile(row.served, share):.0f} ms" if row.served else "" for share in (0.5, 0.99, 1.0)]
    refused = f"{1000 * percentile(row.refused, 0.99):.0f} ms" if row.refused else ""
    memory = ", ".join(f"{each:.0f}" for each in row.memory)
    return [
        *(row.contestant, str(row.callers), f"{row.per_second:.1f}", *times),
        *(str(len(row.refused)), refused, str(row.unclear), memory, f"{row.recovered:.2f} s"),
    ]


async def _floods(
    found: Overload, pid: int, port: int, argument: str, ids: Iterator[str], seconds: float, tokens: Iterator[str]
) -> None:
    alone = await _Caller.connected(port, argument, next(tokens))
    usual = percentile([await _alone(alone, ids) for _ in range(_ALONE)], 0.5)
    alone.close()
    found.memory.append(resident(pid))
    for flood in range(2):
        tasks = [
            asyncio.create_task(_keep_calling(found, port, argument, ids, next(tokens))) for _ in range(found.callers)
        ]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        ended = time.perf_counter()
        alone = await _Caller.connected(port, argument, next(tokens))
        while await _alone(alone, ids) > 2 * usual:
            pass
        if not flood:
            found.recovered = time.perf_counter() - ended
        alone.close()
        found.memory.append(resident(pid))
    found.per_second = len(found.served) / (2 * seconds)


async def _keep_calling(found: Overload, port: int, argument: str, ids: Iterator[str], token: str) -> None:
    caller: _Caller | None = None
    try:
        while True:
            caller = caller or await _Caller.connected(port, argument, token)
            begun = time.perf_counter()
            try:
                status, again, body = await caller.call(next(ids))
            except (OSError, asyncio.IncompleteReadError):
                found.unclear += 1
                caller.close()
                caller = None
                continue
            took = time.perf_counter() - begun
            if status == _OK and b'"isError":true' not in body:
                found.served.append(took)
                continue
            found.refused.append(took)
            found.unclear += status != _OK and not again
            await asyncio.sleep(_PAUSE)
    finally:
        if caller is not None:
            caller.close()


async def _alone(caller: "_Caller", ids: Iterator[str]) -> float:
    """Return how long a call takes, with what it waits as long as it is refused."""
    begun = time.perf_counter()
    status, _, body = await caller.call(next(ids))
    if status == _OK and b'"isError":true' not in body:
        return time.perf_counter() - begun
    await asyncio.sleep(_PAUSE)
    return _PAUSE + time.perf_counter() - begun


class _Caller:
    """A connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, argument: str, head: str) -> None:
        self._reader, self._writer, self._argument, self._head = reader, writer, argument, head

    @classmethod
    async def connected(cls, port: int, argument: str, token: str) -> "_Caller":
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            "Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\n"
            f"{authorization}"
        )
        return cls(*await asyncio.open_connection("127.0.0.1", port), argument, head)

    async def call(self, order_id: str) -> tuple[int, bool, bytes]:
        """Read an order; return the status, whether there was a `Retry-After`, and the body."""
        params = {"name": "get_meter_order", "arguments": {self._argument: order_id}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        self._writer.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        return int(head.split(b" ", 2)[1]), b"\r\nretry-after:" in head, await self._body(head)

    async def _body(self, head: bytes) -> bytes:
        if b"\r\ncontent-length:" in head:
            length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            return await self._reader.readexactly(int(length))
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()
        return body

    def close(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()
