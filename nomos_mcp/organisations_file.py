"""`NOMOS_MCP_ORGANISATIONS`: a TOML file with a table for each organisation. It names variables, never their values."""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from nomos_mcp.client.environment import is_utf8
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.http_messages import API_VERSIONS, DEFAULT_API_VERSION, ApiVersion
from nomos_mcp.client.trusted_hosts import DEFAULT_BASE_URL, checked_base_url
from nomos_mcp.variables import (
    ACCESS_TOKEN,
    API_VERSION,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    CUSTOMER_ID,
    DATABASE,
    ORGANISATIONS,
    POSTGRESQL_URLS,
    WEBHOOK_SECRETS,
)

ORGANISATION: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
"""What an organisation may be called: its schema in the database has its name."""

MIN_SECRET_BYTES: Final = 16
"""Of a webhook's secret."""

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_PLACE: Final = re.compile(r"\(at [a-z0-9 ,]+\)$")
_ID, _SECRET, _TOKEN, _WEBHOOKS = "client_id_env", "client_secret_env", "access_token_env", "webhook_secrets_env"
_NAMES_OF_VARIABLES: Final = (_ID, _SECRET, _TOKEN, _WEBHOOKS)
_KEYS: Final = (*_NAMES_OF_VARIABLES, "api_version", "base_url")
_OF_ONE: Final = (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN, API_VERSION, BASE_URL, CUSTOMER_ID, WEBHOOK_SECRETS)


class OrganisationSettings(BaseModel):
    """One table of the file, with the values of the variables that it names, which are `variables`."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    api_version: ApiVersion = DEFAULT_API_VERSION
    base_url: str = DEFAULT_BASE_URL
    webhook_secrets: tuple[SecretStr, ...] = ()
    variables: tuple[str, ...] = ()

    def own_key(self, key: SecretStr) -> SecretStr:
        """Return the organisation's own one of a key that all share; empty if that is."""
        shared = key.get_secret_value().encode()
        info = f"nomos-mcp organisation {self.name}".encode()
        return SecretStr(hmac.digest(shared, info, "sha256").hex() if shared else "")


def choose(organisations: Sequence[OrganisationSettings], name: str) -> OrganisationSettings | None:
    """Return the organisation of a name; None if there are no organisations and none is named.

    Raises:
        ValueError: There are organisations, and none or an unknown one is named; or there are none. Says what to do.
    """
    known = {each.name: each for each in organisations}
    if name in known:
        return known[name]
    if known:
        given = f"{name[:40]!r} is unknown" if name else "not given"
        raise ValueError(f"--organisation: {given}. Use one of those in {ORGANISATIONS}: {', '.join(known)}.")
    if name:
        raise ValueError(f"--organisation: given, but {ORGANISATIONS} is not set. Leave it out, or set the variable.")
    return None


def read_organisations(env: Mapping[str, str], *, demo: bool) -> tuple[list[OrganisationSettings], list[str]]:
    """Return the organisations of the file that `NOMOS_MCP_ORGANISATIONS` names, and all mistakes in it and around it.

    Args:
        env: The environment, without white space around its values.
        demo: Whether all data is invented.
    """
    path = env.get(ORGANISATIONS)
    if not path:
        return [], []
    import tomllib  # noqa: PLC0415  other servers need not wait for it

    problems = list(_conflicts(env, demo=demo))
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        return [], [*problems, f"{ORGANISATIONS}: {path} cannot be read: {error.strerror}. Name a TOML file."]
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))  # the rest may quote what the file holds
        return [], [*problems, f"{ORGANISATIONS}: {path} is not TOML{f' {place[0]}' if place else ''}. Correct it."]
    except (ValueError, RecursionError):  # no UTF-8, a number of thousands of digits, tables in tables in tables
        return [], [*problems, f"{ORGANISATIONS}: {path} is not TOML. Correct it."]
    if not tables:
        problems.append(f"{ORGANISATIONS}: {path} holds no organisation. Give each one a table, such as [acme].")
    read = [_Table(path, name, content, env) for name, content in tables.items()]
    problems += [problem for table in read for problem in table.problems()]
    problems += _shared(read)
    return ([] if problems else [table.settings() for table in read]), problems


def _conflicts(env: Mapping[str, str], *, demo: bool) -> Iterator[str]:
    if demo:
        yield f"{ORGANISATIONS}: set, and --demo serves one invented organisation. Unset it, or leave --demo out."
    for name in _OF_ONE:
        if env.get(name):
            yield f"{name}: set together with {ORGANISATIONS}, whose file says it for each organisation. Unset it."
    if (database := env.get(DATABASE, "")) and not database.startswith(POSTGRESQL_URLS):
        yield (
            f"{DATABASE}: names SQLite, which cannot keep the organisations of {ORGANISATIONS} apart. Use "
            "postgresql://…, or unset it."
        )


