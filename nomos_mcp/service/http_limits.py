"""The limits of the HTTP service. Seconds and bytes, unless a name says otherwise."""

from typing import Final

# The largest call of a real client, with the sealed state of a confirmation, had 892 bytes. Cursors can have some
# kilobytes.
MAX_BODY_BYTES: Final = 64 * 1024
# How much of a body that is too large is read and discarded, so that the client sees the 413.
MAX_DISCARDED_BYTES: Final = 8 * 1024 * 1024
MAX_ECHO: Final = 100  # characters of a caller's input that are repeated to it
BODY_DEADLINE: Final = 10.0
# How long a connection may wait for a complete head of a request, or keep sending a body that was answered already.
HEAD_DEADLINE: Final = 15.0
# How long a client may take to read each part of an answer, or of a stream. After that the connection is aborted.
SEND_DEADLINE: Final = 15.0
BACKLOG: Final = 2048  # connections that the kernel holds until they are accepted
# Connections of one process that have not sent a complete request yet. One more, and the oldest is dropped: nothing is
# read from it any more. Its socket is closed at `HEAD_DEADLINE`, so that the client does not connect again at once.
# Callers who come all at once are among them, until a busy process has read what they sent. Each needs 32 KB at most.
MAX_CONNECTIONS_WITHOUT_REQUEST: Final = 1024
# The same for those whose request has a head and not yet all of its body. Each takes one of the places below, so that
# there are fewer of them than places.
MAX_HALF_SENT_REQUESTS: Final = 64
MAX_FILES: Final = 32_768  # what the process may open, sockets above all, if the system allows it
READ_SIZE: Final = 16 * 1024  # read from a connection at once, and kept while an earlier request is answered

# Requests that one process serves at once, from the first byte of the body to the last byte of the answer. They share
# one core, so this is how many times longer each may take than one alone.
MAX_REQUESTS: Final = 128
MAX_REQUESTS_PER_CALLER: Final = 16
# Of one caller and any method, in one process; twice the caller's budget of calls if that is more.
REQUESTS_PER_SECOND: Final = 32.0
MAX_WAIT: Final = 2.0  # of a request above one of these limits, before it gets an error
MAX_WAITING: Final = 1024  # requests in one process; one more gets an error at once
MAX_STREAMS: Final = 256  # that stay open (`subscriptions/listen`), in one process
MAX_STREAMS_PER_CALLER: Final = 4

# Responses of `/mcp` to callers without a valid token, all of them errors, in one process. More of them wait, as do
# more than `ANONYMOUS_PER_SECOND` of all paths, those about health included.
REFUSALS_PER_SECOND: Final = 100.0
ANONYMOUS_PER_SECOND: Final = 1000.0
MAX_ANONYMOUS_DELAY: Final = 10.0
MAX_ANONYMOUS_WAITING: Final = 128  # one more does not wait: it would take more memory than it saves time

STOP_WITHIN: Final = 30.0  # from the signal to the end of the process, whatever is still open
# How long requests on open connections are still answered, with `Connection: close`, before idle ones are closed. A
# request that crosses the closing of its connection would be lost.
DRAIN: Final = 1.0

READY_CACHED: Final = 10.0
READY_DEADLINE: Final = 5.0
READY_WAIT_FOR_OTHERS: Final = 1.0  # once one organisation is ready

KEYS_FRESH: Final = 600.0  # the issuer's keys are fetched again after this time ...
KEYS_TRUSTED: Final = 3600.0  # ... and no longer used after this time, if the issuer cannot be reached
# An unknown key ID causes a fetch, but not more often than this; the request that names it waits.
KEYS_FETCH_INTERVAL: Final = 2.0
MAX_WAITING_FOR_KEYS: Final = 256
KEYS_DEADLINE: Final = 5.0
MAX_KEYS_BYTES: Final = 256 * 1024
CLOCK_SKEW: Final = 30.0  # how far in the future `nbf` and `iat` may be; `exp` has no such tolerance

MAX_RUNNING_PER_CALLER: Final = 4  # calls at once, so that one caller cannot fill the queue to upstream
BURST: Final = 20  # calls in quick succession after a pause: the size of a full budget
MAX_CALLERS_REMEMBERED: Final = 10_000

# Webhooks have limits of their own, so that a flood of them cannot starve `/mcp`. An event has some hundred bytes.
MAX_WEBHOOK_BYTES: Final = 64 * 1024
# Deliveries in one process whose body is not complete, and again as many that wait to be kept.
MAX_WEBHOOKS: Final = 64
WEBHOOK_SKEW: Final = 300.0  # vendor document: a signature is valid for five minutes, before and after
WEBHOOK_BODY_DEADLINE: Final = 5.0
# Until the event is on disk. With the body's deadline well inside the vendor's 30 seconds.
WEBHOOK_DEADLINE: Final = 10.0
# Transactions at once that keep events, so that the history's connections to the database are left for reads.
MAX_WEBHOOK_WRITERS: Final = 2
WEBHOOKS_PER_SECOND: Final = 100.0  # with a valid signature, in one process; more wait
WEBHOOK_REFUSALS_PER_SECOND: Final = 100.0  # without one; more wait, as at `/mcp`
WEBHOOK_REFUSALS_LOGGED: Final = 1.0  # seconds between two log lines about refused deliveries
