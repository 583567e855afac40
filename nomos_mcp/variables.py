"""The environment variables: what `--help`, the README, `server.json` and `nomos-mcp doctor` say about each.

Imports nothing of the package, so that a help text costs nothing. `settings` reads and checks the values; tests check
that every default and choice stated here holds there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

CLIENT_ID: Final = "NOMOS_CLIENT_ID"
CLIENT_SECRET: Final = "NOMOS_CLIENT_SECRET"  # noqa: S105  the variable's name, not its value
ACCESS_TOKEN: Final = "NOMOS_ACCESS_TOKEN"  # noqa: S105  as above
API_VERSION: Final = "NOMOS_API_VERSION"
BASE_URL: Final = "NOMOS_BASE_URL"
CUSTOMER_ID: Final = "NOMOS_CUSTOMER_ID"
CONFIRM: Final = "NOMOS_MCP_CONFIRM"
READ_ONLY: Final = "NOMOS_MCP_READ_ONLY"
AUDIT_FILE: Final = "NOMOS_MCP_AUDIT_FILE"
STATE_KEY: Final = "NOMOS_MCP_STATE_KEY"
DATABASE: Final = "NOMOS_MCP_DATABASE"

AUTH_ISSUER: Final = "NOMOS_MCP_AUTH_ISSUER"
AUTH_JWKS_URL: Final = "NOMOS_MCP_AUTH_JWKS_URL"
AUTH_AUDIENCE: Final = "NOMOS_MCP_AUTH_AUDIENCE"
AUTH_CUSTOMER_CLAIM: Final = "NOMOS_MCP_AUTH_CUSTOMER_CLAIM"
AUTH_ORGANISATION_CLAIM: Final = "NOMOS_MCP_AUTH_ORGANISATION_CLAIM"
AUTH_SCOPE_PREFIX: Final = "NOMOS_MCP_AUTH_SCOPE_PREFIX"
PUBLIC_URL: Final = "NOMOS_MCP_PUBLIC_URL"
TOKENS_FILE: Final = "NOMOS_MCP_TOKENS_FILE"
ALLOWED_HOSTS: Final = "NOMOS_MCP_ALLOWED_HOSTS"
ALLOWED_ORIGINS: Final = "NOMOS_MCP_ALLOWED_ORIGINS"
CALLS_PER_MINUTE: Final = "NOMOS_MCP_CALLS_PER_MINUTE"
WATCH_EVERY: Final = "NOMOS_MCP_WATCH_EVERY"
WEBHOOK_SECRETS: Final = "NOMOS_MCP_WEBHOOK_SECRETS"
ORGANISATIONS: Final = "NOMOS_MCP_ORGANISATIONS"
REPLICAS: Final = "NOMOS_MCP_REPLICAS"

EXTENSION: Final = "NOMOS_MCP_EXTENSION"
"""Set by the desktop bundle's entry point for its own process: errors about credentials then name its settings."""

POSTGRESQL_URLS: Final = ("postgresql://", "postgres://")
"""How `NOMOS_MCP_DATABASE` begins if it names PostgreSQL."""

ConfirmMode = Literal["auto", "elicit", "code", "none"]
"""How an order is confirmed, as `NOMOS_MCP_CONFIRM` says."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, and what is said about it."""

    name: str
    purpose: str  # without a full stop
    default: str = ""
    choices: Sequence[str] = ()  # all allowed values, if that is a closed list
    secret: bool = False
    kind: Literal["string", "filepath"] = "string"


VARIABLES: Final = (
    Variable(CLIENT_ID, f"ID of the Nomos Auth Client; goes with {CLIENT_SECRET}"),
    Variable(CLIENT_SECRET, "secret of the Nomos Auth Client", secret=True),
    Variable(ACCESS_TOKEN, "a bearer token, instead of client ID and secret", secret=True),
    Variable(
        API_VERSION,
        "API version whose vocabulary of statuses is used",
        "2026-05-27.curie",
        ("2026-05-27.curie", "2026-01-29.edison", "2025-12-16.batman", "2025-12-01.chucky"),
    ),
    Variable(BASE_URL, "where the Nomos API is; plain HTTP on loopback only", "https://api.nomos.energy"),
    Variable(CUSTOMER_ID, "serve only this customer (cus_…); no other customer's objects are visible"),
    Variable(
        CONFIRM,
        "how an order is confirmed: by a form, or by a code where the client shows no form (auto), by a form only "
        "(elicit), by a code only (code), or not at all (none)",
        "auto",
        ("auto", "elicit", "code", "none"),
    ),
    Variable(READ_ONLY, "1: nothing can be ordered", "0", ("0", "1")),
    Variable(
        AUDIT_FILE,
        "file in which every attempt to order is recorded, besides stderr; not with PostgreSQL",
        kind="filepath",
    ),
    Variable(
        STATE_KEY,
        "at least 32 bytes; signs confirmation codes; needed by several processes; by default random",
        secret=True,
    ),
    Variable(
        DATABASE,
        "where the history is kept, with PostgreSQL the record of orders too: a file, sqlite:///… or postgresql://…; "
        "without it there is none",
        secret=True,
    ),
)

HTTP_VARIABLES: Final = (
    Variable(AUTH_ISSUER, "trusted JWT issuer, exactly as in `iss`"),
    Variable(AUTH_JWKS_URL, "where the issuer's keys are"),
    Variable(AUTH_AUDIENCE, "required in a token's `aud`; by default the public URL"),
    Variable(AUTH_CUSTOMER_CLAIM, "the claim with the only customer that a caller may see", "nomos_customer"),
    Variable(AUTH_ORGANISATION_CLAIM, "the claim with the caller's organisation", "nomos_organisation"),
    Variable(AUTH_SCOPE_PREFIX, "what clients put before a scope when they ask the issuer for it; tokens may omit it"),
    Variable(PUBLIC_URL, "the URL that clients use, ending in /mcp"),
    Variable(TOKENS_FILE, "file of the tokens made by `nomos-mcp token`", kind="filepath"),
    Variable(ALLOWED_HOSTS, "allowed `Host` headers, exact; by default loopback and the public URL's"),
    Variable(ALLOWED_ORIGINS, "allowed `Origin` headers, exact, besides the server's own"),
    Variable(CALLS_PER_MINUTE, "calls that each caller with a token may make in a minute", "120"),
    Variable(WATCH_EVERY, "how often to look at all orders that can still change, such as 24h; needs a database"),
    Variable(
        WEBHOOK_SECRETS,
        "secrets of the webhook endpoints, separated by commas; turns /webhooks/nomos on; needs a database",
        secret=True,
    ),
    Variable(
        ORGANISATIONS,
        "TOML file of several organisations, each with credentials of its own; needs authentication",
        kind="filepath",
    ),
    Variable(
        REPLICAS, "how many replicas divide the rate limits while PostgreSQL is away, and that of Nomos without it"
    ),
)
"""Of `nomos-mcp http`; some also of commands that work on what it keeps."""