class _Table:
    def __init__(self, path: str, name: str, content: object, env: Mapping[str, str]) -> None:
        self.name = name
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}
        self._is_table = isinstance(content, dict)
        self._path = path
        self._env = env

    def value(self, key: str) -> str:
        """Return a text of the table, or the value of the variable that it names."""
        given = self.content.get(key, "")
        if not isinstance(given, str):
            return ""
        if key not in _NAMES_OF_VARIABLES:
            return given
        return self._env.get(given, "") if _VARIABLE.fullmatch(given) else ""

    def secrets(self) -> list[str]:
        return [each.strip() for each in self.value(_WEBHOOKS).split(",") if each.strip()]

    def problem(self, key: str, flaw: str) -> str:
        return f"{ORGANISATIONS}: {self._path}, [{self.name[:40]}]{key and f' {key}'}: {flaw}"

    def problems(self) -> Iterator[str]:
        if not self._is_table:
            yield self.problem("", "is a key outside of every table. Put it below the [name] of its organisation.")
            return
        if not ORGANISATION.fullmatch(self.name):
            yield self.problem(
                "", "is no name of an organisation. Use 1 to 31 small letters, digits and underscores, a letter first."
            )
        for key in self.content:
            if key not in _KEYS:
                yield self.problem(key[:40], f"no key of this name exists. Use {', '.join(_KEYS)}.")
            elif flaw := self._flaw(key):
                yield self.problem(key, flaw)
        yield from self._credential_problems()

    def _flaw(self, key: str) -> str:  # noqa: PLR0911  one return for each flaw
        given = self.content[key]
        if not isinstance(given, str) or not given:
            return "is no text. Write one, in quotes."
        if key == "api_version":
            known = ", ".join(API_VERSIONS)
            return "" if given in API_VERSIONS else f"is not an API version. Use one of {known}, in full."
        if key == "base_url":
            try:
                checked_base_url(given)
            except InvalidRequestError as error:
                return f"{error} Leave it out to use {DEFAULT_BASE_URL}."
            return ""
        if not _VARIABLE.fullmatch(given):  # it may be a secret, so it is not quoted
            return (
                "is not the name of an environment variable (capital letters, digits, underscores). Name the variable "
                "here, and put the value there."
            )
        if not (value := self.value(key)):
            return "the environment variable that it names is not set. Set it, or name another."
        if value.startswith("${") and value.endswith("}"):
            return "the environment variable that it names holds a placeholder and no value. Set it to the value."
        if not is_utf8(value):
            return "the environment variable that it names holds bytes that are not UTF-8. Write it again, as UTF-8."
        return self._webhooks_flaw() if key == _WEBHOOKS else ""

    def _webhooks_flaw(self) -> str:
        if not self.secrets():
            return "the environment variable that it names holds no secret. Set it to one, or leave this out."
        if any(len(each.encode()) < MIN_SECRET_BYTES for each in self.secrets()):
            return f"one of these secrets has under {MIN_SECRET_BYTES} bytes. Copy it whole from the dashboard."
        if not self._env.get(DATABASE):
            return f"given, but {DATABASE} is not set, where what is seen would be kept. Set it, or leave this out."
        return ""

    def _credential_problems(self) -> Iterator[str]:
        client_id, secret, token = (key in self.content for key in (_ID, _SECRET, _TOKEN))
        if token and (client_id or secret):
            yield self.problem(_TOKEN, f"given together with {_ID if client_id else _SECRET}. Leave one of them out.")
        elif client_id != secret:
            there, missing = (_ID, _SECRET) if client_id else (_SECRET, _ID)
            yield self.problem(missing, f"not given, but {there} is, and the two go together. Add it.")
        elif not (client_id or token):
            yield self.problem(_ID, f"not given, so there are no credentials. Add {_ID} and {_SECRET}, or {_TOKEN}.")

    def credentials(self) -> tuple[str, str]:
        """Return the host at which credentials count, and what tells them from others there."""
        try:
            base_url = checked_base_url(self.value("base_url") or DEFAULT_BASE_URL)
        except InvalidRequestError:  # which is told as a mistake of its own
            base_url = ""
        return urlsplit(base_url).netloc, self.value(_ID) or self.value(_TOKEN)

    def settings(self) -> OrganisationSettings:
        return OrganisationSettings(
            name=self.name,
            client_id=self.value(_ID),
            client_secret=SecretStr(self.value(_SECRET)),
            access_token=SecretStr(self.value(_TOKEN)),
            api_version=next((v for v in API_VERSIONS if v == self.value("api_version")), DEFAULT_API_VERSION),
            base_url=checked_base_url(self.value("base_url") or DEFAULT_BASE_URL),
            webhook_secrets=tuple(map(SecretStr, self.secrets())),
            variables=tuple(self.content[key] for key in _NAMES_OF_VARIABLES if key in self.content),
        )


def _shared(tables: list[_Table]) -> Iterator[str]:
    """Yield what two organisations have in common that only one can have."""
    credentials: dict[tuple[str, str], str] = {}
    signers: dict[str, str] = {}
    for table in tables:
        first = credentials.setdefault(table.credentials(), table.name)
        if first != table.name and table.credentials()[1]:
            key = _ID if table.value(_ID) else _TOKEN
            yield table.problem(
                key, f"the same as of [{first}], so both would share one rate limit at Nomos unknowingly. Merge them."
            )
        others = {signers.setdefault(secret, table.name) for secret in table.secrets()} - {table.name}
        for other in sorted(others):
            yield table.problem(
                _WEBHOOKS,
                f"holds a secret of [{other}] too, and a secret tells whose a webhook is. Use different ones.",
            )
