"""Cursors in the form of the example in the vendor's OpenAPI, sealed together with the query they belong to.

A cursor names the last item that was given out, by creation and ID. So the next page begins behind that item whatever
was added, changed or filtered out meanwhile.
"""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest, digest
from typing import Final

from nomos_mcp.simulator.clock import on_the_wire
from nomos_mcp.simulator.errors import Json, bad_request
from nomos_mcp.simulator.world.shelf import Record

_SEAL_BYTES: Final = 12


class Cursors:
    """Writes and reads cursors with a key of its own: one from another simulator is refused."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def write(self, last: Record, limit: int, query: str) -> str:
        """Name a position, and seal it.

        Args:
            last: The last record that was given out.
            limit: How many records a page has.
            query: Everything that must stay the same along the walk.

        Returns:
            URL-safe text.
        """
        fields: Json = {"last_created_at": on_the_wire(last.created_at), "last_id": last.id, "limit": limit}
        return self._encoded({**fields, "seal": self._seal(fields, query)})

    def read(self, cursor: str, query: str) -> str:
        """Open a cursor.

        Args:
            cursor: What the caller sent.
            query: As for `write`.

        Returns:
            The ID of the record it was written with.

        Raises:
            ApiError: 400, it was tampered with, or belongs to another query.
        """
        try:
            fields = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
            seal = fields.pop("seal")
        except (ValueError, AttributeError, KeyError, TypeError):
            fields, seal = {}, ""
        # Decoding skips foreign characters and spare bits, so the text is compared too, not only what it decodes to.
        genuine = compare_digest(str(seal).encode(), self._seal(fields, query).encode())
        if not genuine or self._encoded({**fields, "seal": seal}) != cursor:
            raise bad_request("invalid_value", "cursor", "Invalid cursor, or one of another query")
        last_id: str = fields["last_id"]
        return last_id

    def _seal(self, fields: Json, query: str) -> str:
        return digest(self._key, f"{query}\n{json.dumps(fields)}".encode(), "sha256").hex()[: 2 * _SEAL_BYTES]

    def _encoded(self, fields: Json) -> str:
        return urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()
