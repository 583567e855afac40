"""The issuer's keys: asked for sparingly, and what happens if they cannot be had."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.warnings import InsecureKeyLengthWarning

from nomos_mcp.service.authentication import JwtVerifier
from nomos_mcp.service.authorization import InvalidTokenError, TokenCheckUnavailableError
from nomos_mcp.service.http_limits import KEYS_FETCH_INTERVAL, KEYS_FRESH
from nomos_mcp.service.jwks import FetchError, JwksCache, fetch
from tests.client.faults.wire_server import http, saying, serving
from tests.service.authority import EC_KEY, RSA_KEY, STRANGER, Authority, as_jwk, settings, token
from tests.serving import served


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def keys_url(authority: Authority) -> Iterator[str]:
    with served(authority) as url:
        yield url


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()
        self.now += seconds


@pytest.mark.parametrize("trusted", [True, False])
async def test_the_issuers_certificate_is_verified_as_that_of_nomos_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, trusted: bool
) -> None:
    own = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.issue_cert("localhost").configure_cert(context)
    (own if trusted else trustme.CA()).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with serving(saying(http(body={"keys": []})), context) as server:
        if trusted:
            assert await fetch(server.url) == b'{"keys": []}'
        else:
            with pytest.raises(FetchError, match="ConnectError"):
                await fetch(server.url)


async def test_keys_in_plain_http_come_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could hand out keys of its own."""
    with serving(saying(http())) as proxy, serving(saying(http(body={"keys": []}))) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert await fetch(server.url) == b'{"keys": []}'
    assert proxy.requests == []


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1", "http://127.0.0.1:99999"])
async def test_a_proxy_that_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(FetchError, match="unusable proxy"):
        await fetch("https://127.0.0.1:1/keys")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(keys_url: str, clock: Clock) -> JwtVerifier:
    http = settings(keys_url)
    return JwtVerifier(http, JwksCache(http.jwks_url, clock, clock.sleep))


async def test_keys_are_asked_for_once(issuer: JwtVerifier, authority: Authority) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(issuer.check, token())
    assert authority.asked == 1


async def test_an_unknown_key_makes_us_ask_again_but_not_more_often_than_the_bound(
    issuer: JwtVerifier, authority: Authority, clock: Clock
) -> None:
    await issuer.check(token())
    started = clock.now
    for number in range(10):
        clock.now += 0.1
        with pytest.raises(InvalidTokenError):
            await issuer.check(token(STRANGER, kid=f"stranger-{number}"))
    assert authority.asked == 11
    assert clock.now - started >= 10 * KEYS_FETCH_INTERVAL


async def test_a_new_key_is_found_while_strangers_name_others(
    issuer: JwtVerifier, authority: Authority, clock: Clock
) -> None:
    await issuer.check(token())
    authority.keys[0]["kid"] = "new"
    clock.now += 0.1
    started, names = clock.now, []

    async def check_as_a_stranger(number: int) -> None:
        with pytest.raises(InvalidTokenError):
            await issuer.check(token(STRANGER, kid=f"stranger-{number}"))

    async with anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(check_as_a_stranger, number)
        names.append((await issuer.check(token(kid="new"))).caller.name)
    assert names == ["support-bot"]
    assert authority.asked == 2
    assert clock.now - started <= KEYS_FETCH_INTERVAL


