"""Carries out docs/proxy.md in a company's network: a proxy that decrypts, and an authority of the company's.

Nomos (the simulator) and a package index lie behind that proxy, with certificates of another authority that the proxy
alone trusts. `python -m tools.company_network PROXY WHEELS`: the program `proxy` of proxy.py, and the folder that the
page's first command without a network made.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import trustme
from mcp import Client, StdioServerParameters

from nomos_mcp.simulator import DEMO, Simulator
from tests.docs.blocks import blocks
from tests.serving import served

PROXY, AUTHORITY = "http://proxy.example.com:8080", "/etc/ssl/company-ca.pem"
NOWHERE = "https://127.0.0.1:1/simple"
NO_RETRIES = {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def index(folder: Path, wheels: Path, context: ssl.SSLContext) -> Iterator[str]:
    """Serve wheels as a package index over TLS; yield its address."""
    for wheel in wheels.glob("*.whl"):
        project = folder / "simple" / re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        project.mkdir(parents=True, exist_ok=True)
        shutil.copy(wheel, project)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://localhost:{server.server_port}/simple"
        server.shutdown()


@contextmanager
def decrypting(program: str, work: Path, company: trustme.CA, outside: Path) -> Iterator[str]:
    """Run a proxy that decrypts, with the company's authority, and that trusts those outside; yield its URL."""
    key, certificate, port = (work / name for name in ("company.key", "company-ca.pem", "port"))
    company.private_key_pem.write_to_path(str(key))
    command: list[str | Path] = [
        *(program, "--hostname", "127.0.0.1", "--port", "0", "--port-file", port, "--num-workers", "1"),
        *("--ca-key-file", key, "--ca-signing-key-file", key, "--ca-cert-file", certificate),
        *("--ca-cert-dir", work / "made", "--ca-file", outside, "--log-file", work / "proxy.log"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:  # noqa: S603  ours
        try:
            while not port.exists() or not port.read_text(encoding="utf-8").strip():
                assert process.poll() is None, "the proxy has ended"
            yield f"http://127.0.0.1:{port.read_text(encoding='utf-8').split()[0]}"
        finally:
            process.terminate()


def main(program: str, wheels: Path) -> int:
    """Carry out every block of the page but the one that made the wheels; return the exit code."""
    company, outside = trustme.CA(), trustme.CA()
    with TemporaryDirectory() as folder:
        work = Path(folder)
        company.cert_pem.write_to_path(str(work / "company-ca.pem"))
        outside.cert_pem.write_to_path(str(work / "outside.pem"))
        certificate = outside.issue_cert("localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(work / "localhost.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        with (
            index(work / "index", wheels, context) as packages,
            served(Simulator(), ssl_certfile=work / "localhost.pem") as nomos,
            decrypting(program, work, company, work / "outside.pem") as proxy,
        ):
            environ = {
                "PATH": f"{Path(program).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "NOMOS_BASE_URL": nomos.replace("http://127.0.0.1", "https://localhost"),
                "NOMOS_CLIENT_ID": DEMO.client_id,
                "NOMOS_CLIENT_SECRET": DEMO.client_secret,
                "PIP_INDEX_URL": packages,
                "UV_DEFAULT_INDEX": packages,
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            }
            written = [
                block.text.replace(PROXY, proxy).replace(AUTHORITY, str(work / "company-ca.pem"))
                for block in blocks("docs/proxy.md", "shell")
                if "pip wheel" not in block.text
            ]
            for number, commands in enumerate(written):
                _carry_out(commands, work, work / f"home-{number}", wheels, environ)
    return 0


def _carry_out(commands: str, work: Path, home: Path, wheels: Path, environ: Mapping[str, str]) -> None:
    """Run commands as the page has them, in a home of their own; before that without the company's authority."""
    home.mkdir()
    (home / "wheels").symlink_to(wheels.resolve())
    there = {**environ, "HOME": str(home), "PATH": f"{home}/.local/bin:{environ['PATH']}"}
    is_online = "HTTPS_PROXY" in commands
    if not is_online:
        there |= {"PIP_INDEX_URL": NOWHERE, "UV_DEFAULT_INDEX": NOWHERE}
    elif "config" not in commands:  # which asks nobody
        untrusted = _run(re.sub(r"export SSL_CERT_FILE=.*|--cert \S+", "", commands), home, {**there, **NO_RETRIES})
        told = [line for line in (untrusted.stdout + untrusted.stderr).splitlines() if "certificate" in line.lower()]
        assert untrusted.returncode, "it works without the company's authority"
        print(f"without the authority: {told[0].strip()[:150]}")
    before = _passed(work)
    done = _run(commands, home, there)
    assert done.returncode == 0, done.stdout + done.stderr
    desktop = home / ".config" / "Claude" / "claude_desktop_config.json"
    status = _asked(desktop) if desktop.exists() else ""
    until = time.monotonic() + 30  # the proxy writes its log when a connection has ended
    while is_online and _passed(work) == before:
        assert time.monotonic() < until, "nothing went through the proxy"
    print(f"{commands.splitlines()[-1]}: {'through the proxy' if is_online else 'without a network'} {status}".rstrip())


def _run(commands: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  the page's own commands, as people type them
        ["bash", "-euc", commands],  # noqa: S607  of this machine
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _asked(configuration: Path) -> str:
    """Start the server as an assistant would, with the environment that it is handed, and return an order's status."""
    entry = json.loads(configuration.read_text(encoding="utf-8"))["mcpServers"]["nomos"]

    async def asked() -> str:
        with anyio.fail_after(60):
            async with Client(StdioServerParameters(**entry)) as assistant:
                order = {"order_id": DEMO.orders["blocked_check_missing"]}
                answer = await assistant.call_tool("get_meter_order", order)
        assert not answer.is_error, answer.content
        return f"(get_meter_order: {(answer.structured_content or {})['order']['status']})"

    return anyio.run(asked)


def _passed(work: Path) -> int:
    """Count the connections that the proxy has finished."""
    log = work / "proxy.log"
    return log.read_text(encoding="utf-8").count("localhost:") if log.exists() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
