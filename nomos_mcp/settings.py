"""The settings: what each environment variable may hold, all mistakes reported at once, each with its fix."""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from nomos_mcp.authentication_settings import authentication_problems, folder_problems
from nomos_mcp.client.environment import ClientVariables, client_problems, stripped, unreadable
from nomos_mcp.client.http_messages import CURIE, EDISON
from nomos_mcp.organisations_file import MIN_SECRET_BYTES, OrganisationSettings, choose, read_organisations
from nomos_mcp.variables import (
    ALLOWED_HOSTS,
    ALLOWED_ORIGINS,
    API_VERSION,
    AUDIT_FILE,
    AUTH_AUDIENCE,
    AUTH_CUSTOMER_CLAIM,
    AUTH_ISSUER,
    AUTH_JWKS_URL,
    AUTH_ORGANISATION_CLAIM,
    AUTH_SCOPE_PREFIX,
    CALLS_PER_MINUTE,
    CLIENT_ID,
    CONFIRM,
    CUSTOMER_ID,
    DATABASE,
    POSTGRESQL_URLS,
    PUBLIC_URL,
    READ_ONLY,
    REPLICAS,
    STATE_KEY,
    TOKENS_FILE,
    WATCH_EVERY,
    WEBHOOK_SECRETS,
    ConfirmMode,
)

DEFAULT_CUSTOMER_CLAIM: Final = "nomos_customer"
DEFAULT_ORGANISATION_CLAIM: Final = "nomos_organisation"
DEFAULT_CALLS_PER_MINUTE: Final = 120
MIN_KEY_BYTES: Final = 32

_CONFIRM_MODES: Final[tuple[ConfirmMode, ...]] = get_args(ConfirmMode)
_MAX_CALLS_PER_MINUTE: Final = 60_000
_MAX_REPLICAS: Final = 100
_SWITCH: Final = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
_DURATION: Final = re.compile(r"(\d{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST: Final = timedelta(days=36_500)
_DATABASES: Final = frozenset({"sqlite", "postgresql", "postgres"})
_LIBRARIES: Final = ("sqlalchemy", "aiosqlite", "alembic")
_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::\d{1,5})?")


class SettingsError(ValueError):
    """The environment holds mistakes: `problems` names the variable of each, what is wrong, and how to fix it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class HttpSettings(BaseModel):
    """The settings of the HTTP server only; each field is one of `variables.HTTP_VARIABLES`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = ""
    audience: str = ""
    jwks_url: str = ""
    customer_claim: str = DEFAULT_CUSTOMER_CLAIM
    organisation_claim: str = DEFAULT_ORGANISATION_CLAIM
    scope_prefix: str = ""
    public_url: str = ""
    tokens_file: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    calls_per_minute: int = DEFAULT_CALLS_PER_MINUTE
    watch_every: timedelta | None = None
    webhook_secrets: tuple[SecretStr, ...] = ()
    organisations: tuple[OrganisationSettings, ...] = ()
    replicas: int | None = None

    @property
    def authenticates(self) -> bool:
        """Whether callers need a token."""
        return bool(self.issuer or self.tokens_file)