async def test_where_too_many_wait_nobody_is_refused(
    issuer: JwtVerifier, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nomos_mcp.service.jwks.MAX_WAITING_FOR_KEYS", 1)
    authority.delay = 0.2
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(issuer.check, token())
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(TokenCheckUnavailableError):
            await issuer.check(token())
    assert (await issuer.check(token())).caller.name == "support-bot"


async def test_an_unknown_key_of_an_issuer_that_stays_away_is_nobodys_fault(
    issuer: JwtVerifier, authority: Authority, clock: Clock
) -> None:
    await issuer.check(token())
    authority.status = 500
    for _ in range(2):
        clock.now += 0.1
        with pytest.raises(TokenCheckUnavailableError):
            await issuer.check(token(kid="new"))
    assert (await issuer.check(token())).caller.name == "support-bot"


async def test_a_key_in_the_place_of_another_counts_alone(
    issuer: JwtVerifier, authority: Authority, clock: Clock
) -> None:
    await issuer.check(token())
    authority.keys[0] = {**as_jwk(RSAAlgorithm.to_jwk(STRANGER.public_key())), "kid": "rsa", "use": "sig"}
    clock.now += KEYS_FRESH
    await issuer.check(token(STRANGER))
    with pytest.raises(InvalidTokenError):
        await issuer.check(token())


async def test_an_empty_key_set_revokes_all_keys(issuer: JwtVerifier, authority: Authority, clock: Clock) -> None:
    await issuer.check(token())
    authority.keys = []
    clock.now += 700
    with pytest.raises(InvalidTokenError):
        await issuer.check(token())


@pytest.mark.parametrize(
    "misbehaviour",
    [
        {"status": 500},
        {"status": 302},
        {"content": b"<html>"},
        {"content": b"[]"},
        {"content": b'{"keys":[7]}'},
        {"content": b'{"keys":{}}'},
        {"content": b'{"keys":""}'},
        {"content": b"[" * 100_000},
        {"content": b"\xff"},
        {"content": b" " * 300_000},
    ],
)
async def test_keys_that_cannot_be_read_let_nobody_in_and_blame_nobody(
    issuer: JwtVerifier, authority: Authority, misbehaviour: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    vars(authority).update(misbehaviour)
    with pytest.raises(TokenCheckUnavailableError):
        await issuer.check(token())
    assert "keys could not be read" in capfd.readouterr().err


async def test_keys_that_are_slow_do_not_hold_up_whose_key_is_known(
    issuer: JwtVerifier, authority: Authority, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await issuer.check(token())
    monkeypatch.setattr("nomos_mcp.service.jwks.KEYS_DEADLINE", 0.5)
    authority.delay = 30
    clock.now += 700
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(issuer.check, token())  # the one that asks for the keys anew, in vain
        await anyio.lowlevel.checkpoint()
        with anyio.fail_after(0.4):
            for _ in range(3):
                await issuer.check(token())
    assert (await issuer.check(token())).caller.name == "support-bot"


async def test_keys_of_an_issuer_that_stays_away_are_not_trusted_for_ever(
    issuer: JwtVerifier, authority: Authority, clock: Clock
) -> None:
    await issuer.check(token())
    authority.status = 500
    clock.now += 3000
    assert (await issuer.check(token())).caller.name == "support-bot"
    clock.now += 1000
    with pytest.raises(TokenCheckUnavailableError):
        await issuer.check(token())


async def test_a_token_without_a_key_id_is_taken_if_there_is_one_key(issuer: JwtVerifier, authority: Authority) -> None:
    authority.keys = authority.keys[:1]
    assert (await issuer.check(token(kid=None))).caller.name == "support-bot"


async def test_a_key_that_is_none_lets_nobody_in(issuer: JwtVerifier, authority: Authority) -> None:
    authority.keys = [{"kid": "rsa", "kty": "RSA", "n": "x"}, {"kid": "ec", "kty": "EC", "crv": "none"}]
    for text in (token(), token(EC_KEY, "ES256", kid="ec")):
        with pytest.raises(InvalidTokenError):
            await issuer.check(text)


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
async def test_a_private_key_that_everybody_can_read_proves_nothing(
    issuer: JwtVerifier, authority: Authority, key: Any, algorithm: str
) -> None:
    authority.keys = [{**as_jwk((RSAAlgorithm if algorithm == "RS256" else ECAlgorithm).to_jwk(key)), "kid": "rsa"}]
    with pytest.raises(InvalidTokenError):
        await issuer.check(token(key, algorithm))


async def test_a_key_that_is_too_short_proves_nothing(issuer: JwtVerifier, authority: Authority) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505  that is the point
    authority.keys = [{**as_jwk(RSAAlgorithm.to_jwk(short.public_key())), "kid": "rsa"}]
    with pytest.warns(InsecureKeyLengthWarning):
        signed = token(short)
    with pytest.raises(InvalidTokenError):
        await issuer.check(signed)
