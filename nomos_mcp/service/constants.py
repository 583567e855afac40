"""Every number of the service in one place. Seconds and bytes, unless a name says otherwise."""

from typing import Final

MAX_BODY_BYTES: Final = 64 * 1024
"""Of a real client's calls, the one with the sealed state of a question was the largest: 892 bytes. Cursors can be some
kilobytes long."""
MAX_DISCARDED_BYTES: Final = 8 * 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that the client gets to see the 413."""
MAX_ECHO: Final = 100
"""Characters of a caller's own words in what it is told."""
BODY_DEADLINE: Final = 10.0
"""How long a body may take to arrive."""
HEAD_DEADLINE: Final = 15.0
"""How long a connection may be open without a complete head of a request, or with a body that is not waited for."""
SEND_DEADLINE: Final = 15.0
"""How long a client may take to read each part of an answer, of a stream too. Past it the connection is aborted."""
BACKLOG: Final = 2048
"""Connections that the kernel holds until they are accepted."""
MAX_NEWCOMERS: Final = 256
"""Connections of one process that have not sent one whole request yet. One more, and the oldest is given up:
nothing is read from it any more, and its socket is closed at `HEAD_DEADLINE`, so that nobody connects again at once."""
MAX_FILES: Final = 32_768
"""What the process may open, sockets above all, if the system allows it to raise its limit that far."""
READ_SIZE: Final = 16 * 1024
"""How much of a connection is read at once. All that was read is held while an earlier request is answered."""
MAX_REQUESTS: Final = 256
"""Requests that one process serves at once, from the first byte of the body to the last byte of the answer."""
MAX_REQUESTS_PER_CALLER: Final = 16
REQUESTS_PER_SECOND: Final = 32.0
"""Requests of one caller that one process serves in a second, of whatever method, or twice the caller's budget of calls
if that is more."""
WAIT_FOR_TURN: Final = 5.0
"""How long a request waits for its turn if its caller has too many under way."""
MAX_WAITING: Final = 1024
"""Requests that wait for their turn in one process; one more is refused at once."""
MAX_STREAMS: Final = 256
"""The same for streams that stay open (`subscriptions/listen`)."""
MAX_STREAMS_PER_CALLER: Final = 4

STOP_WITHIN: Final = 30.0
"""From the signal to the end of the process, whatever is open."""
DRAIN: Final = 1.0
"""How long open connections are still answered, each with `Connection: close`, before idle ones are closed. A request
that crosses our closing of its connection would be lost."""

READY_CACHED: Final = 10.0
READY_DEADLINE: Final = 5.0

KEYS_FRESH: Final = 600.0
"""Keys of the issuer are read again after this long ..."""
KEYS_TRUSTED: Final = 3600.0
"""... and no longer used after this long, if the issuer cannot be reached."""
KEYS_ASKED_EVERY: Final = 2.0
"""An unknown key makes us ask again, but not more often than this; whoever names one waits that long."""
MAX_WAITING_FOR_KEYS: Final = 256
KEYS_DEADLINE: Final = 5.0
MAX_KEYS_BYTES: Final = 256 * 1024
CLOCK_SKEW: Final = 30.0
"""How far in the future `nbf` and `iat` may lie. `exp` is taken as it is."""

MAX_RUNNING_PER_CALLER: Final = 4
"""Calls of one caller at once, so that one caller's calls do not fill the queue to upstream."""
BURST: Final = 20
"""Calls that a caller may make at once out of a full budget."""
MAX_CALLERS_REMEMBERED: Final = 10_000
