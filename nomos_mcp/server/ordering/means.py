"""What ordering works with, made once for a server."""

from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakValueDictionary

import anyio

from nomos_mcp.server.ordering.codes import Codes
from nomos_mcp.server.ordering.record import Record

ConfirmMode = Literal["auto", "elicit", "none"]


@dataclass(frozen=True, slots=True)
class Ordering:
    """The switches, the codes and the record.

    Attributes:
        confirm: How a person's yes is come by (`NOMOS_MCP_CONFIRM`).
        read_only: Nothing may be ordered (`NOMOS_MCP_READ_ONLY`).
        codes: Makes and checks confirmation codes.
        record: Where attempts are recorded.
        turns: A lock for each subscription that is being ordered for right now.
    """

    confirm: ConfirmMode = "auto"
    read_only: bool = False
    codes: Codes = field(default_factory=Codes)
    record: Record = field(default_factory=Record)
    turns: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary, repr=False)
