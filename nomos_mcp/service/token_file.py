"""Tokens without an identity provider: a file of salted hashes, written by `nomos-mcp token`, read by the server.

A token is `nmcp_<id>_<secret>`. The secret has 256 random bits, so one round of SHA-256 is enough: what makes hashes
of passwords slow is that passwords can be guessed.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.organisations_file import ORGANISATION
from nomos_mcp.server.request_context import ORDERS_READ, ORG, SCOPES, Caller, CallerToken
from nomos_mcp.service.authorization import InvalidTokenError, TokenCheckUnavailableError

PREFIX: Final = "nmcp_"
_INVALID: Final = "This token is unknown, or it was revoked. Ask the operator of this server for a new one."


class TokenFileError(Exception):
    """The file or the request is wrong; the message says what to do."""


class TokenEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")
    salt: str
    hash: str
    scopes: tuple[str, ...]
    customer: str = ""
    organisation: str = Field(default="", pattern=rf"^(?:{ORGANISATION.pattern})?$")
    created: datetime


class _Content(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[TokenEntry, ...] = ()


class TokenFile:
    """The file, read again when it has changed; made by the first `add` (mode 0600), and no file means no tokens."""

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._stamp: tuple[int, ...] | None = None
        self._entries: tuple[TokenEntry, ...] = ()
        self._by_id: dict[str, tuple[TokenEntry, CallerToken]] = {}

    def entries(self) -> tuple[TokenEntry, ...]:
        """Return what is in the file, oldest first; TokenFileError if it cannot be read or has other content."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokenFileError(f"{self._path} cannot be read: {error.strerror}.") from None
        stamp = stat.st_ino, stat.st_mtime_ns, stat.st_size
        if stamp != self._stamp:
            self._entries = self._read()
            self._by_id = {entry.id: (entry, self._caller_token(entry)) for entry in reversed(self._entries)}
            self._stamp = stamp
        return self._entries

    def check(self, token: str) -> CallerToken:
        """While the file cannot be read, no token is accepted."""
        try:
            entries = self.entries()
        except TokenFileError:
            raise TokenCheckUnavailableError("Tokens cannot be checked right now. Ask again later.") from None
        token_id, _, secret = token.removeprefix(PREFIX).partition("_")
        found = self._by_id.get(token_id) if entries else None
        if found is None or not hmac.compare_digest(found[0].hash, _hash(found[0].salt, secret)):
            raise InvalidTokenError(_INVALID)
        return found[1]

    def _caller_token(self, entry: TokenEntry) -> CallerToken:
        caller = Caller(
            name=entry.name, customer_id=entry.customer, scopes=frozenset(entry.scopes), organisation=entry.organisation
        )
        return CallerToken(
            token="",
            client_id=f"token {entry.id}",
            scopes=sorted(entry.scopes),
            subject=entry.name,
            caller=caller,
            still_holds=partial(self._holds, entry),
        )

    def _holds(self, entry: TokenEntry) -> bool:
        try:
            return entry in self.entries()
        except TokenFileError:
            return False

    def add(self, name: str, scopes: Iterable[str], customer: str = "", organisation: str = "") -> str:
        """Make a token and return it; it cannot be shown again.

        Its holder sees only the objects of `customer` (`cus_…`). If that is empty, the scope `org` is required. A
        server of several organisations takes it for the one that is named, any other server only without a name.
        """
        granted = tuple(scope for scope in SCOPES if scope in set(scopes))
        _check_scopes(set(scopes), customer)
        if organisation and not ORGANISATION.fullmatch(organisation):
            raise TokenFileError("An organisation has 1 to 31 small letters, digits and underscores, a letter first.")
        token_id, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_hex(16)
        with self._changed() as entries:
            if any(entry.name == name for entry in entries):
                raise TokenFileError(f"There is a token named {name!r} already. Revoke it, or use another name.")
            try:
                new = TokenEntry(
                    id=token_id,
                    name=name,
                    salt=salt,
                    hash=_hash(salt, secret),
                    scopes=granted,
                    customer=customer,
                    organisation=organisation,
                    created=self._now().replace(microsecond=0),
                )
            except ValidationError:
                raise TokenFileError("A name has 1 to 64 letters, digits, dots, dashes, underscores or @.") from None
            entries.append(new)
        return f"{PREFIX}{token_id}_{secret}"

    def revoke(self, name: str) -> None:
        """A running server rejects the token from the next request on."""
        with self._changed() as entries:
            found = next((entry for entry in entries if entry.name == name), None)
            if found is None:
                raise TokenFileError(f"There is no token named {name!r}. `nomos-mcp token list` shows all.")
            entries.remove(found)

    def _read(self) -> tuple[TokenEntry, ...]:
        try:
            entries = _Content.model_validate_json(self._path.read_bytes()).tokens
            for entry in entries:
                _check_scopes(set(entry.scopes), entry.customer)
        except OSError as error:
            raise TokenFileError(f"{self._path} cannot be read: {error.strerror}.") from None
        except (ValidationError, TokenFileError):
            raise TokenFileError(f"{self._path} is not a token file. `nomos-mcp token add` makes one.") from None
        return entries

    @contextmanager
    def _changed(self) -> Iterator[list[TokenEntry]]:
        """Lend the entries, then write them to a new file and replace the old one; the new file is the lock."""
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            file = os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        except FileExistsError:
            raise TokenFileError(
                f"Another command is writing. If none is running, one was interrupted: delete {draft}."
            ) from None
        except OSError as error:
            raise TokenFileError(f"{draft} cannot be written: {error.strerror}.") from None
        try:
            with file:
                entries = list(self.entries())
                yield entries
                content = _Content(tokens=tuple(entries))
                # Without what is empty: releases that know no organisations read the file too.
                file.write(content.model_dump_json(indent=2, exclude_defaults=True).encode() + b"\n")
            draft.replace(self._path)  # from here on, a draft of this name belongs to another command
        except BaseException as error:
            draft.unlink()
            if isinstance(error, OSError):
                raise TokenFileError(f"{self._path} cannot be written: {error.strerror}.") from None
            raise


def _check_scopes(scopes: set[str], customer: str) -> None:
    if unknown := sorted(scopes - set(SCOPES)):
        raise TokenFileError(f"There is no scope {unknown[0]!r}. Use {', '.join(SCOPES)}.")
    if ORDERS_READ not in scopes:
        raise TokenFileError(f"Without the scope {ORDERS_READ} its holder could not call anything.")
    if bool(customer) == (ORG in scopes):
        raise TokenFileError(
            f"A token is for one customer, or it has the scope {ORG}, which sees the whole organisation. Choose one."
        )
    try:
        _ = checked(customer, "customer") if customer else ""
    except InvalidRequestError as error:
        raise TokenFileError(str(error)) from None


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}{secret}".encode()).hexdigest()
