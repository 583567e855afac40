"""nginx before the replicas, as `deploy/nginx.conf` has it."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import trustme

from nomos_mcp.simulator.simulator_server import HOST
from tools.replicas.processes import Process, children, clean_environment, free_port

_FILE: Final = Path(__file__).parents[2] / "deploy" / "nginx.conf"
_SERVER: Final = re.compile(r"^ *server (?P<address>[\d.:]+)(?P<options>[^;\n]*);\n", re.MULTILINE)


class Nginx(Process):
    """nginx on a port of loopback, with a certificate of its own.

    Attributes:
        url: Where it serves MCP.
        verify: Trusts the certificate.
    """

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self._status_port = free_port()
        self._folder = folder / "nginx"
        self._folder.mkdir()
        self._file = self._folder / "nginx.conf"
        self.url = f"https://{HOST}:{self._port}/mcp"
        self.verify = ssl.create_default_context()
        authority = trustme.CA()
        authority.configure_trust(self.verify)
        certificate = authority.issue_cert(HOST)
        certificate.cert_chain_pems[0].write_to_path(self._folder / "certificate")
        certificate.private_key_pem.write_to_path(self._folder / "key")
        command = [program() or "nginx", "-p", str(self._folder), "-c", str(self._file)]
        super().__init__(folder, "nginx", command, clean_environment())

    def balance(self, ports: Sequence[int]) -> None:
        """Pass requests on to the replicas at these ports from now on, whether it runs already or not."""
        written = _FILE.read_text(encoding="utf-8")
        places = list(_SERVER.finditer(written))
        changed = {
            " /tmp/": f" {self._folder}/",
            "listen 8443 ssl": f"listen {HOST}:{self._port} ssl",
            "listen 127.0.0.1:8081": f"listen {HOST}:{self._status_port}",
            "/run/secrets/tls_certificate": str(self._folder / "certificate"),
            "/run/secrets/tls_key": str(self._folder / "key"),
            **{place[0]: "" for place in places[len(ports) :]},
            **{place["address"]: f"{HOST}:{port}" for place, port in zip(places, ports, strict=False)},
        }
        assert len(ports) <= len(places)
        for before, after in changed.items():
            assert before in written
            written = written.replace(before, after)
        self._file.write_text(f"daemon off;\n{written}", encoding="utf-8")
        if self.is_running:
            before_it = set(children(self.pid))
            os.kill(self.pid, signal.SIGHUP)
            while set(children(self.pid)) <= before_it:
                time.sleep(0.02)  # nothing tells it

    def wait_until_it_listens(self) -> None:
        """Wait until it accepts connections."""
        while self.is_running:
            with socket.socket() as connection:
                if connection.connect_ex((HOST, self._port)) == 0:
                    return
            time.sleep(0.02)  # it tells nobody that it listens
        raise RuntimeError(f"nginx did not start:\n{self.last_lines()}")

    def cut_connections(self, ports: Sequence[int]) -> int:
        """Reset its connections to replicas at these ports, and return how many there were.

        Where the kernel does not let us, its workers get SIGKILL: their connections end with them.
        """
        which = " or ".join(f"dport = :{port}" for port in ports)
        with suppress(FileNotFoundError):
            command = ["ss", "--no-header", "--kill", "state", "established", f"( {which} )"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own command
            if lines := done.stdout.splitlines():
                return len(lines)
        workers = children(self.pid)
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        return len(workers)


def program() -> str | None:
    """Return where nginx is installed, if it is."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
