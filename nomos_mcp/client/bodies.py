"""Collecting the body of an answer: unpacked, and never more than a bound, however small it is on the wire."""

import zlib

from nomos_mcp.client.answers import cleaned
from nomos_mcp.client.constants import MAX_ANSWER_BYTES
from nomos_mcp.client.errors import UnreadableAnswerError

ACCEPTED_ENCODING = "gzip"


class Body:
    """A body that is being received.

    Args:
        encoding: The `Content-Encoding` header; empty if there is none.
        status: HTTP status code, for the errors.

    Raises:
        UnreadableAnswerError: The encoding is not one that was asked for.
    """

    def __init__(self, encoding: str, status: int) -> None:
        self._status = status
        self._chunks: list[bytes] = []
        self._room = MAX_ANSWER_BYTES
        named = encoding.strip().lower()
        if named not in {"", "identity", ACCEPTED_ENCODING}:
            raise self._unreadable(f"is encoded as {cleaned(named)!r}, which was not asked for")
        # 16 + the largest window: a gzip header is expected
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if named == ACCEPTED_ENCODING else None

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes of the wire.

        Raises:
            UnreadableAnswerError: The body grows past the bound, or its compression is broken.
        """
        try:
            piece = self._unpacker.decompress(chunk, self._room + 1) if self._unpacker else chunk
        except zlib.error:
            raise self._unreadable("has a broken compression") from None
        if self._unpacker and self._unpacker.unused_data:  # which would be kept, and grow
            raise self._unreadable("goes on after the end of its compression")
        if len(piece) > self._room:
            raise self._unreadable(f"is larger than {MAX_ANSWER_BYTES // (1024 * 1024)} MiB; it was not read further")
        self._room -= len(piece)
        self._chunks.append(piece)

    def whole(self) -> bytes:
        """Return the body after its last byte.

        Raises:
            UnreadableAnswerError: The compressed body was cut off.
        """
        if self._unpacker and not self._unpacker.eof:
            raise self._unreadable("has a broken compression: it was cut off")
        return b"".join(self._chunks)

    def _unreadable(self, flaw: str) -> UnreadableAnswerError:
        return UnreadableAnswerError(f"HTTP {self._status} with a body that {flaw}.", status=self._status)
