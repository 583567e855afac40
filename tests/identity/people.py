"""MCP clients as the SDK makes them: for a person, whose browser is played, and for an agent that acts by itself."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

import anyio
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp_types import CallToolResult
from pydantic import AnyUrl

REDIRECT: Final = "http://localhost:3030/callback"
_DEADLINE: Final = 60.0  # seconds, of one client's whole visit


class Storage:
    """What a client keeps between two visits.

    Attributes:
        tokens: The last tokens.
        client: As what the client is known to the provider.
    """

    def __init__(self, client: OAuthClientInformationFull | None = None) -> None:
        self.tokens: OAuthToken | None = None
        self.client = client

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    @property
    def access_token(self) -> str:
        return self.tokens.access_token if self.tokens else ""


class Person:
    """Somebody with a browser, who signs in and consents.

    Attributes:
        asked_for: The scopes of each authorization request.
    """

    def __init__(self, login: str) -> None:
        self._login = login
        self._address = ""
        self.asked_for: list[str] = []

    async def open(self, address: str) -> None:
        self._address = address
        self.asked_for.append(parse_qs(urlsplit(address).query)["scope"][0])

    async def come_back(self) -> AuthorizationCodeResult:
        async with httpx2.AsyncClient() as browser:
            page = await browser.get(self._address)
            while True:
                if page.is_redirect:
                    address = urljoin(str(page.url), page.headers["location"])
                    if address.startswith(REDIRECT):
                        sent = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
                        assert "error" not in sent, sent
                        return AuthorizationCodeResult(code=sent["code"], state=sent["state"], iss=sent["iss"])
                    page = await browser.get(address)
                else:
                    page = await browser.send(self._filled_in(browser, page.text))

    def _filled_in(self, browser: httpx2.AsyncClient, page: str) -> httpx2.Request:
        action, prompt = re.search(r'action="([^"]+)"', page), re.search(r'name="prompt" value="(\w+)"', page)
        assert action, page[:2000]
        assert prompt, page[:2000]
        return browser.build_request(
            "POST", action[1], data={"prompt": prompt[1], "login": self._login, "password": "any"}
        )


def person_at(url: str, person: Person, storage: Storage, document: str | None = None) -> OAuthClientProvider:
    """Return how a client gets a person's tokens; without a document about itself it registers."""
    about = OAuthClientMetadata(redirect_uris=[AnyUrl(REDIRECT)], client_name="chat", token_endpoint_auth_method="none")
    return OAuthClientProvider(url, about, storage, person.open, person.come_back, client_metadata_url=document)


def agent_at(url: str, storage: Storage, issuer: str, name: str, secret: str) -> ClientCredentialsOAuthProvider:
    """Return how an agent gets tokens of its own."""
    return ClientCredentialsOAuthProvider(url, storage, name, secret, issuer=issuer)


@asynccontextmanager
async def connected(url: str, auth: httpx2.Auth) -> AsyncIterator[Client]:
    with anyio.fail_after(_DEADLINE):
        async with (
            httpx2.AsyncClient(auth=auth, timeout=_DEADLINE) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            yield client


async def order(client: Client, order_id: str) -> CallToolResult:
    """Ask for an order."""
    return await client.call_tool("get_meter_order", {"order_id": order_id})
