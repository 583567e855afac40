"""Webhooks accepted in a second, each on disk before it is answered: `python -m benchmarks.measure_webhooks`."""

import hmac
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestants import Contestant
from benchmarks.measure_blocked import upstream
from benchmarks.wires import free_port, listening
from nomos_mcp.service.http_limits import WEBHOOKS_PER_SECOND

_SECRET = "whsec_of_the_benchmark"  # noqa: S105  of nobody
_PATH = "/webhooks/nomos"


def measure_webhooks(ours: Contestant, senders: Sequence[int], deliveries: int) -> Iterator[tuple[int, float, float]]:
    """Deliver new events to the server as a user starts it, with a history in SQLite.

    Yields:
        How many sent at once, the events accepted in a second, and the milliseconds until an answer, p50.
    """
    with upstream("simulator", orders=1) as address, TemporaryDirectory() as folder:
        port = free_port()
        env = ours.env(address, NOMOS_MCP_DATABASE=str(Path(folder) / "history.db"), NOMOS_MCP_WEBHOOK_SECRETS=_SECRET)
        with (
            listening((*ours.command, "http", "--port", str(port)), env, port),
            ThreadPoolExecutor(max(senders)) as pool,
        ):
            numbers = count()
            _sent(port, numbers, 5)
            for number in senders:
                begun = time.perf_counter()
                each = deliveries // number
                waits = sorted(chain.from_iterable(pool.map(partial(_sent, port, numbers), [each] * number)))
                yield number, len(waits) / (time.perf_counter() - begun), 1000 * waits[len(waits) // 2]


def _sent(port: int, numbers: Iterator[int], deliveries: int) -> list[float]:
    """Deliver so many events on one connection, and return the seconds that each took."""
    connection, seconds = HTTPConnection("127.0.0.1", port, timeout=30), []
    for _ in range(deliveries):
        context = {"subscription": "sub_1"}  # no order, so that nothing is read
        event = {"id": f"evt_{next(numbers)}", "topic": "subscription.activated", "context": context}
        body, moment = json.dumps(event).encode(), int(time.time())
        signed = hmac.digest(_SECRET.encode(), f"{moment}.".encode() + body, "sha256").hex()
        begun = time.perf_counter()
        connection.request("POST", _PATH, body, {"X-Nomos-Signature": f"t={moment},v1={signed}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status  # noqa: PLR2004
        seconds.append(time.perf_counter() - begun)
    connection.close()
    return seconds


def webhooks_lines(measured: Iterable[tuple[int, float, float]]) -> Iterator[str]:
    """Show what was measured, a line for each number of senders."""
    yield f"Webhooks accepted, each on disk in SQLite; the limit is {WEBHOOKS_PER_SECOND:.0f} a second:"
    yield ""
    for senders, per_second, p50 in measured:
        yield f"- {senders} at once: {per_second:.0f} a second, p50 {p50:.1f} ms"


def main() -> None:
    """Measure and print."""
    deliveries = int(sys.argv[1]) if sys.argv[1:] else 500
    ours = Contestant("nomos-mcp", (str(Path(sys.executable).parent / "nomos-mcp"),), ())
    for line in webhooks_lines(measure_webhooks(ours, (1, 4, 16), deliveries)):
        print(line)


if __name__ == "__main__":
    main()
