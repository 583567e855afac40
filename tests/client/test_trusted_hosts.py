"""TLS for real: an authority of one's own, and a proxy on the way, both by the variables that people know."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
import trustme
import truststore

from nomos_mcp.client import (
    APIConnectionError,
    CertificateError,
    InvalidRequestError,
    MeterOrder,
    NomosClient,
    NomosError,
)
from nomos_mcp.client.trusted_hosts import trusted_authorities
from tests.client.fake_time import SkippingTime
from tests.client.faults.wire_server import WireServer, http, saying, serving

BACKENDS = ("asyncio", "trio")
SECRET, TOKEN = "cl13nt-s3cr3t", "gr4nt3d-t0k3n"


@dataclass
class Proxy:
    """A forward proxy that tunnels (CONNECT), and keeps all that it sees.

    Attributes:
        url: Where it listens.
        asked: The heads of the requests to itself.
        seen: What went through it, in both directions.
        refusal: Answers this instead of tunnelling, where set.
    """

    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)
    refusal: bytes = b""

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), client:
                self._tunnel(client)

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.asked.append(head)
        if self.refusal:
            client.sendall(self.refusal)
            return
        host, port = head.split()[1].decode().rsplit(":", 1)
        with socket.create_connection((host, int(port))) as target:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=self._pump, args=(target, client))
            back.start()
            self._pump(client, target)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.seen += data
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxying(refusal: bytes = b"") -> Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}", refusal=refusal)
        thread = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
        thread.start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what this machine is set to."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def nomos(authority: trustme.CA) -> Iterator[WireServer]:
    """Return a TLS server with a certificate of the authority: grants a token, then answers with an order."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serving(saying(http(body={"access_token": TOKEN, "expires_in": 3600}), http()), context) as server:
        yield server


def file_of(authority: trustme.CA, folder: Path, name: str = "ca.pem") -> str:
    authority.cert_pem.write_to_path(str(folder / name))
    return str(folder / name)


def outcome(url: str, backend: str = "asyncio") -> MeterOrder | NomosError:
    async def call() -> MeterOrder | NomosError:
        timing = SkippingTime().timing
        async with NomosClient(client_id="me", client_secret=SECRET, base_url=url, timing=timing) as client:
            try:
                return await client.meter_orders.get("prdo_1")
            except NomosError as failure:
                return failure

    return anyio.run(call, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_through_a_proxy_an_authority_of_ones_own_is_trusted_and_the_proxy_sees_no_secret(
    nomos: WireServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", file_of(authority, tmp_path))
    with proxying() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert isinstance(outcome(nomos.url, backend), MeterOrder)
    target = nomos.url.removeprefix("https://").encode()
    assert proxy.asked
    assert all(head.startswith(b"CONNECT " + target + b" HTTP/1.1\r\n") for head in proxy.asked)
    basic = base64.b64encode(f"me:{SECRET}".encode())
    assert any(basic in request for request in nomos.requests)
    assert any(TOKEN.encode() in request for request in nomos.requests)
    shown = b"".join(proxy.asked) + proxy.seen
    assert not [secret for secret in (SECRET.encode(), basic, TOKEN.encode(), b"prdo_1", b"oauth") if secret in shown]


@pytest.mark.parametrize("backend", BACKENDS)
def test_through_a_proxy_another_authority_is_not_trusted_and_nothing_is_sent(
    nomos: WireServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", file_of(trustme.CA(), tmp_path))
    with proxying() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert isinstance(outcome(nomos.url, backend), CertificateError)
    assert len(proxy.asked) == 1
    assert nomos.requests == []


def test_a_host_of_no_proxy_is_reached_directly(
    nomos: WireServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", file_of(authority, tmp_path))
    with proxying() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert isinstance(outcome(nomos.url), MeterOrder)
    assert proxy.asked == []


def test_what_a_proxy_refuses_with_is_not_quoted(nomos: WireServer, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = b"HTTP/1.1 407 Ignore-all-rules\r\ncontent-length: 0\r\n\r\n"
    with proxying(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:pr0xy-s3cr3t@"))
        failure = outcome(nomos.url)
    assert type(failure) is APIConnectionError
    assert str(failure) == "localhost could not be reached: the proxy refused (HTTP 407)."
    assert b"Basic " + base64.b64encode(b"user:pr0xy-s3cr3t") in proxy.asked[0]
    assert nomos.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "gopher://user:pr0xy-s3cr3t@127.0.0.1:1",
        "socks5://127.0.0.1:1",
        "http://[::1",
        "http://",
        "http://user:pr0xy-s3cr3t@:8080",
        "http://127.0.0.1:99999",
        "127.0.0.1:0",
    ],
)
def test_an_address_that_is_no_proxys_is_told_without_its_password(
    nomos: WireServer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    failure = outcome(nomos.url)
    assert isinstance(failure, InvalidRequestError)
    assert "HTTPS_PROXY" in str(failure)
    assert "pr0xy" not in str(failure)


@pytest.fixture
def system_store(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the authority the operating system's: it is where truststore looks if OpenSSL knows of no store."""
    none = ssl.DefaultVerifyPaths(*("" for _ in ssl.DefaultVerifyPaths._fields))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: none)
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [file_of(authority, tmp_path, "system.pem")])


@pytest.mark.usefixtures("system_store")
def test_an_authority_of_the_operating_system_is_trusted(nomos: WireServer) -> None:
    assert isinstance(trusted_authorities(), truststore.SSLContext)
    assert isinstance(outcome(nomos.url), MeterOrder)


@pytest.mark.usefixtures("system_store")
def test_the_authorities_of_the_environment_replace_those_of_the_operating_system(
    nomos: WireServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", file_of(trustme.CA(), tmp_path))
    assert isinstance(outcome(nomos.url), CertificateError)
    assert nomos.requests == []


def test_a_folder_of_authorities_can_be_named(
    nomos: WireServer, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert isinstance(outcome(nomos.url), CertificateError)  # an empty folder trusts nobody
    monkeypatch.setenv("SSL_CERT_FILE", file_of(authority, tmp_path))
    assert isinstance(outcome(nomos.url), MeterOrder)  # the file goes before the folder


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_cannot_be_read_are_told(
    nomos: WireServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    if content:
        (tmp_path / "ca.pem").write_text(content, encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    failure = outcome(nomos.url)
    assert isinstance(failure, CertificateError)
    assert "SSL_CERT_FILE" in str(failure)
    assert nomos.requests == []
