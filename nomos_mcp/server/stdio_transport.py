"""The server over stdin and stdout. stdout carries the protocol only.

It replaces the SDK's transport, which does not answer a message that it cannot read, drops the calls under way when the
input ends, and reads a line of any length into memory.

stdin and stdout have a thread each, because reading and writing a pipe blocks. They are daemon threads: a client that
neither reads nor closes its end does not keep the process alive.
"""

import json
import os
import re
import select
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import FileIO
from threading import Thread
from typing import Any, Final, TypeGuard

import anyio
from anyio.from_thread import BlockingPortal
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError
from pydantic_core import from_json

from nomos_mcp.server.error_messages import MAX_ECHO
from nomos_mcp.server.nomos_server import NomosServer, short_error
from nomos_mcp.server.tools import ORDER_TOOL

MAX_LINE: Final = 1024 * 1024
"""Bytes of a message."""
FINISH_WITHIN: Final = 30.0
"""Seconds that the calls under way have when the input ends."""
_LOOK_AFTER: Final = 1.0
"""Seconds after which somebody looks whether the client is still there, while a line is not taken."""
_FLUSH_WITHIN: Final = 5.0
"""Seconds that a client has to read the last answers."""
_CHUNK: Final = 64 * 1024
_HEAD: Final = 4096
_TAIL: Final = 256
# Compiled when the first line is too long, if any is.
_ID_AT_THE_START: Final = rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*,'
_ID_AT_THE_END: Final = rb'"id"\s*:\s*(\d{1,15}|"[^"\\]{1,100}")\s*\}\s*\Z'


def run_stdio(server: NomosServer) -> None:
    """Serve the client that started this process, until its end of stdin or of stdout is closed."""
    stdin, stdout = _claimed()
    anyio.run(serve_stdio, server, stdin, stdout)


async def serve_stdio(server: NomosServer, stdin: FileIO, stdout: FileIO) -> None:
    async with BlockingPortal() as portal, anyio.create_task_group() as tasks:
        connection = StdioConnection(server)
        tasks.start_soon(_end_at_sigterm, connection)
        Thread(target=_read, args=(connection, portal, stdin), daemon=True, name="stdin").start()
        Thread(target=_write, args=(connection, portal, stdout), daemon=True, name="stdout").start()
        try:
            await connection.serve()
            await server.orders_finished()
        finally:
            tasks.cancel_scope.cancel()
            await portal.stop(cancel_remaining=True)


async def _end_at_sigterm(connection: "StdioConnection") -> None:
    """End at SIGTERM as at the end of the input: calls are answered, and an order that has left is waited for."""
    if sys.platform == "win32":  # pragma: no cover  there is no such signal
        return
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            await connection.end()


