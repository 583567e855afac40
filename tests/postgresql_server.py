"""A real PostgreSQL server of the tests' own, in a temporary folder. It ends when all who use it have ended or died."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest

PASSWORD: Final = "invented-for-tests"
"""No message may show it."""

_USERS: Final = "users"
"""A file that everybody who uses the server holds locked."""

_PROGRAMS: Final = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin")


class PostgresqlServer:
    """Runs as the user `postgres` if we are root, whom PostgreSQL refuses to serve."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"

    @classmethod
    def create(cls) -> "PostgresqlServer":
        """Make one that is not started yet. Without PostgreSQL the test is skipped; in CI it fails."""
        if not cls.is_installed():
            assert not os.environ.get("CI"), "PostgreSQL is not installed, and CI must not leave this out"
            pytest.skip("PostgreSQL is not installed")
        folder = Path(tempfile.mkdtemp(prefix="nomos-postgresql-"))
        if user := _user():
            shutil.chown(folder, user)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = cls(folder, listener.getsockname()[1])
        server.use()
        watchdog = [sys.executable, "-m", "tests.postgresql_server", str(folder), str(server.port)]
        nothing = subprocess.DEVNULL
        where = Path(__file__).parents[1]
        subprocess.run(watchdog, cwd=where, stdin=nothing, stdout=nothing, stderr=nothing, check=True)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)  # nobody else gets into its folder
        login = ("-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password}")
        server._run("initdb", "-D", "data", *login, "-E", "UTF8", "--no-sync", "--no-instructions")
        return server

    @staticmethod
    def is_installed() -> bool:
        return _program("initdb") is not None

    def start(self) -> None:
        # -F: nothing in it has to outlive the machine.
        options = f"-F -h 127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=60"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def send_signal(self, process: int, number: signal.Signals) -> None:
        """Send a signal to one of its processes."""
        assert Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"postgres"), "it is somebody else's"
        os.kill(process, number)

    def use(self) -> None:
        """Keep it running until this process ends, however it ends."""
        import fcntl  # noqa: PLC0415  not on Windows

        fcntl.flock(os.open(self.folder / _USERS, os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)  # it is never closed

    def remove(self) -> None:
        shutil.rmtree(self.folder)

    def end_when_unused(self) -> None:
        """Wait, in a process of its own, until nobody uses it; the kernel gives back the locks of those who died."""
        import fcntl  # noqa: PLC0415  as above

        with (self.folder / _USERS).open("ab") as users:
            if os.fork():
                return
            os.setsid()
            fcntl.flock(users, fcntl.LOCK_EX)
            if (self.folder / "data" / "postmaster.pid").exists():
                self.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, name: str, *arguments: str) -> None:
        program = _program(name)
        assert program
        whose = as_postgres()
        output = self.folder / "output"  # a file, as the server keeps what it inherits: a pipe would never end
        with output.open("a") as file:
            run = subprocess.run([program, *arguments], stdout=file, stderr=file, cwd=self.folder, check=False, **whose)
        assert run.returncode == 0, output.read_text()


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([*_PROGRAMS, os.environ.get("PATH", "")]))


def as_postgres() -> dict[str, Any]:
    """Return how to start what does not run as root."""
    user = _user()
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def _user() -> str | None:
    """Whom PostgreSQL is to run as, if not as us."""
    return "postgres" if os.geteuid() == 0 else None


if __name__ == "__main__":
    PostgresqlServer(Path(sys.argv[1]), int(sys.argv[2])).end_when_unused()
