"""Tokens without an identity provider: a file of salted hashes, which `nomos-mcp token` writes and the server reads.

A token is `nmcp_<id>_<secret>`. The secret has 256 random bits, so one round of SHA-256 is enough: what makes hashes
of passwords slow is that passwords can be guessed.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.server.request_context import ORDERS_READ, ORG, SCOPES, Caller, CallerToken
from nomos_mcp.service.auth.errors import TokenRefusedError, TokensUncheckableError

PREFIX: Final = "nmcp_"
_REFUSED: Final = "This token is not known here, or it was revoked. Ask the operator of this server for a new one."


class TokenFileError(Exception):
    """The file, or what is asked of it, makes no sense; the message says what to do."""


class Entry(BaseModel):
    """One token, without its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")
    salt: str
    hash: str
    scopes: tuple[str, ...]
    customer: str = ""
    created: datetime


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[Entry, ...] = ()


class TokenFile:
    """The file; read again when it has changed.

    Args:
        path: Made by the first `add` (mode 0600); no file means no tokens.
        now: The current time, aware; for tests.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._stamp: tuple[int, ...] | None = None
        self._entries: tuple[Entry, ...] = ()

    def entries(self) -> tuple[Entry, ...]:
        """Return what is in the file, oldest first.

        Raises:
            TokenFileError: It cannot be read, or holds something else.
        """
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokenFileError(f"{self._path} cannot be read: {error.strerror}.") from None
        stamp = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if stamp != self._stamp:
            self._entries = self._read()
            self._stamp = stamp
        return self._entries

    def check(self, token: str) -> CallerToken:
        """Return whom a token stands for.

        Raises:
            TokenRefusedError: It is not in the file.
            TokensUncheckableError: The file cannot be read; nobody gets in until it can.
        """
        try:
            entries = self.entries()
        except TokenFileError:
            raise TokensUncheckableError("Tokens cannot be checked right now. Ask again later.") from None
        token_id, _, secret = token.removeprefix(PREFIX).partition("_")
        entry = next((entry for entry in entries if entry.id == token_id), None)
        if entry is None or not hmac.compare_digest(entry.hash, _hash(entry.salt, secret)):
            raise TokenRefusedError(_REFUSED)
        caller = Caller(name=entry.name, customer_id=entry.customer, scopes=frozenset(entry.scopes))
        return CallerToken(
            token="", client_id=f"token {entry.id}", scopes=sorted(entry.scopes), subject=entry.name, caller=caller
        )

    def add(self, name: str, scopes: Iterable[str], customer: str = "") -> str:
        """Make a token and return it; it cannot be shown again.

        Args:
            name: Goes on record and into the log; unique.
            scopes: What its holder may do.
            customer: `cus_…`: its holder sees this customer's objects only. Empty takes the scope `org`.

        Raises:
            TokenFileError: The arguments make no sense, or the file cannot be written.
        """
        granted = tuple(scope for scope in SCOPES if scope in set(scopes))
        _check_sense(set(scopes), customer)
        token_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)

        def added(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
            if any(entry.name == name for entry in entries):
                raise TokenFileError(f"There is a token named {name!r} already. Revoke it, or use another name.")
            try:
                new = Entry(
                    id=token_id,
                    name=name,
                    salt=salt,
                    hash=_hash(salt, secret),
                    scopes=granted,
                    customer=customer,
                    created=self._now().replace(microsecond=0),
                )
            except ValidationError:
                raise TokenFileError("A name has 1 to 64 letters, digits, dots, dashes, underscores or @.") from None
            return (*entries, new)

        self._rewrite(added)
        return f"{PREFIX}{token_id}_{secret}"

    def revoke(self, name: str) -> None:
        """Take a token out. A running server refuses it from the next request on.

        Raises:
            TokenFileError: There is none of that name, or the file cannot be written.
        """

        def left(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
            kept = tuple(entry for entry in entries if entry.name != name)
            if len(kept) == len(entries):
                raise TokenFileError(f"There is no token named {name!r}. `nomos-mcp token list` shows those there are.")
            return kept

        self._rewrite(left)

    def _read(self) -> tuple[Entry, ...]:
        try:
            entries = _Content.model_validate_json(self._path.read_bytes()).tokens
            for entry in entries:
                _check_sense(set(entry.scopes), entry.customer)
        except OSError as error:
            raise TokenFileError(f"{self._path} cannot be read: {error.strerror}.") from None
        except (ValidationError, TokenFileError):
            raise TokenFileError(f"{self._path} is no file of tokens. `nomos-mcp token add` makes one.") from None
        return entries

    def _rewrite(self, change: Callable[[tuple[Entry, ...]], tuple[Entry, ...]]) -> None:
        """Write the file anew beside the old one and put it in its place; the new one's existence is the lock."""
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            file = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except FileExistsError:
            raise TokenFileError(
                f"Another command is writing; if none is, one was interrupted: delete {draft}."
            ) from None
        except OSError as error:
            raise TokenFileError(f"{draft} cannot be written: {error.strerror}.") from None
        try:
            with file:
                content = _Content(tokens=change(self.entries()))
                file.write(content.model_dump_json(indent=2).encode() + b"\n")
            draft.replace(self._path)  # from here on a draft of that name is another command's
        except BaseException as error:
            draft.unlink()
            if isinstance(error, OSError):
                raise TokenFileError(f"{self._path} cannot be written: {error.strerror}.") from None
            raise


def _check_sense(scopes: set[str], customer: str) -> None:
    if unknown := sorted(scopes - set(SCOPES)):
        raise TokenFileError(f"There is no scope {unknown[0]!r}. There are {', '.join(SCOPES)}.")
    if ORDERS_READ not in scopes:
        raise TokenFileError(f"Without the scope {ORDERS_READ} its holder could call nothing.")
    if bool(customer) == (ORG in scopes):
        raise TokenFileError(
            f"A token is either for one customer, or has the scope {ORG}, which sees everybody's objects."
        )
    try:
        _ = checked(customer, "customer") if customer else ""
    except InvalidRequestError as error:
        raise TokenFileError(str(error)) from None


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
