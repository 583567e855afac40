"""The limits of the HTTP service. Seconds and bytes, unless a name says otherwise."""

from typing import Final

MAX_BODY_BYTES: Final = 64 * 1024
"""The largest call of a real client, with the sealed state of a confirmation, had 892 bytes. Cursors can have some
kilobytes."""
MAX_DISCARDED_BYTES: Final = 8 * 1024 * 1024
"""How much of a body that is too large is read and discarded, so that the client sees the 413."""
MAX_ECHO: Final = 100
"""Characters of a caller's input that are repeated to it."""
BODY_DEADLINE: Final = 10.0
"""How long a body may take to arrive."""
HEAD_DEADLINE: Final = 15.0
"""How long a connection may wait for a complete head of a request, or keep sending a body that was answered already."""
SEND_DEADLINE: Final = 15.0
"""How long a client may take to read each part of an answer, or of a stream. After that the connection is aborted."""
BACKLOG: Final = 2048
"""Connections that the kernel holds until they are accepted."""
MAX_CONNECTIONS_WITHOUT_REQUEST: Final = 128
"""Connections of one process that have not sent a complete request yet. One more, and the oldest is dropped: nothing is
read from it any more. Its socket is closed at `HEAD_DEADLINE`, so that the client does not connect again at once."""
MAX_FILES: Final = 32_768
"""What the process may open, sockets above all, if the system allows it to raise its limit that far."""
READ_SIZE: Final = 16 * 1024
"""How much is read from a connection at once. It is kept while an earlier request is answered."""
MAX_REQUESTS: Final = 256
"""Requests that one process serves at once, from the first byte of the body to the last byte of the answer."""
MAX_REQUESTS_PER_CALLER: Final = 16
REQUESTS_PER_SECOND: Final = 32.0
"""Requests of one caller that one process serves in a second, of any method; twice the caller's budget of calls if that
is more."""
MAX_WAIT: Final = 5.0
"""How long a request waits if its caller has too many in progress."""
MAX_WAITING: Final = 1024
"""Requests that wait in one process; one more gets an error at once."""
MAX_STREAMS: Final = 256
"""The same for streams that stay open (`subscriptions/listen`)."""
MAX_STREAMS_PER_CALLER: Final = 4
REFUSALS_PER_SECOND: Final = 100.0
"""Responses of `/mcp` to callers without a valid token, all of them errors, in one process. More of them wait ..."""
ANONYMOUS_PER_SECOND: Final = 1000.0
"""... as do more responses than these of all paths, those about health included ..."""
MAX_ANONYMOUS_DELAY: Final = 10.0
"""... for this time at most ..."""
MAX_ANONYMOUS_WAITING: Final = 128
"""... and so many at once. One more does not wait: it would take more memory than it saves time."""

STOP_WITHIN: Final = 30.0
"""From the signal to the end of the process, whatever is still open."""
DRAIN: Final = 1.0
"""How long requests on open connections are still answered, with `Connection: close`, before idle ones are closed. A
request that crosses the closing of its connection would be lost."""

READY_CACHED: Final = 10.0
READY_DEADLINE: Final = 5.0

KEYS_FRESH: Final = 600.0
"""The issuer's keys are fetched again after this time ..."""
KEYS_TRUSTED: Final = 3600.0
"""... and no longer used after this time, if the issuer cannot be reached."""
KEYS_FETCH_INTERVAL: Final = 2.0
"""An unknown key ID causes a fetch, but not more often than this; the request that names it waits."""
MAX_WAITING_FOR_KEYS: Final = 256
KEYS_DEADLINE: Final = 5.0
MAX_KEYS_BYTES: Final = 256 * 1024
CLOCK_SKEW: Final = 30.0
"""How far in the future `nbf` and `iat` may be. `exp` has no such tolerance."""

MAX_RUNNING_PER_CALLER: Final = 4
"""Calls of one caller at once, so that one caller cannot fill the queue to upstream."""
BURST: Final = 20
"""Calls that a caller may make in quick succession after a pause: the size of a full budget."""
MAX_CALLERS_REMEMBERED: Final = 10_000
