"""A real nginx, for as long as a test lasts."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def nginx(folder: Path, configuration: str, port: int) -> Iterator[None]:
    """Run it with a complete configuration, which keeps it in the foreground.

    Args:
        folder: For its configuration and its log.
        configuration: What `nginx.conf` holds.
        port: Where it says that it listens.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        assert not os.environ.get("CI"), "nginx is not installed, and CI must not leave this out"
        pytest.skip("nginx is not installed")
    file = folder / "nginx.conf"
    file.write_text(configuration, encoding="utf-8")
    with (folder / "nginx.log").open("w") as log:
        started = subprocess.Popen([program, "-p", str(folder), "-c", str(file)], stdout=log, stderr=log)
    try:
        while started.poll() is None:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)  # it tells nobody that it listens
        assert started.poll() is None, (folder / "nginx.log").read_text(encoding="utf-8")
        yield
    finally:
        started.terminate()
        started.wait(timeout=10)
