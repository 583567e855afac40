"""Every knob, read once from the environment and handed down.

Knows what a setting may be, and nothing of who uses it.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, SecretStr

from nomos_mcp.client.constants import API_VERSIONS, DEFAULT_API_VERSION, DEFAULT_BASE_URL, ApiVersion
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.ids import checked
from nomos_mcp.client.trusted_hosts import checked_base_url
from nomos_mcp.settings_http import HttpSettings, http_problems, http_settings
from nomos_mcp.variables import (
    ACCESS_TOKEN,
    API_VERSION,
    AUDIT_FILE,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    CONFIRM,
    CUSTOMER_ID,
    READ_ONLY,
    STATE_KEY,
)

ConfirmMode = Literal["auto", "elicit", "none"]
_CONFIRM_MODES: Final[tuple[ConfirmMode, ...]] = get_args(ConfirmMode)
_SWITCH: Final = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
_MIN_KEY_BYTES: Final = 32
_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}")


class SettingsError(ValueError):
    """The environment holds mistakes.

    Attributes:
        problems: One sentence or two for each mistake: the variable, what is wrong with it, and the cure.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseModel):
    """What the server is started with.

    Attributes:
        client_id: `NOMOS_CLIENT_ID`.
        client_secret: `NOMOS_CLIENT_SECRET`.
        access_token: `NOMOS_ACCESS_TOKEN`, instead of the two above.
        api_version: `NOMOS_API_VERSION`; which vocabulary of statuses upstream is asked for.
        base_url: `NOMOS_BASE_URL`; HTTPS, or plain HTTP on loopback.
        customer_id: `NOMOS_CUSTOMER_ID`; only this customer's objects are seen.
        confirm: `NOMOS_MCP_CONFIRM`; how an order is confirmed.
        read_only: `NOMOS_MCP_READ_ONLY`; nothing may be ordered.
        audit_file: `NOMOS_MCP_AUDIT_FILE`; where attempts to order are recorded, besides stderr.
        state_key: `NOMOS_MCP_STATE_KEY`; signs confirmation codes and the state of open questions. By default a random
            one of the process.
        http: What only the HTTP server uses.
        demo: Answer from the built-in simulator with invented data; credentials and base URL are not used then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    api_version: ApiVersion = DEFAULT_API_VERSION
    base_url: str = DEFAULT_BASE_URL
    customer_id: str = ""
    confirm: ConfirmMode = "auto"
    read_only: bool = False
    audit_file: str = ""
    state_key: SecretStr = SecretStr("")
    http: HttpSettings = HttpSettings()
    demo: bool = False

    @property
    def has_credentials(self) -> bool:
        """Whether anything is configured that Nomos could be asked with."""
        return bool(self.access_token.get_secret_value() or self.client_id)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, *, demo: bool = False) -> Self:
        """Read the settings; an empty variable counts as not set.

        Args:
            environ: Instead of the process's environment.
            demo: Whether the built-in simulator is to answer.

        Raises:
            SettingsError: Some are wrong; it names all of them at once.
        """
        env = {name: value.strip() for name, value in (os.environ if environ is None else environ).items()}
        problems = [
            *_placeholder_problems(env),
            *_credential_problems(env),
            *_version_problems(env),
            *_base_url_problems(env),
            *_customer_problems(env),
            *_ordering_problems(env),
            *http_problems(env),
        ]
        if problems:
            raise SettingsError(problems)
        return cls(
            client_id=env.get(CLIENT_ID, ""),
            client_secret=SecretStr(env.get(CLIENT_SECRET, "")),
            access_token=SecretStr(env.get(ACCESS_TOKEN, "")),
            api_version=next(
                (version for version in API_VERSIONS if version == env.get(API_VERSION)), DEFAULT_API_VERSION
            ),
            base_url=env.get(BASE_URL) or DEFAULT_BASE_URL,
            customer_id=env.get(CUSTOMER_ID, ""),
            confirm=next((mode for mode in _CONFIRM_MODES if mode == env.get(CONFIRM)), "auto"),
            read_only=_SWITCH[env.get(READ_ONLY, "").lower()],
            audit_file=env.get(AUDIT_FILE, ""),
            state_key=SecretStr(env.get(STATE_KEY, "")),
            http=http_settings(env),
            demo=demo,
        )


def _placeholder_problems(env: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: holds the placeholder {value!r} and no value: whoever starts the server did not replace it. "
        "Set the variable where the assistant is started, or write the value into its configuration."
        for name in (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN)  # the others are judged by what they must look like
        if _PLACEHOLDER.fullmatch(value := env.get(name, ""))
    ]


def _credential_problems(env: Mapping[str, str]) -> list[str]:
    client_id, secret, token = (bool(env.get(name)) for name in (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN))
    if token and (client_id or secret):
        other = CLIENT_ID if client_id else CLIENT_SECRET
        cure = f"Unset {ACCESS_TOKEN}, or both {CLIENT_ID} and {CLIENT_SECRET}."
        return [f"{ACCESS_TOKEN}: set together with {other}, and only one of the two ways can be used. {cure}"]
    if client_id != secret:
        there, missing = (CLIENT_ID, CLIENT_SECRET) if client_id else (CLIENT_SECRET, CLIENT_ID)
        return [f"{missing}: not set, but {there} is, and the two go together. Set {missing}, or unset {there}."]
    return []


def _version_problems(env: Mapping[str, str]) -> list[str]:
    version = env.get(API_VERSION)
    if not version or version in API_VERSIONS:
        return []
    return [f"{API_VERSION}: {version!r} is no API version. Use one of {', '.join(API_VERSIONS)}, in full."]


def _base_url_problems(env: Mapping[str, str]) -> list[str]:
    base_url = env.get(BASE_URL)
    if not base_url:
        return []
    try:
        checked_base_url(base_url)
    except InvalidRequestError as error:
        return [f"{BASE_URL}: {error} Unset it to use {DEFAULT_BASE_URL}."]
    return []


def _customer_problems(env: Mapping[str, str]) -> list[str]:
    customer_id = env.get(CUSTOMER_ID)
    if not customer_id:
        return []
    try:
        checked(customer_id, "customer")
    except InvalidRequestError as error:
        return [f"{CUSTOMER_ID}: {error} Unset it to serve the whole organisation."]
    return []


def _ordering_problems(env: Mapping[str, str]) -> list[str]:
    problems: list[str] = []
    if (mode := env.get(CONFIRM)) and mode not in _CONFIRM_MODES:
        problems.append(f"{CONFIRM}: {mode!r} is no way to confirm. Use one of {', '.join(_CONFIRM_MODES)}.")
    if (switch := env.get(READ_ONLY, "")).lower() not in _SWITCH:
        problems.append(f"{READ_ONLY}: {switch!r} is neither on nor off. Use 1 or 0.")
    if (key := env.get(STATE_KEY, "").encode()) and len(key) < _MIN_KEY_BYTES:
        problems.append(
            f"{STATE_KEY}: {len(key)} bytes are too few. Use at least {_MIN_KEY_BYTES}, from a random source."
        )
    if (audit_file := env.get(AUDIT_FILE)) and not Path(audit_file).absolute().parent.is_dir():
        problems.append(f"{AUDIT_FILE}: its folder does not exist. Make the folder, or name a file in one that exists.")
    return problems
