"""The issuer's public keys (JWKS, RFC 7517): read without blocking anybody, cached, and asked for sparingly.

Whose key is known is not kept waiting by a refresh that another request has begun.
"""

import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from nomos_mcp.service.auth.errors import TokensUncheckableError
from nomos_mcp.service.auth.fetching import FetchError, fetched
from nomos_mcp.service.constants import (
    KEYS_ASKED_EVERY,
    KEYS_DEADLINE,
    KEYS_FRESH,
    KEYS_TRUSTED,
    MAX_WAITING_FOR_KEYS,
)

_UNREADABLE: Final = (
    "Tokens cannot be checked right now: the issuer's keys cannot be read. Use the same one again later."
)


class Keys:
    """The keys behind one address.

    Args:
        url: HTTPS, or plain HTTP on loopback; redirects are not followed.
        clock: Seconds that only go forward; for tests.
        sleep: Waits for so many of them; for tests.
    """

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
        self._read_at = self._asked_at = float("-inf")
        self._turn = anyio.Lock()

    async def find(self, kid: str, algorithm: str) -> PyJWK | None:
        """Return a key for an algorithm, or None if the issuer has none.

        An unknown key makes us ask for the keys again, and whoever names it waits for that. We ask at intervals,
        however many unknown keys strangers name; each time for all who wait, so that strangers hold up no new key.

        Args:
            kid: The ID that the token's head names; empty if it names none, which does if there is one key only.
            algorithm: The algorithm that the token's head names, one that is allowed.

        Raises:
            TokensUncheckableError: The issuer's keys cannot be had, or too many wait for them.
        """
        arrived, found = self._clock(), self._known(kid)
        if found is None:
            found = await self._sought(kid, arrived)
        elif self._age() >= KEYS_FRESH and not self._turn.locked():
            await self._refresh()
            found = self._known(kid)
        self._check_age()
        if found is None and self._read_at < arrived:
            raise TokensUncheckableError(_UNREADABLE)
        return _usable(found, algorithm) if found else None

    async def ids(self) -> list[str]:
        """Read the keys, and return the IDs of those that an allowed algorithm can use; for a report.

        Raises:
            TokensUncheckableError: The issuer's keys cannot be had.
        """
        await self._refresh()
        self._check_age()
        return [kid for kid, key in self._keys.items() if key.get("kty") in {"RSA", "EC", "OKP"}]

    def _age(self) -> float:
        return self._clock() - self._read_at

    def _check_age(self) -> None:
        if self._age() >= KEYS_TRUSTED:
            raise TokensUncheckableError(_UNREADABLE)

    def _known(self, kid: str) -> Mapping[str, Any] | None:
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def _sought(self, kid: str, arrived: float) -> Mapping[str, Any] | None:
        """Return a key as the issuer's keys have it that were asked for since then."""
        if self._waiting >= MAX_WAITING_FOR_KEYS:
            raise TokensUncheckableError(_UNREADABLE)
        self._waiting += 1
        try:
            async with self._turn:
                if self._known(kid) is None and self._asked_at < arrived:
                    await self._sleep(max(0.0, self._asked_at + KEYS_ASKED_EVERY - self._clock()))
                    await self._ask()
        finally:
            self._waiting -= 1
        return self._known(kid)

    async def _refresh(self) -> None:
        async with self._turn:
            if self._clock() - self._asked_at >= KEYS_ASKED_EVERY:
                await self._ask()

    async def _ask(self) -> None:
        self._asked_at = self._clock()
        try:
            with anyio.fail_after(KEYS_DEADLINE):
                self._keys = _read(await fetched(self._url))
        except (FetchError, TimeoutError, ValueError, RecursionError) as fault:
            why = str(fault) if type(fault) in {FetchError, ValueError} else type(fault).__name__
            sys.stderr.write(f"nomos-mcp: the issuer's keys could not be read from {self._url}: {why}\n")
        else:
            self._read_at = self._asked_at


def _read(content: bytes) -> dict[str, Mapping[str, Any]]:
    """Return the keys; there may be none left: that is how an issuer revokes all of them."""
    try:
        keys = json.loads(content)["keys"]
        found = {str(key.get("kid", "")): key for key in keys if key.get("use", "sig") == "sig"}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ValueError("not a key set") from None
    if not isinstance(keys, list):
        raise ValueError("not a key set")  # noqa: TRY004  as above: what was read is wrong, not its type
    return found


def _usable(key: Mapping[str, Any], algorithm: str) -> PyJWK | None:
    if key.get("alg", algorithm) != algorithm:
        return None
    try:
        return PyJWK(dict(key), algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None  # a key of another kind than the algorithm's