class Settings(ClientVariables):
    """The settings of the server; each field but the last three is one of `variables.VARIABLES`.

    `demo` answers from the built-in simulator with invented data: credentials and base URL are not used.
    `organisation` is whose settings these are; empty where there is only one.
    """

    confirm: ConfirmMode = "auto"
    read_only: bool = False
    audit_file: str = ""
    state_key: SecretStr = SecretStr("")
    database: SecretStr = SecretStr("")
    http: HttpSettings = HttpSettings()
    demo: bool = False
    organisation: str = ""

    @property
    def has_credentials(self) -> bool:
        """Whether there are credentials for Nomos."""
        return bool(self.access_token.get_secret_value() or self.client_id)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, demo: bool = False) -> Self:
        """Read the settings; an empty variable counts as not set.

        Raises:
            SettingsError: Some are wrong; it names all of them at once.
        """
        env = stripped(os.environ if environ is None else environ)
        if problems := unreadable(env):
            raise SettingsError(problems)
        organisations, mistakes = read_organisations(env, demo=demo)
        if problems := [
            *client_problems(env),
            *_ordering_problems(env, demo=demo),
            *authentication_problems(env),
            *_http_problems(env),
            *_history_problems(env, demo=demo),
            *mistakes,
        ]:
            raise SettingsError(problems)
        return cls(
            **dict(ClientVariables.read(env)),
            confirm=next((mode for mode in _CONFIRM_MODES if mode == env.get(CONFIRM)), "auto"),
            read_only=_SWITCH[env.get(READ_ONLY, "").lower()],
            audit_file=env.get(AUDIT_FILE, ""),
            state_key=SecretStr(env.get(STATE_KEY, "")),
            database=SecretStr("" if demo else env.get(DATABASE, "")),
            http=_http_settings(env, organisations),
            demo=demo,
        )

    def of(self, organisation: str = "") -> Self:
        """Return the settings of one of the organisations; without any, and without a name, these.

        The key of confirmation codes and request states is the organisation's own, so that none counts in another.

        Raises:
            SettingsError: There are organisations, and none or an unknown one is named; or there are none.
        """
        try:
            chosen = choose(self.http.organisations, organisation)
        except ValueError as error:
            raise SettingsError([str(error)]) from None
        if chosen is None:
            return self
        own = chosen.model_dump(exclude={"name", "webhook_secrets", "variables"})
        http = self.http.model_copy(update={"organisations": (), "webhook_secrets": chosen.webhook_secrets})
        key = chosen.own_key(self.state_key)
        return self.model_copy(update={**own, "organisation": organisation, "state_key": key, "http": http})


def _http_settings(env: Mapping[str, str], organisations: list[OrganisationSettings]) -> HttpSettings:
    public_url = env.get(PUBLIC_URL, "").rstrip("/")
    return HttpSettings(
        issuer=env.get(AUTH_ISSUER, ""),
        audience=env.get(AUTH_AUDIENCE) or public_url,
        jwks_url=env.get(AUTH_JWKS_URL, ""),
        customer_claim=env.get(AUTH_CUSTOMER_CLAIM) or DEFAULT_CUSTOMER_CLAIM,
        organisation_claim=env.get(AUTH_ORGANISATION_CLAIM) or DEFAULT_ORGANISATION_CLAIM,
        scope_prefix=env.get(AUTH_SCOPE_PREFIX, ""),
        public_url=public_url,
        tokens_file=env.get(TOKENS_FILE, ""),
        allowed_hosts=_listed(env, ALLOWED_HOSTS),
        allowed_origins=_listed(env, ALLOWED_ORIGINS),
        calls_per_minute=int(env.get(CALLS_PER_MINUTE) or DEFAULT_CALLS_PER_MINUTE),
        watch_every=duration(env.get(WATCH_EVERY, "")),
        webhook_secrets=tuple(SecretStr(each) for each in _secrets(env)),
        organisations=tuple(organisations),
        replicas=int(env[REPLICAS]) if env.get(REPLICAS) else None,
    )


def watch_problems(settings: Settings) -> list[str]:
    """Return why these settings do not allow watching."""
    problems = []
    if not settings.database.get_secret_value():
        problems.append(f"{DATABASE}: not set. Set it to where what is seen is kept: a file, or postgresql://…")
    if not settings.has_credentials:
        problems.append(f"{CLIENT_ID}: not set. Watching reads orders from Nomos, which takes credentials.")
    if settings.api_version not in (CURIE, EDISON):
        problems.append(f"{API_VERSION}: {settings.api_version} has no meter orders to watch. Use {CURIE} or {EDISON}.")
    if settings.customer_id:
        problems.append(
            f"{CUSTOMER_ID}: set, so only one customer's orders may be read. A history is the whole organisation's: "
            "unset it here; a server that has it set shows that customer's part of the history."
        )
    return problems


def duration(text: str) -> timedelta | None:
    """Read a time span such as 30m, 24h or 400d; None for what is none, and for more than a century."""
    found = _DURATION.fullmatch(text)
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    return span if timedelta() < span <= _LONGEST else None


def _secrets(env: Mapping[str, str]) -> list[str]:
    return [each.strip() for each in env.get(WEBHOOK_SECRETS, "").split(",") if each.strip()]


