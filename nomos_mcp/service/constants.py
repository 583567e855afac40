"""Every number of the service in one place. Seconds and bytes, unless a name says otherwise."""

from typing import Final

MAX_BODY_BYTES: Final = 64 * 1024
"""The largest legitimate request is a call with the sealed state of a question, or with a cursor, below 4 KiB."""
MAX_DISCARDED_BYTES: Final = 8 * 1024 * 1024
"""How much of a body that is too large is read and thrown away, so that the client gets to see the 413."""
MAX_ECHO: Final = 100
"""Characters of a caller's own words in what it is told."""
BODY_DEADLINE: Final = 10.0
"""How long a body may take to arrive."""
HEAD_DEADLINE: Final = 15.0
"""How long a connection may be open without a complete head of a request."""
MAX_RUNNING: Final = 256
"""Requests that one process works on at once. A connection without a complete request does not count."""

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
