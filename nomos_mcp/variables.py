"""The environment variables in words: what `--help`, the README, `server.json` and `nomos-mcp doctor` say about them.

Knows no value: `settings` reads and judges them. A test holds that both name the same variables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from nomos_mcp import settings
from nomos_mcp.client.constants import DEFAULT_BASE_URL
from nomos_mcp.client.versions import API_VERSIONS, DEFAULT_API_VERSION


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable.

    Attributes:
        name: Its name.
        purpose: One sentence without a full stop.
        default: What holds if it is not set; empty if nothing does.
        choices: What it can be set to, if that is a closed list.
        secret: Whether its value must not be shown.
        kind: What its value is.
    """

    name: str
    purpose: str
    default: str = ""
    choices: Sequence[str] = ()
    secret: bool = False
    kind: Literal["string", "filepath"] = "string"


VARIABLES: Final = (
    Variable(settings.CLIENT_ID, f"ID of the Nomos Auth Client; goes with {settings.CLIENT_SECRET}"),
    Variable(settings.CLIENT_SECRET, "secret of the Nomos Auth Client", secret=True),
    Variable(settings.ACCESS_TOKEN, "a bearer token, instead of client ID and secret", secret=True),
    Variable(
        settings.API_VERSION,
        "API version whose vocabulary of statuses is used",
        DEFAULT_API_VERSION,
        API_VERSIONS,
    ),
    Variable(settings.BASE_URL, "where the Nomos API is; plain HTTP on loopback only", DEFAULT_BASE_URL),
    Variable(settings.CUSTOMER_ID, "serve this customer (cus_…) only: nobody else's objects can be seen"),
    Variable(settings.CONFIRM, "how a person's yes to an order is come by", "auto", ("auto", "elicit", "none")),
    Variable(settings.READ_ONLY, "1: nothing can be ordered", "0", ("0", "1")),
    Variable(settings.AUDIT_FILE, "file in which every attempt to order is recorded, besides stderr", kind="filepath"),
    Variable(
        settings.STATE_KEY,
        "at least 32 bytes; signs confirmation codes for several processes; by default made at start",
        secret=True,
    ),
)
