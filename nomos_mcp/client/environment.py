"""The environment variables that concern the client: what each may hold, all mistakes at once, each with its fix.

The one place of these rules: `NomosClient.from_env` and the server's settings both read the variables here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, SecretStr

from nomos_mcp.client.credentials import is_token
from nomos_mcp.client.errors import InvalidRequestError
from nomos_mcp.client.http_messages import API_VERSIONS, DEFAULT_API_VERSION, ApiVersion
from nomos_mcp.client.ids import checked
from nomos_mcp.client.trusted_hosts import DEFAULT_BASE_URL, checked_base_url
from nomos_mcp.variables import ACCESS_TOKEN, API_VERSION, BASE_URL, CLIENT_ID, CLIENT_SECRET, CUSTOMER_ID

_PLACEHOLDER: Final = re.compile(r"\$\{[^}]*\}")


class ClientVariables(BaseModel):
    """What the variables say; what is not set is empty, or the default. Never shows a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    access_token: SecretStr = SecretStr("")
    api_version: ApiVersion = DEFAULT_API_VERSION
    base_url: str = DEFAULT_BASE_URL
    customer_id: str = ""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> Self:
        """Read variables in which `client_problems` finds nothing."""
        return cls(
            client_id=env.get(CLIENT_ID, ""),
            client_secret=SecretStr(env.get(CLIENT_SECRET, "")),
            access_token=SecretStr(env.get(ACCESS_TOKEN, "")),
            api_version=next((known for known in API_VERSIONS if known == env.get(API_VERSION)), DEFAULT_API_VERSION),
            base_url=checked_base_url(env.get(BASE_URL) or DEFAULT_BASE_URL),
            customer_id=env.get(CUSTOMER_ID, ""),
        )


def stripped(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as it is read: without white space around its values."""
    return {name: value.strip() for name, value in environ.items()}


def is_utf8(value: str) -> bool:
    """Whether the bytes of a variable are UTF-8; Python keeps all others as surrogates, which nothing can encode."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def unreadable(env: Mapping[str, str]) -> list[str]:
    """Return a mistake for each variable of ours that is not UTF-8. It is told alone: such a value breaks any check."""
    return [
        f"{name}: holds bytes that are not UTF-8, as a text in another encoding does. Write its value again, as UTF-8."
        for name, value in env.items()
        if name.startswith("NOMOS_") and not is_utf8(value)
    ]


def client_problems(env: Mapping[str, str]) -> Iterator[str]:
    """Yield every mistake: the variable's name, what is wrong, and how to fix it. No secret is quoted."""
    for name in (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN):  # in the others a placeholder has the wrong form anyway
        if _PLACEHOLDER.fullmatch(value := env.get(name, "")):
            yield (
                f"{name}: holds the placeholder {value!r} and no value: whoever starts the server did not replace it. "
                "Write the value into the assistant's configuration, or set the variable in the environment that the "
                "assistant starts in; Claude Desktop sees none of a shell's variables."
            )
    yield from _credential_problems(env)
    if (version := env.get(API_VERSION)) and version not in API_VERSIONS:
        yield f"{API_VERSION}: {version!r} is not an API version. Use one of {', '.join(API_VERSIONS)}, in full."
    try:
        checked_base_url(env.get(BASE_URL) or DEFAULT_BASE_URL)
    except InvalidRequestError as error:
        yield f"{BASE_URL}: {error} Unset it to use {DEFAULT_BASE_URL}."
    if customer_id := env.get(CUSTOMER_ID):
        try:
            checked(customer_id, "customer")
        except InvalidRequestError as error:
            yield f"{CUSTOMER_ID}: {error} Unset it to serve the whole organisation."


def _credential_problems(env: Mapping[str, str]) -> Iterator[str]:
    client_id, secret, token = (bool(env.get(name)) for name in (CLIENT_ID, CLIENT_SECRET, ACCESS_TOKEN))
    if token and (client_id or secret):
        other = CLIENT_ID if client_id else CLIENT_SECRET
        fix = f"Unset {ACCESS_TOKEN}, or both {CLIENT_ID} and {CLIENT_SECRET}."
        yield f"{ACCESS_TOKEN}: set together with {other}, and only one of the two ways can be used. {fix}"
    elif client_id != secret:
        there, missing = (CLIENT_ID, CLIENT_SECRET) if client_id else (CLIENT_SECRET, CLIENT_ID)
        yield f"{missing}: not set, but {there} is, and the two go together. Set {missing}, or unset {there}."
    elif token and not is_token(env[ACCESS_TOKEN]):
        flaw = "holds a space, a line break or another character that no token has"
        yield f"{ACCESS_TOKEN}: {flaw}. Set it to the token alone; such a character may have been copied along."
