"""Confirmation codes: proof that an order was previewed, for one caller, subscription and host, a short while ago.

A code is signed and carries nothing secret. A model cannot make one up, and one for another subscription is refused.
It does not prove that a person said yes: whoever can call the tool can read the preview and pass the code on.
"""

import base64
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

LIFETIME: Final = 600
"""Seconds for which a code is valid."""

_SIGNATURE_BYTES: Final = 16


class Codes:
    """Makes and checks codes.

    Args:
        key: Key that several processes share; by default one of this object, so that its codes end with it.
        clock: Seconds since the epoch; for tests.
    """

    def __init__(self, key: bytes = b"", clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key or secrets.token_bytes(32), b"nomos-mcp confirmation code", "sha256")
        self._clock = clock

    def code(self, *bound_to: str) -> str:
        """Make a code that is valid for `LIFETIME` seconds and for exactly these words."""
        expires = int(self._clock()) + LIFETIME
        return f"{expires:x}-{self._signature(expires, bound_to)}"

    def flaw(self, code: str, *bound_to: str) -> str:
        """Tell what is wrong with a code, or return an empty string if it is right."""
        expiry, _, signature = code.partition("-")
        try:
            expires = int(expiry, 16)
        except ValueError:
            return "it is no code that this tool gave out"
        if not hmac.compare_digest(signature.encode(), self._signature(expires, bound_to).encode()):
            return "it was not given out to this caller for this subscription, or not since this server was started"
        return "it has expired" if expires <= self._clock() else ""

    def _signature(self, expires: int, bound_to: tuple[str, ...]) -> str:
        message = "\0".join((str(expires), *bound_to)).encode()
        digest = hmac.digest(self._key, message, "sha256")[:_SIGNATURE_BYTES]
        return base64.b32encode(digest).decode().rstrip("=").lower()
