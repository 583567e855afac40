"""Which rate limiter the client of a server has."""

import pytest
from pydantic import SecretStr

from nomos_mcp.client import NomosClient
from nomos_mcp.client.rate_limiter import RateLimiter
from nomos_mcp.replicas.rate_leases import credentials_key
from nomos_mcp.replicas.shared_rate_limiter import SharedRateLimiter
from nomos_mcp.server.server_factory import client_of, shared_connection_of
from nomos_mcp.settings import HttpSettings, Settings

SHARED = Settings(client_id="me", client_secret=SecretStr("s"), database=SecretStr("postgresql://nowhere.invalid/d"))


def limiter_of(client: NomosClient) -> RateLimiter:
    return client._limiter


async def test_with_postgresql_it_is_shared_and_its_connection_is_closed_with_the_client_that_made_it() -> None:
    async with client_of(SHARED) as client:
        assert isinstance(limiter_of(client), SharedRateLimiter)
    shared = shared_connection_of(SHARED)
    assert shared is not None
    limiter = limiter_of(client_of(SHARED, shared=shared))
    assert isinstance(limiter, SharedRateLimiter)
    assert limiter._close is None


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(database=SHARED.database),
        Settings(client_id="me", client_secret=SecretStr("s")),
        Settings(client_id="me", client_secret=SecretStr("s"), database=SecretStr("sqlite://")),
        Settings(demo=True),
    ],
)
def test_without_postgresql_or_credentials_it_is_not(settings: Settings) -> None:
    assert type(limiter_of(client_of(settings))) is RateLimiter


@pytest.mark.parametrize(
    ("replicas", "processes", "shared", "alone"), [(None, 1, 10, 10), (3, 1, 3, 3), (3, 2, 6, 1), (12, 1, 12, 1)]
)
def test_replicas_and_workers_divide_the_limit(replicas: int | None, processes: int, shared: int, alone: int) -> None:
    http = HttpSettings(replicas=replicas)
    limiter = limiter_of(client_of(SHARED.model_copy(update={"http": http}), processes=processes))
    assert isinstance(limiter, SharedRateLimiter)
    assert limiter._processes == shared
    unshared = Settings(client_id="me", client_secret=SecretStr("s"), http=http)
    assert limiter_of(client_of(unshared, processes=processes)).slots.held == alone


def test_each_credentials_have_a_limit_of_their_own() -> None:
    keys = {credentials_key(url, who) for url in ("https://a.example", "https://b.example") for who in ("me", "you")}
    assert len(keys) == 4


@pytest.mark.parametrize(
    "url", ["https://a.example/", "https://A.Example", "https://a.example:443", "https://a.example:"]
)
def test_they_have_one_however_their_host_is_written(url: str) -> None:
    assert credentials_key(url, "me") == credentials_key("https://a.example", "me")
    made = client_of(Settings.from_env({"NOMOS_BASE_URL": url}))
    assert made.base_url == Settings.from_env({"NOMOS_BASE_URL": url}).base_url == "https://a.example"


@pytest.mark.parametrize(
    "url", ["https://a.example:80", "https://a.example:4430", "http://127.0.0.1:443", "http://[::1]:8443/V1"]
)
def test_another_port_is_another_host(url: str) -> None:
    assert client_of(Settings.from_env({"NOMOS_BASE_URL": url})).base_url == url
