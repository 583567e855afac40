"""Everything that runs in the check, as real processes on loopback: upstream, PostgreSQL, replicas, nginx.

Each replica has a folder and a port of its own and shares nothing with the others but PostgreSQL, as if it were on a
machine of its own. Every process is ended by its ID.
"""

import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nomos_mcp.server.request_context import ORDERS_READ, ORDERS_WRITE, ORG
from nomos_mcp.service.token_file import TokenFile
from nomos_mcp.simulator import DEMO
from tests.postgresql_server import PASSWORD, PostgresqlServer
from tools.replicas.nginx import Nginx, program as nginx_program
from tools.replicas.processes import LAST_LINES, Process, Replica, children, clean_environment, is_alive


def missing_programs() -> list[str]:
    """Return the names of the programs that have to be installed and are not."""
    found = {"nginx": nginx_program() is not None, "PostgreSQL": PostgresqlServer.is_installed()}
    return [name for name, is_there in found.items() if not is_there]


class Deployment:
    """All of them.

    Attributes:
        nginx: Where callers connect to.
        upstream_url: Where upstream is, once it runs.
        tokens: A token for each caller, in their order, and one more.
        keeps_logs: Whether the logs are to be kept, because a promise was broken.
    """

    def __init__(self, folder: Path, *, replicas: int, callers: int, with_database: bool, latency: float) -> None:
        self.folder = folder
        self.keeps_logs = False
        upstream = [sys.executable, "-m", "tools.replicas.upstream", str(folder), str(latency)]
        self.upstream = Process(folder, "upstream", upstream, clean_environment())
        self.database = PostgresqlServer.create() if with_database else None
        self.tokens: list[str] = []
        self.replicas: list[Replica] = []
        self._callers = callers
        self._count = replicas
        self.upstream_url = ""
        self.nginx = Nginx(folder)

    def start(self) -> None:
        """Start all of it, and wait until it serves."""
        self.upstream.start()
        self.upstream.wait_for("http://")
        self.upstream_url = self.upstream.text().split()[0]
        if self.database:
            self.database.start()
        self._make_replicas()
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            replica.wait_until_it_listens()
        self.balance(self._count)
        self.nginx.start()
        self.nginx.wait_until_it_listens()

    def _make_replicas(self) -> None:
        file = TokenFile(self.folder / "tokens.json")
        scopes = (ORDERS_READ, ORDERS_WRITE, ORG)
        self.tokens = [file.add(f"caller-{number}", scopes) for number in range(self._callers + 1)]
        shared = {
            "NOMOS_CLIENT_ID": DEMO.client_id,
            "NOMOS_CLIENT_SECRET": DEMO.client_secret,
            "NOMOS_BASE_URL": self.upstream_url,
            "NOMOS_MCP_STATE_KEY": secrets.token_hex(32),
        }
        if self.database:
            shared |= {"NOMOS_MCP_DATABASE": self.database.url, "NOMOS_MCP_REPLICAS": str(self._count)}
        for number in range(1, self._count + 1):
            tokens = self.folder / f"replica-{number}.tokens.json"
            shutil.copyfile(self.folder / "tokens.json", tokens)
            own = {**clean_environment(), **shared, "NOMOS_MCP_TOKENS_FILE": str(tokens)}
            self.replicas.append(Replica(self.folder, number, own))

    def balance(self, replicas: int) -> None:
        """Let nginx pass requests on to the first so many replicas."""
        self.nginx.balance([replica.port for replica in self.replicas[:replicas]])

    def postgresql_processes(self) -> list[int]:
        """Return the IDs of all processes of PostgreSQL, the first one first; none if it does not run."""
        if not self.database:
            return []
        file = self.database.folder / "data" / "postmaster.pid"
        if not file.exists():
            return []
        first = int(file.read_text().split()[0])
        return [first, *children(first)] if Path(f"/proc/{first}").exists() else []

    def kill_postgresql(self) -> None:
        """Send SIGKILL to all processes of PostgreSQL at once, and wait until they are gone."""
        first = self.postgresql_processes()[0]
        os.kill(first, signal.SIGSTOP)  # so that it starts no other process meanwhile, which would live on
        pids = [first, *children(first)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(is_alive(pid) for pid in pids):
            time.sleep(0.02)  # they are nobody's children here
        # Whoever has become its parent may not have noticed yet, and PostgreSQL then takes it for running.
        if self.database:
            (self.database.folder / "data" / "postmaster.pid").unlink()
            (self.database.folder / f".s.PGSQL.{self.database.port}.lock").unlink(missing_ok=True)

    def reconcile(self) -> None:
        """Look for the orders of open attempts, as an operator does."""
        command = [sys.executable, "-m", "nomos_mcp", "orders", "reconcile"]
        reconciling = Process(self.folder, "reconcile", command, self.replicas[0].environment)
        reconciling.start()
        reconciling.wait_until_it_ended()

    def cut_connections(self) -> int:
        """Reset the connections from nginx to the replicas, and return how many there were."""
        return self.nginx.cut_connections([replica.port for replica in self.replicas])

    def end(self) -> None:
        """End whatever runs."""
        for process in (self.nginx, *self.replicas):
            process.ask_to_end()
        for process in (self.nginx, *self.replicas, self.upstream):
            process.end()
        if self.database:
            if self.postgresql_processes():
                self.database.stop()
            shutil.copyfile(self.database.folder / "log", self.folder / "postgresql.log")
            self.database.remove()

    def logs(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the end of the log of each process."""
        for file in sorted(self.folder.glob("*.log")):
            yield file.stem, "\n".join(file.read_text(errors="replace").splitlines()[-LAST_LINES:])

    def said(self) -> str:
        """Return what all replicas have written."""
        return "".join(replica.text() for replica in self.replicas)

    def secrets(self) -> list[str]:
        """Return what no log and no answer may show."""
        return [PASSWORD, DEMO.client_secret, *self.tokens]


@contextmanager
def deployed(
    *, replicas: int = 3, callers: int, with_database: bool = True, latency: float = 0.05
) -> Iterator[Deployment]:
    """Run everything for as long as the block lasts. If it fails, the logs are kept and their ends printed."""
    folder = Path(tempfile.mkdtemp(prefix="nomos-replicas-"))
    folder.chmod(0o711)  # nginx's worker is nobody
    deployment = Deployment(folder, replicas=replicas, callers=callers, with_database=with_database, latency=latency)
    try:
        deployment.start()
        yield deployment
    except BaseException:
        deployment.keeps_logs = True
        raise
    finally:
        deployment.end()
        if deployment.keeps_logs:
            for name, text in deployment.logs():
                print(f"--- the last lines of {name}\n{text}", file=sys.stderr)
            print(f"--- all logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
