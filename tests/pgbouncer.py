"""A real PgBouncer before a PostgreSQL server."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import pytest

from tests.postgresql_server import as_postgres

_CONFIGURATION: Final = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = 2
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(server: str, mode: Literal["transaction", "session"]) -> Iterator[str]:
    """Run one before a database for as long as the block lasts; yields the URL of the database behind it."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        assert not os.environ.get("CI"), "PgBouncer is not installed, and CI must not leave this out"
        pytest.skip("PgBouncer is not installed")
    real = urlsplit(server)
    folder = Path(tempfile.mkdtemp(prefix="nomos-pgbouncer-"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        _CONFIGURATION.format(
            host=real.hostname,
            port=real.port,
            user=real.username,
            password=real.password,
            listens=port,
            mode=mode,
            folder=folder,
        )
    )
    whose = as_postgres()
    if whose:
        shutil.chown(folder, "postgres")
        shutil.chown(configuration, "postgres")
    process = subprocess.Popen([program, "-q", str(configuration)], cwd=folder, **whose)
    try:
        while process.poll() is None:
            with socket.socket() as connection:
                if not connection.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.02)  # nothing tells it
        assert process.poll() is None, (folder / "log").read_text()
        yield f"{real.scheme}://{real.username}:{real.password}@127.0.0.1:{port}{real.path}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