class StdioConnection:
    """The messages of one client, between the lines on stdin and stdout and the server."""

    def __init__(self, server: NomosServer) -> None:
        self._server = server
        self._to_server, self._from_client = anyio.create_memory_object_stream[SessionMessage | Exception]()
        self._to_client, self._from_server = anyio.create_memory_object_stream[SessionMessage]()
        self._open: dict[RequestId, JSONRPCRequest] = {}  # requests of the client that have no answer yet
        self._asked: set[RequestId] = set()  # requests to the client that have no answer yet
        self._cancelled: set[RequestId] = set()  # those of `_open` that the end of the input has cancelled
        self._sent: JSONRPCMessage | None = None
        self._ending = False
        self._idle = anyio.Event()
        self._written = anyio.Event()

    async def serve(self) -> None:
        """Serve until the client is gone and its calls are answered, or until `FINISH_WITHIN` is over."""
        with self._to_server, self._from_client, self._to_client, self._from_server:
            await self._server.serve(self._from_client, self._to_client)
            with anyio.move_on_after(_FLUSH_WITHIN):
                await self._written.wait()

    async def take(self, line: "bytes | Overlong") -> None:
        """Pass a message of the client to the server, and answer a line that is no message."""
        if self._ending or not line:
            return
        message = message_of(line)
        if isinstance(message, SessionMessage):
            await self._to_client.send(message)
            return
        metadata = None
        if isinstance(message, JSONRPCRequest):
            self._open[message.id] = message
            metadata = ServerMessageMetadata(on_request_unanswered=partial(self._unanswered, message.id))
        elif isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
            self._asked.discard(message.id)
        await self._to_server.send(SessionMessage(message, metadata))

    async def next_line(self) -> bytes | None:
        """Return the next line to write, once the one before is written; None after the last."""
        if isinstance(self._sent, JSONRPCResponse | JSONRPCError) and self._sent.id is not None:
            self._settled(self._sent.id)
        try:
            self._sent = message = (await self._from_server.receive()).message
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._written.set()
            return None
        if isinstance(message, JSONRPCRequest):
            self._asked.add(message.id)
            if self._ending:
                await self._give_up_asking()
        if isinstance(message, JSONRPCError):  # also of the SDK's own, which no middleware sees
            message = message.model_copy(update={"error": short_error(message.error)})
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"

    async def end(self) -> None:
        """Finish after the end of the input: answer the calls under way, and order nothing more."""
        if self._ending:
            return
        self._ending = True
        self._server.begin_shutdown()
        await self._give_up_asking()
        for request in list(self._open.values()):
            if (request.params or {}).get("name") == ORDER_TOOL:
                self._cancelled.add(request.id)
                params = {"requestId": request.id, "reason": "the client is gone"}
                cancelled = JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params=params)
                await self._to_server.send(SessionMessage(cancelled))
        if self._open:
            with anyio.move_on_after(FINISH_WITHIN):
                await self._idle.wait()
        self._to_server.close()

    def hang_up(self) -> None:
        """Stop at once, because nobody reads the answers. The outcome of an order that was sent is still waited for."""
        self._ending = True
        self._server.begin_shutdown()
        self._from_server.close()
        self._to_server.close()
        self._written.set()

    async def _give_up_asking(self) -> None:
        """Answer the server's questions on behalf of the client, which is gone."""
        gone = ErrorData(code=CONNECTION_CLOSED, message="The client is gone.")
        while self._asked:
            answer = JSONRPCError(jsonrpc="2.0", id=self._asked.pop(), error=gone)
            await self._to_server.send(SessionMessage(answer))

    async def _unanswered(self, request: RequestId) -> None:
        """Settle a cancelled request. One that the client has cancelled itself gets no answer."""
        if request in self._cancelled:
            text = (
                "The input has ended, so this call was cancelled. Check with get_meter_order whether there is an order."
            )
            error = ErrorData(code=CONNECTION_CLOSED, message=text)
            await self._to_client.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=request, error=error)))
        else:
            self._settled(request)

    def _settled(self, request: RequestId) -> None:
        self._open.pop(request, None)
        if self._ending and not self._open:
            self._idle.set()


def message_of(line: "bytes | Overlong") -> JSONRPCMessage | SessionMessage:
    """Return the message on a line, or the answer to a line that is none."""
    if isinstance(line, Overlong):
        text = f"Invalid request: a message has at most {MAX_LINE:,} bytes."
        return _refused(INVALID_REQUEST, text, line.request_id())
    try:
        read = _parsed(line)
    except ValueError:
        text = "Parse error: the line is not JSON. A message is one JSON object on one line."
        is_request = b'"method"' in line  # an answer has an ID of ours, which may be one of the client's too
        return _refused(PARSE_ERROR, text, Overlong(line[:_HEAD], line[-_TAIL:]).request_id() if is_request else None)
    if not isinstance(read, dict):
        return _refused(INVALID_REQUEST, "Invalid request: a message is one JSON object; batches are not supported.")
    if "method" in read and "id" in read and _id_of(read) is None:  # it would pass for a notification
        text = f"Invalid request: the id must be an integer or a string of at most {MAX_ECHO} characters."
        return _refused(INVALID_REQUEST, text)
    try:
        return jsonrpc_message_adapter.validate_python(read, by_name=False)
    except ValidationError:
        text = 'Invalid request: a request has "jsonrpc": "2.0", a method, an id, and an object as params, if any.'
        answers = "method" not in read and ("result" in read or "error" in read)
        return _refused(INVALID_REQUEST, text, None if answers else _id_of(read))


def _refused(code: int, text: str, request: RequestId | None = None) -> SessionMessage:
    return SessionMessage(JSONRPCError(jsonrpc="2.0", id=request, error=ErrorData(code=code, message=text)))


