"""The PostgreSQL server of the tests does not outlive them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.postgresql_server import PostgresqlServer

USER = """
import sys
from pathlib import Path
from tests.postgresql_server import PostgresqlServer
server = PostgresqlServer(Path(sys.argv[1]), 0) if sys.argv[1:] else PostgresqlServer.create()
server.use() if sys.argv[1:] else server.start()
print(server.folder, flush=True)
sys.stdin.read()
"""


def user(*folder: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", USER, *folder]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_a_server_ends_when_the_last_one_who_uses_it_was_killed() -> None:
    if not PostgresqlServer.is_installed():
        assert not os.environ.get("CI")
        pytest.skip("PostgreSQL is not installed")
    first = user()
    assert first.stdout
    folder = Path(first.stdout.readline().strip())
    second = user(str(folder))
    assert second.stdout
    assert second.stdout.readline()
    port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[3])
    for process in (first, second):
        assert answers(port)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    while folder.exists():
        time.sleep(0.05)  # nothing tells it
    assert not answers(port)