def _history_problems(env: Mapping[str, str], *, demo: bool) -> Iterator[str]:
    database = "" if demo else env.get(DATABASE, "")
    if flaw := _database_flaw(database):
        yield f"{DATABASE}: {flaw}"
    elif missing := ", ".join(each for each in _LIBRARIES if database and find_spec(each) is None):
        yield f"{DATABASE}: set, but its libraries are not installed ({missing}). Install nomos-mcp anew, or unset it."
    if (every := env.get(WATCH_EVERY)) and duration(every) is None:
        yield f"{WATCH_EVERY}: {every[:20]!r} is no time span. Use a number with m, h or d, such as 24h."
    if any(len(each.encode()) < MIN_SECRET_BYTES for each in _secrets(env)):
        yield f"{WEBHOOK_SECRETS}: a secret has under {MIN_SECRET_BYTES} bytes. Copy it whole from the dashboard."
    for name in (WATCH_EVERY, WEBHOOK_SECRETS):
        if env.get(name) and not (database or demo):
            yield f"{name}: set, but {DATABASE} is not, where what is seen would be kept. Set it, or unset {name}."


def _database_flaw(database: str) -> str:
    scheme, separator, rest = database.partition("://")
    forms = "Use a file's path, sqlite:///path/of/a/file, or postgresql://user:password@host/database."
    if not separator:
        if scheme.partition(":")[0] in _DATABASES and ":" in scheme:  # a URL with a slash too few is no file
            return f"names no database that is supported. {forms}"
        return _file_flaw(database) if database else ""
    if scheme not in _DATABASES or not rest.strip("/") or (scheme == "sqlite" and not rest.startswith("/")):
        return f"names no database that is supported. {forms}"
    if scheme == "sqlite":
        return _file_flaw(rest.removeprefix("/"))
    try:
        _ = urlsplit(database).port
    except ValueError:
        return f"is not a URL: its host or port is wrong, or a character in its password needs %-encoding. {forms}"
    return ""


def _file_flaw(path: str) -> str:
    try:
        file = Path(path).expanduser()
    except RuntimeError:
        return "its ~ stands for no folder. Use the path from the root on."
    if not file.absolute().parent.is_dir():
        return "its folder does not exist. Make the folder, or name a file in one that exists."
    return ""


def _ordering_problems(env: Mapping[str, str], *, demo: bool) -> Iterator[str]:
    if (mode := env.get(CONFIRM)) and mode not in _CONFIRM_MODES:
        yield f"{CONFIRM}: {mode!r} is not a way to confirm. Use one of {', '.join(_CONFIRM_MODES)}."
    if (switch := env.get(READ_ONLY, "")).lower() not in _SWITCH:
        yield f"{READ_ONLY}: {switch!r} is neither on nor off. Use 1 or 0."
    if (key := env.get(STATE_KEY, "").encode()) and len(key) < MIN_KEY_BYTES:
        yield f"{STATE_KEY}: {len(key)} bytes are too few. Use at least {MIN_KEY_BYTES}, from a random source."
    yield from folder_problems(env, AUDIT_FILE)
    if env.get(AUDIT_FILE) and not demo and env.get(DATABASE, "").startswith(POSTGRESQL_URLS):
        yield (
            f"{AUDIT_FILE}: set together with PostgreSQL in {DATABASE}, whose table is the record of orders then: "
            f"`nomos-mcp orders export` prints it. Unset {AUDIT_FILE}."
        )


def _http_problems(env: Mapping[str, str]) -> Iterator[str]:
    for host in _listed(env, ALLOWED_HOSTS):
        if not _HOST.fullmatch(host):
            yield f"{ALLOWED_HOSTS}: {host!r} is not a host. Use exact names such as `mcp.example.com:8443`."
    for origin in _listed(env, ALLOWED_ORIGINS):
        scheme, _, host = origin.partition("://")
        if scheme not in {"https", "http"} or not _HOST.fullmatch(host):
            yield f"{ALLOWED_ORIGINS}: {origin!r} is not an origin. Use exact ones such as `https://chat.example.com`."
    if not _is_number(calls := env.get(CALLS_PER_MINUTE) or "1", _MAX_CALLS_PER_MINUTE):
        yield f"{CALLS_PER_MINUTE}: {calls!r} is not a number of calls. Use 1 to {_MAX_CALLS_PER_MINUTE}."
    if not _is_number(replicas := env.get(REPLICAS) or "1", _MAX_REPLICAS):
        yield f"{REPLICAS}: {replicas!r} is not a number of replicas. Use 1 to {_MAX_REPLICAS}."


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= most


def _listed(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(entry.strip().lower() for entry in env.get(name, "").split(",") if entry.strip())
