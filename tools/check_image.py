"""Run what an image runs, as it does: nobody's user, files that are not its own, no home, no variables. Linux, as root.

`python -m tools.check_image ENVIRONMENT`, the folder that `deploy/build.sh` made. It asks the server through a real
client and as `deploy/Dockerfile` asks for its health, ends it, and fails if it wrote a file anywhere but where it may.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import anyio
from mcp import Client

from nomos_mcp.simulator import DEMO

_DOCKERFILE: Final = Path(__file__).resolve().parent.parent / "deploy" / "Dockerfile"
_DEADLINE: Final = 60.0  # seconds
_SHARED: Final = ("/dev/shm", "/run", "/tmp", "/var")  # noqa: S108  where anybody may write somewhere


async def ask(url: str) -> str:
    """Ask why a smart meter is blocked; return whose turn it is."""
    with anyio.fail_after(_DEADLINE):
        async with Client(f"{url}/mcp") as client:
            order = {"order_id": DEMO.orders["blocked_check_missing"]}
            answer = (await client.call_tool("get_meter_order", order)).structured_content or {}
    turn: str = answer["explanation"]["waiting_on"]
    return turn


def main() -> int:
    """Check; return the exit code."""
    environment, dockerfile = Path(sys.argv[1]), _DOCKERFILE.read_text(encoding="utf-8")
    user = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[0]
    health = json.loads(re.findall(r"^HEALTHCHECK .* CMD (\[.*?\])$", dockerfile.replace("\\\n", ""), re.MULTILINE)[0])
    command = json.loads(re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[0])
    alone = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups", "--no-new-privs"]
    alone += ["--bounding-set=-all", "env", "-i", f"PATH={environment}/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103  PTH101  the server has to see it, and may not write
        # Only here is another address needed: without authentication the server binds to no other.
        started = subprocess.Popen(  # noqa: S603  ours
            [*alone, "nomos-mcp", *command, "--host", "127.0.0.1", "--port", "0", "--demo"],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert started.stderr
            line = started.stderr.readline()
            url = line.rpartition(" ")[2].removesuffix("/mcp\n")
            assert url.startswith("http://"), line
            port = url.rpartition(":")[2]
            assert anyio.run(ask, url) == "customer"
            asked = [word.replace("8000", port) for word in health]
            subprocess.run([*alone, *asked], cwd="/", check=True)  # noqa: S603  as above
            absent = [word.replace("8000", "1") for word in health]
            assert subprocess.run([*alone, *absent], cwd="/", check=False, stderr=subprocess.DEVNULL).returncode  # noqa: S603
            made = ["find", *_SHARED, str(environment), "-xdev", "-uid", user[0]]
            written = subprocess.run(made, capture_output=True, text=True, check=False).stdout.split()  # noqa: S603
        finally:
            started.send_signal(signal.SIGTERM)
            started.communicate(timeout=_DEADLINE)
    assert started.returncode == 0, started.returncode
    assert not written, written
    print("the image's server answers a client and its health check, wrote no file, and ended with 0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
