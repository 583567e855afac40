"""Confirmation codes: proof that this very order was previewed, by one caller, at one host, a short while ago.

A code is signed and carries nothing secret. A model cannot make one up, and one for another subscription is refused.
It does not prove that a person confirmed: whoever can call the tool can read the preview and pass the code on.
"""

import base64
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final, Literal

LIFETIME: Final = 600
"""Seconds for which a code is valid."""

_SIGNATURE_BYTES: Final = 16
_MAX_LENGTH: Final = 128  # a code has about 50 characters

Flaw = Literal["", "not a code", "not for this call", "expired", "used", "changed"]


class Codes:
    """Makes and checks codes.

    Args:
        key: Key that several processes share; by default one of this object, so that its codes end with it.
        clock: Seconds since the epoch; for tests.
    """

    def __init__(self, key: bytes = b"", clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key or secrets.token_bytes(32), b"nomos-mcp confirmation code", "sha256")
        self._clock = clock
        self._used: dict[str, int] = {}  # signature of a used code to the second in which it expires

    def code(self, preview: str, *bound_to: str) -> str:
        """Make a code for a preview that is valid for `LIFETIME` seconds and for exactly these words."""
        expires = int(self._clock()) + LIFETIME
        shown = self._digest("preview", preview)[:8]
        return f"{expires:x}-{shown}-{self._digest(str(expires), shown, *bound_to)}"

    def flaw(self, code: str, preview: str, *bound_to: str) -> Flaw:
        """Tell what is wrong with a code; empty if nothing is.

        Args:
            code: What the caller passed.
            preview: What would be ordered now. If the code was made for another preview, the flaw is "changed".
            bound_to: As for `code`.
        """
        if len(code) > _MAX_LENGTH or not code.isascii():
            return "not a code"
        expiry, _, rest = code.partition("-")
        shown, _, signature = rest.partition("-")
        try:
            expires = int(expiry, 16)
        except ValueError:
            return "not a code"
        if not hmac.compare_digest(signature, self._digest(str(expires), shown, *bound_to)):
            return "not for this call"
        if expires <= self._clock():
            return "expired"
        if signature in self._used:
            return "used"
        return "" if shown == self._digest("preview", preview)[:8] else "changed"

    def use(self, code: str) -> bool:
        """Use a valid code up; False if it was used before."""
        now = self._clock()
        self._used = {each: expires for each, expires in self._used.items() if expires > now}
        expiry, _, signature = code.split("-")
        if signature in self._used:
            return False
        self._used[signature] = int(expiry, 16)
        return True

    def _digest(self, *words: str) -> str:
        digest = hmac.digest(self._key, "\0".join(words).encode(), "sha256")[:_SIGNATURE_BYTES]
        return base64.b32encode(digest).decode().rstrip("=").lower()