def _parsed(data: bytes) -> Any:
    """Parse JSON. Half a surrogate pair, which some clients send of an emoji that they have cut, becomes `?`."""
    text = data.decode(errors="replace")
    try:
        return from_json(text)
    except ValueError:
        try:
            return from_json(json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace"))
        except RecursionError:
            raise ValueError from None


def is_id(value: Any) -> TypeGuard[RequestId]:
    """Whether a value can be the ID of a request: a string or an integer, and short."""
    if isinstance(value, str):
        return len(value) <= MAX_ECHO
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MAX_ECHO


def _id_of(read: dict[str, Any]) -> RequestId | None:
    found = read.get("id")
    return found if is_id(found) else None


@dataclass(frozen=True, slots=True)
class Overlong:
    """A line longer than `MAX_LINE`: its beginning and its end, the rest was not kept."""

    head: bytes
    tail: bytes

    def request_id(self) -> RequestId | None:
        """Return the ID of the request if it stands at either end, where libraries write it."""
        if found := re.match(_ID_AT_THE_START, self.head) or re.search(_ID_AT_THE_END, self.tail):
            return _id_of({"id": from_json(found[1])})
        with suppress(ValueError):
            read = from_json(self.head.decode(errors="replace"), allow_partial=True)
            if isinstance(read, dict) and list(read)[-1:] != ["id"]:  # the last entry may be cut off
                return _id_of(read)
        return None


class Lines:
    """Divides what is read into lines, and keeps no more of one than `MAX_LINE`."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._tail: bytes | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes | Overlong]:
        *ends, begun = chunk.split(b"\n")
        for end in ends:
            self._add(end)
            yield self.rest()
        self._add(begun)

    def rest(self) -> bytes | Overlong:
        """Return the line that was begun, and begin the next."""
        line = bytes(self._begun).strip() if self._tail is None else Overlong(bytes(self._begun), self._tail)
        self._begun, self._tail = bytearray(), None
        return line

    def _add(self, part: bytes) -> None:
        if self._tail is None and len(self._begun) + len(part) <= MAX_LINE:
            self._begun += part
            return
        if self._tail is None:
            self._tail = bytes(self._begun[-_TAIL:])
            self._begun = (self._begun[:_HEAD] + part)[:_HEAD]
        self._tail = (self._tail + part)[-_TAIL:]


def _read(connection: StdioConnection, portal: BlockingPortal, stdin: FileIO) -> None:
    lines = Lines()
    with suppress(RuntimeError, CancelledError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        with suppress(OSError):
            while chunk := stdin.read(_CHUNK):
                for line in lines.feed(chunk):
                    _hand_over(connection, portal, line, stdin)
        portal.call(connection.take, lines.rest())
        portal.call(connection.end)


def _hand_over(connection: StdioConnection, portal: BlockingPortal, line: bytes | Overlong, stdin: FileIO) -> None:
    """Wait until a line is taken: for ever while the client may read what it was sent, else for `FINISH_WITHIN`."""
    taken, waited = portal.start_task_soon(connection.take, line), 0.0
    while True:
        try:
            return taken.result(_LOOK_AFTER)
        except TimeoutError:
            waited = waited + _LOOK_AFTER if _has_ended(stdin) else 0.0
            if waited >= FINISH_WITHIN:
                portal.call(connection.hang_up)


def _has_ended(stdin: FileIO) -> bool:
    """Whether the other end is closed, though there is more to read. Windows cannot tell."""
    if sys.platform == "win32":  # pragma: no cover
        return False
    poll = select.poll()
    poll.register(stdin, 0)
    return bool(poll.poll(0))


def _write(connection: StdioConnection, portal: BlockingPortal, stdout: FileIO) -> None:
    with suppress(RuntimeError, CancelledError):
        try:
            while line := portal.call(connection.next_line):
                while line:
                    line = line[stdout.write(line) :]
        except OSError:
            portal.call(connection.hang_up)


def _claimed() -> tuple[FileIO, FileIO]:
    """Take stdin and stdout for the protocol alone: what else reads finds nothing, what else prints goes to stderr."""
    for standard in range(3):
        try:
            os.fstat(standard)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: the one that was closed
    stdin, stdout = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return FileIO(stdin, "rb", closefd=False), FileIO(stdout, "wb", closefd=False)
