"""The settings of the HTTP server: every mistake told at once, with its cure."""

import pytest

from nomos_mcp.settings import Settings, SettingsError

ISSUED = {
    "NOMOS_MCP_AUTH_ISSUER": "https://id.example",
    "NOMOS_MCP_AUTH_JWKS_URL": "https://id.example/jwks",
    "NOMOS_MCP_PUBLIC_URL": "https://mcp.example.com/mcp/",
}


def test_nothing_set_asks_for_no_token() -> None:
    assert not Settings.from_env({}).http.authenticates


def test_the_audience_is_the_public_url_unless_said_otherwise() -> None:
    http = Settings.from_env(ISSUED).http
    assert http.authenticates
    assert http.audience == http.public_url == "https://mcp.example.com/mcp"
    assert Settings.from_env({**ISSUED, "NOMOS_MCP_AUTH_AUDIENCE": "nomos"}).http.audience == "nomos"


def test_lists_are_separated_by_commas() -> None:
    http = Settings.from_env(
        {
            "NOMOS_MCP_ALLOWED_HOSTS": "MCP.example.com, [::1]:8000,",
            "NOMOS_MCP_ALLOWED_ORIGINS": "https://chat.example.com",
            "NOMOS_MCP_CALLS_PER_MINUTE": "600",
        }
    ).http
    assert http.allowed_hosts == ("mcp.example.com", "[::1]:8000")
    assert http.allowed_origins == ("https://chat.example.com",)
    assert http.calls_per_minute == 600


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({**ISSUED, "NOMOS_MCP_AUTH_JWKS_URL": ""}, "NOMOS_MCP_AUTH_JWKS_URL: not set"),
        ({**ISSUED, "NOMOS_MCP_PUBLIC_URL": ""}, "NOMOS_MCP_PUBLIC_URL: not set"),
        ({**ISSUED, "NOMOS_MCP_AUTH_ISSUER": ""}, "NOMOS_MCP_AUTH_ISSUER: not set"),
        ({**ISSUED, "NOMOS_MCP_AUTH_ISSUER": "http://id.example"}, "NOMOS_MCP_AUTH_ISSUER: has to start with https://"),
        ({**ISSUED, "NOMOS_MCP_AUTH_JWKS_URL": "https://a:b@id.example"}, "NOMOS_MCP_AUTH_JWKS_URL: is no plain URL"),
        ({**ISSUED, "NOMOS_MCP_AUTH_JWKS_URL": "https://[id"}, "NOMOS_MCP_AUTH_JWKS_URL: is no plain URL"),
        ({"NOMOS_MCP_PUBLIC_URL": "https://mcp.example.com"}, "NOMOS_MCP_PUBLIC_URL: does not end in /mcp"),
        ({"NOMOS_MCP_TOKENS_FILE": "/no/such/folder/tokens"}, "NOMOS_MCP_TOKENS_FILE: its folder does not exist"),
        ({**ISSUED, "NOMOS_CUSTOMER_ID": "cus_1"}, "NOMOS_CUSTOMER_ID: set together with authentication"),
        ({"NOMOS_MCP_ALLOWED_HOSTS": "*"}, "NOMOS_MCP_ALLOWED_HOSTS: '*' is no host"),
        ({"NOMOS_MCP_ALLOWED_HOSTS": "https://a.example"}, "NOMOS_MCP_ALLOWED_HOSTS: 'https://a.example' is no host"),
        ({"NOMOS_MCP_ALLOWED_ORIGINS": "chat.example"}, "NOMOS_MCP_ALLOWED_ORIGINS: 'chat.example' is no origin"),
        ({"NOMOS_MCP_ALLOWED_ORIGINS": "https://a.example/"}, "NOMOS_MCP_ALLOWED_ORIGINS: 'https://a.example/'"),
        ({"NOMOS_MCP_CALLS_PER_MINUTE": "many"}, "NOMOS_MCP_CALLS_PER_MINUTE: 'many' is no number"),
        ({"NOMOS_MCP_CALLS_PER_MINUTE": "0"}, "NOMOS_MCP_CALLS_PER_MINUTE: '0' is no number"),
    ],
)
def test_a_mistake_names_its_variable_and_the_cure(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environment)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(said)
