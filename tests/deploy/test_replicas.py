"""Three replicas as `deploy/compose.yaml` starts them, behind nginx as `deploy/nginx.conf` says, on one PostgreSQL."""

import asyncio
import os
import re
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import anyio
import asyncpg  # type: ignore[import-untyped]  # it ships no types
import httpx
import httpx2
import pytest
import trustme
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from nomos_mcp.simulator import DEMO, Fault, Simulator
from tests.databases import new_database
from tests.deploy.files import compose, compose_environment, text
from tests.nginx import free_port, nginx
from tests.service.authority import ISSUER, PUBLIC_URL, Authority, token
from tests.service.processes import Process
from tests.service.wire import request
from tests.serving import served

pytestmark = pytest.mark.slow

HOST = "mcp.example.com"
INSIDE = ("172.30.17.11:8000", "172.30.17.12:8000", "172.30.17.13:8000")
ORDER = DEMO.orders["installed"]


class Deployment:
    """Three replicas behind nginx.

    Attributes:
        url: What callers use.
        verify: Trusts the certificate.
        simulator: What the replicas ask.
        replicas: Their processes.
        reached: Set once a request waits in the simulator for what a fault's delay stands for: the end of the test.
    """

    def __init__(self, url: str, verify: ssl.SSLContext) -> None:
        self.url, self.verify = url, verify
        self.simulator = Simulator(sleep=self._hold)
        self.reached, self._released = threading.Event(), threading.Event()
        self.environment: dict[str, str] = {}
        self._ports = [free_port() for _ in INSIDE]
        self.replicas: list[Process] = []

    @property
    def ports(self) -> dict[str, str]:
        """By the addresses of the file, those that the replicas have here."""
        return {inside: f"127.0.0.1:{port}" for inside, port in zip(INSIDE, self._ports, strict=True)}

    def start(self) -> None:
        with ThreadPoolExecutor(len(INSIDE)) as threads:
            self.replicas = list(threads.map(self._started, self._ports))

    def restart(self, number: int) -> None:
        self.replicas[number] = self._started(self._ports[number])

    def kill(self, number: int) -> str:
        """Kill a replica; return what it has written."""
        self.replicas[number].end(signal.SIGKILL)
        return self.replicas[number].said

    def pause(self, number: int) -> None:
        os.kill(self.replicas[number].pid, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        os.kill(self.replicas[number].pid, signal.SIGCONT)

    def end(self) -> None:
        self._released.set()
        for replica in self.replicas:
            replica.end(signal.SIGKILL)

    def call(self, tool: str = "explain_status", timeout: float = 30, **arguments: str) -> int:
        """Call a tool on a new connection; return the HTTP status, or 0 if there was no answer in time."""
        params = {"name": tool, "arguments": arguments or {"status": "blocked"}}
        sent = request(self.url, "tools/call", params, modern=True, token=token(), more={"host": HOST})
        with httpx.Client(verify=self.verify, timeout=timeout) as http:
            try:
                return http.send(sent).status_code
            except httpx.TimeoutException:
                return 0

    async def _hold(self, _: float) -> None:
        self.reached.set()
        await anyio.to_thread.run_sync(self._released.wait)

    def _started(self, port: int) -> Process:
        process = Process("--port", str(port), **self.environment)
        assert process.url, process.said
        return process


@pytest.fixture(scope="module")
def deployment(postgresql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Each test leaves it with three replicas that serve."""
    folder = tmp_path_factory.mktemp("nginx")
    authority = trustme.CA()
    verify = ssl.create_default_context()
    authority.configure_trust(verify)
    port = free_port()
    made = Deployment(f"https://127.0.0.1:{port}", verify)
    with (
        new_database(postgresql_url) as database,
        served(Authority()) as keys,
        served(made.simulator) as upstream,
        ExitStack() as ending,
    ):
        values = {
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_MCP_STATE_KEY": "invented" * 8,
            "NOMOS_MCP_PUBLIC_URL": PUBLIC_URL,
            "NOMOS_MCP_AUTH_ISSUER": ISSUER,
            "NOMOS_MCP_AUTH_JWKS_URL": f"{keys}/jwks",
        }
        here = {"NOMOS_MCP_DATABASE": database, "NOMOS_BASE_URL": upstream, "NOMOS_MCP_CALLS_PER_MINUTE": "60000"}
        made.environment = {**compose_environment("replica1", values), **here}
        ending.callback(made.end)
        made.start()
        with nginx(folder, _configuration(folder, authority, port, made.ports), port):
            yield made


def _configuration(folder: Path, authority: trustme.CA, port: int, addresses: dict[str, str]) -> str:
    """Return the file as it is, but for addresses, the certificate and paths."""
    certificate = authority.issue_cert(HOST, "127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate")
    certificate.private_key_pem.write_to_path(folder / "key")
    changed = {
        " /tmp/": f" {folder}/",  # before the others, which may be there
        **addresses,
        "listen 8443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen 127.0.0.1:8081": f"listen 127.0.0.1:{free_port()}",
        "/run/secrets/tls_certificate": str(folder / "certificate"),
        "/run/secrets/tls_key": str(folder / "key"),
    }
    written = text("nginx.conf")
    for before, after in changed.items():
        assert before in written
        written = written.replace(before, after)
    return f"daemon off;\n{written}"


def connections(database: str) -> int:
    """Count the connections to a database, but for the one that asks."""

    async def count() -> int:
        connection = await asyncpg.connect(database)
        try:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            return int(await connection.fetchval(query)) - 1
        finally:
            await connection.close()

    return asyncio.run(count())


def memory_of(process: int) -> int:
    """Return the bytes of a process that are in memory."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024


async def test_a_real_client_is_answered_and_hears_through_nginx(deployment: Deployment) -> None:
    headers = {"host": HOST, "authorization": f"Bearer {token()}"}
    with anyio.fail_after(60):
        async with (
            httpx2.AsyncClient(headers=headers, verify=deployment.verify) as http,
            Client(streamable_http_client(f"{deployment.url}/mcp", http_client=http)) as client,
        ):
            answer = (await client.call_tool("get_meter_order", {"order_id": ORDER})).structured_content
            assert answer
            assert answer["order"]["status"] == "installed"
            async with client.listen(resource_subscriptions=["nomos://changes"]):
                pass  # it is open once the first event came through


def test_health_and_metrics_are_not_shown_outside(deployment: Deployment) -> None:
    with httpx.Client(verify=deployment.verify, headers={"host": HOST}) as http:
        for path in ("metrics", "readyz", "healthz", "", "mcp/x"):
            assert http.get(f"{deployment.url}/{path}").status_code == 404
        metadata = http.get(f"{deployment.url}/.well-known/oauth-protected-resource/mcp")
        assert metadata.json()["resource"] == PUBLIC_URL
        assert len(metadata.headers["x-request-id"]) == 32


def test_every_replica_gets_calls_and_a_killed_one_is_not_noticed(deployment: Deployment) -> None:
    assert [deployment.call() for _ in range(12)] == [200] * 12
    killed = deployment.kill(0)
    assert killed.count('"event":"call"') in range(2, 7)  # in turn, unless a connection ended late
    assert [deployment.call() for _ in range(12)] == [200] * 12
    deployment.restart(0)


def test_replicas_that_are_replaced_one_by_one_lose_no_call(deployment: Deployment) -> None:
    replaced = threading.Event()

    def ask() -> list[int]:
        answers = []
        while not replaced.is_set():
            answers.append(deployment.call())
        return answers

    with ThreadPoolExecutor(4) as threads:
        callers = [threads.submit(ask) for _ in range(4)]
        try:
            for number in range(len(INSIDE)):
                assert deployment.replicas[number].end() == 0
                deployment.restart(number)
        finally:
            replaced.set()
    answers = [each for caller in callers for each in caller.result()]
    assert set(answers) == {200}, Counter(answers)


def test_replicas_keep_to_the_connections_and_the_memory_that_they_are_given(deployment: Deployment) -> None:
    with ThreadPoolExecutor(64) as threads:
        calls = [threads.submit(deployment.call, "list_order_changes", limit="100") for _ in range(256)]
        most = 0
        while not all(each.done() for each in calls):
            most = max(most, connections(deployment.environment["NOMOS_MCP_DATABASE"]))
    assert {each.result() for each in calls} == {200}
    assert 0 < most <= len(INSIDE) * (5 + 1)
    limit: str = compose()["services"]["replica1"]["deploy"]["resources"]["limits"]["memory"]
    for replica in deployment.replicas:
        assert memory_of(replica.pid) < int(limit.removesuffix("M")) * 2**20 / 2


def test_a_replica_that_hangs_is_given_hardly_any_more_calls(deployment: Deployment) -> None:
    deployment.pause(2)
    with ThreadPoolExecutor(12) as threads:
        calls = []
        for _ in range(12):
            calls.append(threads.submit(deployment.call, timeout=170))
            wait(calls[-1:], timeout=5)  # one after the other, but for those that hang
        hang = sum(not each.done() for each in calls)
        deployment.resume(2)
        assert [each.result() for each in calls] == [200] * 12
    assert hang <= 2  # in turn it would be four


def test_a_call_that_reached_a_replica_is_not_sent_to_another(deployment: Deployment) -> None:
    deployment.simulator.faults.add(Fault(kind="delay", path="/meter-orders/*", seconds=1, count=1))
    deployment.pause(0)
    deployment.pause(1)
    with ThreadPoolExecutor(20) as threads:
        calls: list[Future[int]] = []
        while sum(not each.done() for each in calls) < 2:  # one hangs at each of the two, so the next goes to the third
            calls.append(threads.submit(deployment.call, timeout=170))
            wait(calls[-1:], timeout=3)
        asked = threads.submit(deployment.call, "get_meter_order", 170, order_id=ORDER)
        deployment.reached.wait()
        deployment.resume(0)
        deployment.resume(1)
        assert [each.result() for each in calls] == [200] * len(calls)
        deployment.kill(2)
        assert asked.result() == 502
    deployment.restart(2)
