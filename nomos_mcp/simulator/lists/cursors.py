"""Opaque cursors: where a walk stands, sealed together with the query it belongs to."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from hmac import compare_digest, digest
from typing import Final

from nomos_mcp.simulator.errors import bad_request
from nomos_mcp.simulator.world.shelf import Position

_SEAL_BYTES: Final = 12


class Cursors:
    """Writes and reads cursors with a key of its own: one from another simulator is refused."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def write(self, position: Position, query: str) -> str:
        """Seal a position.

        Args:
            position: The last record that was given out.
            query: Everything that must stay the same along the walk.

        Returns:
            URL-safe text.
        """
        moment, record_id = position
        payload = json.dumps([moment.isoformat(), record_id]).encode()
        return urlsafe_b64encode(self._seal(payload, query) + payload).decode()

    def read(self, cursor: str, query: str) -> Position:
        """Open a cursor.

        Args:
            cursor: What the caller sent.
            query: As for `write`.

        Returns:
            The position it was written with.

        Raises:
            ApiError: 400, it was tampered with, or belongs to another query.
        """
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii"))
        except ValueError:  # binascii.Error and UnicodeEncodeError are both kinds of it
            raw = b""
        seal, payload = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
        # Decoding skips foreign characters and spare bits, so the text is compared too, not only what it decodes to.
        if urlsafe_b64encode(raw).decode() != cursor or not compare_digest(seal, self._seal(payload, query)):
            raise bad_request("invalid_value", "cursor", "Invalid cursor, or one of another query")
        moment, record_id = json.loads(payload)
        return datetime.fromisoformat(moment), record_id

    def _seal(self, payload: bytes, query: str) -> bytes:
        return digest(self._key, query.encode() + b"\n" + payload, "sha256")[:_SEAL_BYTES]
