"""Timeouts for slow clients, which uvicorn lacks: for those that send nothing, half a request, or read no answer."""

import asyncio
import contextlib
import os
import socket
import struct
from collections import OrderedDict
from types import ModuleType
from typing import ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from nomos_mcp.service.http_limits import (
    HEAD_DEADLINE,
    MAX_CONNECTIONS_WITHOUT_REQUEST,
    MAX_FILES,
    MAX_HALF_SENT_REQUESTS,
    READ_SIZE,
    SEND_DEADLINE,
)

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

_CLOSED_AT_ONCE: Final = 100
_RESET: Final = struct.pack("ii", 1, 0)  # linger for no time


def raise_file_limit() -> None:
    if resource:
        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MAX_FILES if most == resource.RLIM_INFINITY else min(most, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, wanted), most))


def quarter_of_files() -> int:
    """For idle connections; dropped ones may take twice as much."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if resource else -1
    return (allowed if allowed > 0 else MAX_FILES) // 4  # negative if there is no limit


class TimeoutProtocol(H11Protocol):
    """HTTP/1.1 with timeouts.

    A connection is closed if the head of a request does not arrive in time, or if the client still sends a body whose
    request has been answered. It is aborted if the client does not read in time. Of too many that wait for the first
    request, or for the rest of one, the oldest is dropped; of too many that are idle between requests it is closed.
    """

    _incomplete: ClassVar[dict["TimeoutProtocol", None]] = {}
    _half_sent: ClassVar[dict["TimeoutProtocol", None]] = {}
    _idle: ClassVar[dict["TimeoutProtocol", None]] = {}
    _dropped: ClassVar[OrderedDict[int, float]] = OrderedDict()  # the time at which each socket is closed
    _has_asked = False
    _awaited: type[h11.IDLE] | type[h11.SEND_BODY] | None = None
    _receive_timer: asyncio.TimerHandle | None = None
    _send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol, and `socket.create_server` makes one that does
        # not. Otherwise the last part of each answer waits for the client's delayed acknowledgement, 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.set_write_buffer_limits(high=0)  # so that writing pauses until the client has read everything
        transport.max_size = READ_SIZE  # type: ignore[attr-defined]  # of asyncio's transports; 256 KiB by default
        self._follow_state()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._follow_state()

    def on_response_complete(self) -> None:
        """Wait for the next head; drop what arrived of an unread body."""
        self.cycle.body.clear()
        self._has_asked = self._has_asked or self.conn.their_state is not h11.SEND_BODY
        super().on_response_complete()
        self._follow_state()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._send_timer = self.loop.call_later(SEND_DEADLINE, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop(self._send_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._count_as(None)
        self._stop(self._receive_timer)
        self._stop(self._send_timer)
        super().connection_lost(exc)

    def _follow_state(self) -> None:
        """Restart the timer, and count the connection anew, after whatever may have changed what is awaited of it."""
        state = None if self.transport.is_closing() else self.conn.their_state
        awaited = state if state in {h11.IDLE, h11.SEND_BODY} else None
        if awaited is not self._awaited:
            self._stop(self._receive_timer)
            self._awaited = awaited
            if awaited is not None:
                self._receive_timer = self.loop.call_later(HEAD_DEADLINE, self.transport.close)
        if awaited is None:
            self._count_as(None)
        elif self._has_asked and awaited is h11.IDLE and not self.conn.trailing_data[0]:
            self._count_as(self._idle)
            if len(self._idle) > quarter_of_files():
                self._oldest(self._idle).transport.close()
        else:
            has_head = awaited is h11.SEND_BODY
            kind = self._half_sent if has_head else self._incomplete
            self._count_as(kind)
            most = MAX_HALF_SENT_REQUESTS if has_head else MAX_CONNECTIONS_WITHOUT_REQUEST
            if len(kind) > min(most, quarter_of_files()):
                self._oldest(kind)._drop()  # noqa: SLF001  of this class

    @staticmethod
    def _oldest(kind: dict["TimeoutProtocol", None]) -> "TimeoutProtocol":
        oldest = next(iter(kind))
        del kind[oldest]
        return oldest

    def _count_as(self, kind: dict["TimeoutProtocol", None] | None) -> None:
        """Move to another kind of connections that wait for the client. Within a kind the oldest comes first."""
        for each in (self._incomplete, self._half_sent, self._idle):
            if each is not kind:
                each.pop(self, None)
        if kind is not None:
            kind.setdefault(self)

    def _drop(self) -> None:
        """End the connection, but close its socket later: a client that is cut off at once connects again at once."""
        if len(self._dropped) < 2 * quarter_of_files():
            with contextlib.suppress(OSError):
                number = os.dup(self.transport.get_extra_info("socket").fileno())
                self._dropped[number] = self.loop.time() + HEAD_DEADLINE
                if len(self._dropped) == 1:
                    self._close_expired(self.loop)
        self.transport.abort()

    @classmethod
    def _close_expired(cls, loop: asyncio.AbstractEventLoop) -> None:
        """Close the sockets that were left open long enough, a few at a time: their clients all connect again."""
        for _ in range(_CLOSED_AT_ONCE):
            if cls._dropped and next(iter(cls._dropped.values())) <= loop.time():
                os.close(cls._dropped.popitem(last=False)[0])
        if cls._dropped:
            loop.call_later(0.1, cls._close_expired, loop)

    @classmethod
    def close_all_dropped(cls) -> None:
        while cls._dropped:
            os.close(cls._dropped.popitem()[0])

    def _abort(self) -> None:
        # With a reset: otherwise the kernel keeps for minutes what the client does not read.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._count_as(None)
        self.transport.abort()

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
