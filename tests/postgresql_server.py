"""A real PostgreSQL server of the tests' own, in a temporary folder."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

PASSWORD: Final = "invented-for-tests"
"""No message may show it."""

_PROGRAMS: Final = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin")


class PostgresqlServer:
    """Runs as the user `postgres` if we are root, whom PostgreSQL refuses to serve."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"

    @classmethod
    def create(cls) -> "PostgresqlServer":
        """Make one that is not started yet. Without PostgreSQL the test is skipped; in CI it fails."""
        if _program("initdb") is None:
            assert not os.environ.get("CI"), "PostgreSQL is not installed, and CI must not leave this out"
            pytest.skip("PostgreSQL is not installed")
        folder = Path(tempfile.mkdtemp(prefix="nomos-postgresql-"))
        if user := _user():
            shutil.chown(folder, user)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = cls(folder, listener.getsockname()[1])
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)  # nobody else gets into its folder
        login = ("-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}")
        server._run("initdb", "-D", "data", *login, "-E", "UTF8", "--no-sync", "--no-instructions")
        return server

    def start(self) -> None:
        # -F: nothing in it has to outlive the machine.
        options = f"-F -h 127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=60"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def _run(self, name: str, *arguments: str) -> None:
        program, user = _program(name), _user()
        assert program
        whose: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
        output = self.folder / "output"  # a file, as the server keeps what it inherits: a pipe would never end
        with output.open("a") as file:
            run = subprocess.run([program, *arguments], stdout=file, stderr=file, cwd=self.folder, check=False, **whose)
        assert run.returncode == 0, output.read_text()


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([*_PROGRAMS, os.environ.get("PATH", "")]))


def _user() -> str | None:
    """Whom PostgreSQL is to run as, if not as us."""
    return "postgres" if os.geteuid() == 0 else None
