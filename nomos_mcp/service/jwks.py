"""The issuer's public keys (JWKS, RFC 7517): cached, fetched without blocking anybody, and at most at intervals.

PyJWT's `PyJWKClient` was tried instead. It holds one lock while it fetches, so callers with a known key wait for an
issuer that hangs; it has no interval between failed fetches and no limit of size; it drops known keys as soon as they
expire while the issuer is down; and it cannot tell an empty key set, which revokes all keys, from a failed fetch.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import anyio
import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from nomos_mcp.client.errors import CertificateError
from nomos_mcp.client.transport import proxy_of
from nomos_mcp.client.trusted_hosts import trusted_authorities
from nomos_mcp.service.authorization import TokenCheckUnavailableError
from nomos_mcp.service.http_limits import (
    KEYS_DEADLINE,
    KEYS_FETCH_INTERVAL,
    KEYS_FRESH,
    KEYS_TRUSTED,
    MAX_KEYS_BYTES,
    MAX_WAITING_FOR_KEYS,
)

_UNAVAILABLE: Final = (
    "Tokens cannot be checked right now: the issuer's keys cannot be read. Use the same token again later."
)


class FetchError(Exception):
    """There is no document; the message says why in a word or two."""


class JwksCache:
    def __init__(
        self,
        url: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._url = url
        self._clock = clock
        self._sleep = sleep
        self._waiting = 0
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._made: dict[tuple[str, str], PyJWK | None] = {}  # of these keys, by key ID and algorithm
        self._read_at = self._fetched_at = float("-inf")
        self._lock = anyio.Lock()

    async def find(self, kid: str, algorithm: str) -> PyJWK | None:
        """Return a key for an algorithm, or None if the issuer has none.

        An unknown key ID causes a fetch, and the request that names it waits for it. Fetches keep an interval, however
        many unknown IDs are named, and each serves all who wait, so that strangers cannot hold up a new key.
        """
        arrived, found = self._clock(), self._known(kid)
        if found is None:
            found = await self._fetched(kid, arrived)
        elif self._age() >= KEYS_FRESH and not self._lock.locked():  # during a fetch the old keys will do
            await self._refresh()
            found = self._known(kid)
        self._check_age()
        if found is None and self._read_at < arrived:
            raise TokenCheckUnavailableError(_UNAVAILABLE)
        if found is None:
            return None
        if (kid, algorithm) not in self._made:
            self._made[kid, algorithm] = _usable(found, algorithm)
        return self._made[kid, algorithm]

    async def ids(self) -> list[str]:
        """Fetch the keys, and return the IDs of those that an allowed algorithm can use; for a report."""
        await self._refresh()
        self._check_age()
        return [kid for kid, key in self._keys.items() if key.get("kty") in {"RSA", "EC", "OKP"}]

    def _age(self) -> float:
        return self._clock() - self._read_at

    def _check_age(self) -> None:
        if self._age() >= KEYS_TRUSTED:
            raise TokenCheckUnavailableError(_UNAVAILABLE)

    def _known(self, kid: str) -> Mapping[str, Any] | None:
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def _fetched(self, kid: str, arrived: float) -> Mapping[str, Any] | None:
        """Return a key from a fetch that began after the request arrived."""
        if self._waiting >= MAX_WAITING_FOR_KEYS:
            raise TokenCheckUnavailableError(_UNAVAILABLE)
        self._waiting += 1
        try:
            async with self._lock:
                if self._known(kid) is None and self._fetched_at < arrived:
                    await self._sleep(max(0.0, self._fetched_at + KEYS_FETCH_INTERVAL - self._clock()))
                    await self._fetch()
        finally:
            self._waiting -= 1
        return self._known(kid)

    async def _refresh(self) -> None:
        async with self._lock:
            if self._clock() - self._fetched_at >= KEYS_FETCH_INTERVAL:
                await self._fetch()

    async def _fetch(self) -> None:
        self._fetched_at = self._clock()
        try:
            with anyio.fail_after(KEYS_DEADLINE):
                self._keys, self._made = _parsed(await fetch(self._url)), {}
        except (FetchError, TimeoutError, ValueError, RecursionError) as error:
            why = str(error) if type(error) in {FetchError, ValueError} else type(error).__name__
            sys.stderr.write(f"nomos-mcp: the issuer's keys could not be read from {self._url}: {why}\n")
        else:
            self._read_at = self._fetched_at


def _parsed(content: bytes) -> dict[str, Mapping[str, Any]]:
    """An empty set is valid: that is how an issuer revokes all keys."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        keys = json.loads(content)["keys"]
        if isinstance(keys, list):
            return {str(key.get("kid", "")): key for key in keys if key.get("use", "sig") == "sig"}
    raise ValueError("not a key set")


def _usable(key: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    if key.get("alg", algorithm) != algorithm or "d" in key:
        return None  # for another algorithm, or a private key, with which everybody could sign
    try:
        return PyJWK(dict(key), algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None  # a key for other algorithms


async def fetch(url: str) -> bytes:
    """Return a document of the issuer, whose URL the settings have checked; redirects are not followed."""
    content = b""
    try:
        async with (
            _client(url) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise FetchError(f"HTTP {response.status_code}")
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_KEYS_BYTES:
                    raise FetchError(f"more than {MAX_KEYS_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL, CertificateError) as error:
        raise FetchError(type(error).__name__) from None
    return content


def _client(url: str) -> httpx.AsyncClient:
    authorities = trusted_authorities()
    try:
        proxy = proxy_of(url)
        return httpx.AsyncClient(timeout=KEYS_DEADLINE, verify=authorities, trust_env=False, proxy=proxy)
    except (ValueError, ImportError, httpx.InvalidURL):
        raise FetchError("unusable proxy") from None
