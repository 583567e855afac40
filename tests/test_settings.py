"""Settings: read from the environment, all mistakes reported at once, secrets never shown."""

from datetime import timedelta

import pytest

from nomos_mcp.settings import Settings, SettingsError

ISSUED = {
    "NOMOS_MCP_AUTH_ISSUER": "https://id.example",
    "NOMOS_MCP_AUTH_JWKS_URL": "https://id.example/jwks",
    "NOMOS_MCP_PUBLIC_URL": "https://mcp.example.com/mcp/",
}
KEPT = {"NOMOS_MCP_DATABASE": "history.db"}


def test_nothing_set_is_no_mistake() -> None:
    settings = Settings.from_env({})
    assert not settings.has_credentials
    assert settings.api_version == "2026-05-27.curie"
    assert settings.base_url == "https://api.nomos.energy"


def test_what_is_set_is_taken_and_secrets_do_not_show() -> None:
    settings = Settings.from_env(
        {"NOMOS_CLIENT_ID": "me", "NOMOS_CLIENT_SECRET": "s3cr3t", "NOMOS_API_VERSION": "2026-01-29.edison"}
    )
    assert settings.has_credentials
    assert settings.client_secret.get_secret_value() == "s3cr3t"
    assert settings.api_version == "2026-01-29.edison"
    assert "s3cr3t" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"NOMOS_CLIENT_ID": "me"}, "NOMOS_CLIENT_SECRET: not set"),
        ({"NOMOS_CLIENT_SECRET": "s"}, "NOMOS_CLIENT_ID: not set"),
        (
            {"NOMOS_ACCESS_TOKEN": "t", "NOMOS_CLIENT_ID": "me", "NOMOS_CLIENT_SECRET": "s"},
            "NOMOS_ACCESS_TOKEN: set together",
        ),
        ({"NOMOS_ACCESS_TOKEN": "Bearer s3cr3t"}, "NOMOS_ACCESS_TOKEN: holds a space"),
        ({"NOMOS_ACCESS_TOKEN": "${NOMOS_ACCESS_TOKEN}"}, "NOMOS_ACCESS_TOKEN: holds the placeholder"),
        ({"NOMOS_API_VERSION": "curie"}, "NOMOS_API_VERSION: 'curie' is not an API version"),
        ({"NOMOS_BASE_URL": "http://api.nomos.energy"}, "NOMOS_BASE_URL: The base URL uses plain HTTP"),
        ({"NOMOS_CUSTOMER_ID": "sub_1"}, "NOMOS_CUSTOMER_ID: 'sub_1' is not a valid customer ID"),
        ({"NOMOS_MCP_CONFIRM": "maybe"}, "NOMOS_MCP_CONFIRM: 'maybe' is not a way to confirm"),
        ({"NOMOS_MCP_READ_ONLY": "perhaps"}, "NOMOS_MCP_READ_ONLY: 'perhaps' is neither on nor off"),
        ({"NOMOS_MCP_STATE_KEY": "short"}, "NOMOS_MCP_STATE_KEY: 5 bytes are too few"),
        ({"NOMOS_MCP_AUDIT_FILE": "/no/such/folder/audit"}, "NOMOS_MCP_AUDIT_FILE: its folder does not exist"),
        (
            {"NOMOS_MCP_AUDIT_FILE": "/tmp/audit", "NOMOS_MCP_DATABASE": "postgresql://me:s3cr3t@h/d"},  # noqa: S108
            "NOMOS_MCP_AUDIT_FILE: set together with PostgreSQL",
        ),
        ({**ISSUED, "NOMOS_MCP_AUTH_JWKS_URL": ""}, "NOMOS_MCP_AUTH_JWKS_URL: not set"),
        ({**ISSUED, "NOMOS_MCP_PUBLIC_URL": ""}, "NOMOS_MCP_PUBLIC_URL: not set"),
        ({**ISSUED, "NOMOS_MCP_AUTH_ISSUER": ""}, "NOMOS_MCP_AUTH_ISSUER: not set"),
        ({**ISSUED, "NOMOS_MCP_AUTH_ISSUER": "http://id.example"}, "NOMOS_MCP_AUTH_ISSUER: must start with https://"),
        (
            {**ISSUED, "NOMOS_MCP_AUTH_JWKS_URL": "https://a:b@id.example"},
            "NOMOS_MCP_AUTH_JWKS_URL: is not a plain URL",
        ),
        ({**ISSUED, "NOMOS_MCP_AUTH_JWKS_URL": "https://[id"}, "NOMOS_MCP_AUTH_JWKS_URL: is not a plain URL"),
        ({"NOMOS_MCP_PUBLIC_URL": "https://mcp.example.com"}, "NOMOS_MCP_PUBLIC_URL: does not end in /mcp"),
        ({"NOMOS_MCP_PUBLIC_URL": "https://mcp.łódź.example/mcp"}, "NOMOS_MCP_PUBLIC_URL: is not a plain URL"),
        ({"NOMOS_MCP_PUBLIC_URL": 'https://mcp.example.com/"/mcp'}, "NOMOS_MCP_PUBLIC_URL: is not a plain URL"),
        ({"NOMOS_MCP_PUBLIC_URL": "https://mcp.example.com/\n/mcp"}, "NOMOS_MCP_PUBLIC_URL: is not a plain URL"),
        ({"NOMOS_MCP_TOKENS_FILE": "/no/such/folder/tokens"}, "NOMOS_MCP_TOKENS_FILE: its folder does not exist"),
        ({**ISSUED, "NOMOS_MCP_AUTH_SCOPE_PREFIX": "api://a b/"}, "NOMOS_MCP_AUTH_SCOPE_PREFIX: 'api://a b/' cannot"),
        ({**ISSUED, "NOMOS_CUSTOMER_ID": "cus_1"}, "NOMOS_CUSTOMER_ID: set together with authentication"),
        ({"NOMOS_MCP_ALLOWED_HOSTS": "*"}, "NOMOS_MCP_ALLOWED_HOSTS: '*' is not a host"),
        (
            {"NOMOS_MCP_ALLOWED_HOSTS": "https://a.example"},
            "NOMOS_MCP_ALLOWED_HOSTS: 'https://a.example' is not a host",
        ),
        ({"NOMOS_MCP_ALLOWED_ORIGINS": "chat.example"}, "NOMOS_MCP_ALLOWED_ORIGINS: 'chat.example' is not an origin"),
        ({"NOMOS_MCP_ALLOWED_ORIGINS": "https://a.example/"}, "NOMOS_MCP_ALLOWED_ORIGINS: 'https://a.example/'"),
        ({"NOMOS_MCP_CALLS_PER_MINUTE": "many"}, "NOMOS_MCP_CALLS_PER_MINUTE: 'many' is not a number"),
        ({"NOMOS_MCP_CALLS_PER_MINUTE": "0"}, "NOMOS_MCP_CALLS_PER_MINUTE: '0' is not a number"),
        ({"NOMOS_MCP_REPLICAS": "three"}, "NOMOS_MCP_REPLICAS: 'three' is not a number"),
        ({"NOMOS_MCP_REPLICAS": "0"}, "NOMOS_MCP_REPLICAS: '0' is not a number"),
        ({"NOMOS_MCP_REPLICAS": "101"}, "NOMOS_MCP_REPLICAS: '101' is not a number"),
        ({"NOMOS_MCP_DATABASE": "mysql://me:s3cr3t@h/d"}, "NOMOS_MCP_DATABASE: names no database that is supported"),
        ({"NOMOS_MCP_DATABASE": "sqlite://history.db"}, "NOMOS_MCP_DATABASE: names no database that is supported"),
        ({"NOMOS_MCP_DATABASE": "postgresql://"}, "NOMOS_MCP_DATABASE: names no database that is supported"),
        ({"NOMOS_MCP_DATABASE": "postgresql:me:s3cr3t@h/d"}, "NOMOS_MCP_DATABASE: names no database that is supported"),
        ({"NOMOS_MCP_DATABASE": "sqlite:history.db"}, "NOMOS_MCP_DATABASE: names no database that is supported"),
        ({"NOMOS_MCP_DATABASE": "postgresql://me:s3cr3t@h:port/d"}, "NOMOS_MCP_DATABASE: is not a URL"),
        ({"NOMOS_MCP_DATABASE": "postgresql://me:s3cr3t@h:99999/d"}, "NOMOS_MCP_DATABASE: is not a URL"),
        ({"NOMOS_MCP_DATABASE": "postgresql://me:s3cr3t/1@h/d"}, "NOMOS_MCP_DATABASE: is not a URL"),
        ({"NOMOS_MCP_DATABASE": "postgresql://[me:s3cr3t@h/d"}, "NOMOS_MCP_DATABASE: is not a URL"),
        ({"NOMOS_MCP_DATABASE": "~nobody-of-this-name/history.db"}, "NOMOS_MCP_DATABASE: its ~ stands for no folder"),
        ({"NOMOS_MCP_DATABASE": "/no/such/folder/history.db"}, "NOMOS_MCP_DATABASE: its folder does not exist"),
        (
            {"NOMOS_MCP_DATABASE": "sqlite:////no/such/folder/history.db"},
            "NOMOS_MCP_DATABASE: its folder does not exist",
        ),
        ({**KEPT, "NOMOS_MCP_WATCH_EVERY": "daily"}, "NOMOS_MCP_WATCH_EVERY: 'daily' is no time span"),
        ({**KEPT, "NOMOS_MCP_WATCH_EVERY": "0h"}, "NOMOS_MCP_WATCH_EVERY: '0h' is no time span"),
        ({**KEPT, "NOMOS_MCP_WATCH_EVERY": "999999d"}, "NOMOS_MCP_WATCH_EVERY: '999999d' is no time span"),
        ({"NOMOS_MCP_WATCH_EVERY": "24h"}, "NOMOS_MCP_WATCH_EVERY: set, but NOMOS_MCP_DATABASE is not"),
        ({**KEPT, "NOMOS_MCP_WEBHOOK_SECRETS": f"{'s' * 32}, short"}, "NOMOS_MCP_WEBHOOK_SECRETS: a secret has under"),
        ({"NOMOS_MCP_STATE_KEY": "s3cr3t\udce4"}, "NOMOS_MCP_STATE_KEY: holds bytes that are not UTF-8"),
        ({"NOMOS_MCP_WEBHOOK_SECRETS": "s" * 32}, "NOMOS_MCP_WEBHOOK_SECRETS: set, but NOMOS_MCP_DATABASE is not"),
    ],
)
def test_a_mistake_names_its_variable_and_the_cure(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environment)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(said)
    assert "s3cr3t" not in caught.value.problems[0]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"NOMOS_CLIENT_ID": "me", "NOMOS_API_VERSION": "x", "NOMOS_BASE_URL": "ftp://x"})
    assert len(caught.value.problems) == 3


def test_the_switches_of_ordering_are_taken() -> None:
    settings = Settings.from_env(
        {"NOMOS_MCP_CONFIRM": "elicit", "NOMOS_MCP_READ_ONLY": "True", "NOMOS_MCP_STATE_KEY": "k" * 32}
    )
    assert (settings.confirm, settings.read_only) == ("elicit", True)
    assert "kkk" not in repr(settings)


def test_nothing_set_asks_for_no_token() -> None:
    assert not Settings.from_env({}).http.authenticates


def test_the_audience_is_the_public_url_unless_said_otherwise() -> None:
    http = Settings.from_env(ISSUED).http
    assert http.authenticates
    assert http.audience == http.public_url == "https://mcp.example.com/mcp"
    assert Settings.from_env({**ISSUED, "NOMOS_MCP_AUTH_AUDIENCE": "nomos"}).http.audience == "nomos"


def test_the_names_of_claims_are_the_issuers_to_choose() -> None:
    http = Settings.from_env(ISSUED).http
    assert (http.customer_claim, http.organisation_claim, http.scope_prefix) == (
        "nomos_customer",
        "nomos_organisation",
        "",
    )
    http = Settings.from_env(
        {
            **ISSUED,
            "NOMOS_MCP_AUTH_CUSTOMER_CLAIM": "extn.customer",
            "NOMOS_MCP_AUTH_ORGANISATION_CLAIM": "https://acme.example/organisation",
            "NOMOS_MCP_AUTH_SCOPE_PREFIX": "api://nomos/",
        }
    ).http
    assert http.customer_claim == "extn.customer"
    assert http.organisation_claim == "https://acme.example/organisation"
    assert http.scope_prefix == "api://nomos/"


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


def test_the_number_of_replicas_is_taken_and_unknown_without() -> None:
    assert Settings.from_env({"NOMOS_MCP_REPLICAS": "3"}).http.replicas == 3
    assert Settings.from_env({}).http.replicas is None


def test_the_settings_of_the_history_are_taken_and_its_secrets_do_not_show() -> None:
    settings = Settings.from_env(
        {
            "NOMOS_MCP_DATABASE": "postgresql://nomos:s3cr3t@db.example/nomos",
            "NOMOS_MCP_WATCH_EVERY": "24h",
            "NOMOS_MCP_WEBHOOK_SECRETS": f"{'old' * 8},{'new' * 8},",
        }
    )
    assert settings.database.get_secret_value() == "postgresql://nomos:s3cr3t@db.example/nomos"
    assert settings.http.watch_every == timedelta(days=1)
    assert [secret.get_secret_value() for secret in settings.http.webhook_secrets] == ["old" * 8, "new" * 8]
    assert "s3cr3t" not in repr(settings) + settings.model_dump_json()
    assert "newnew" not in repr(settings) + settings.model_dump_json()


def test_libraries_that_are_not_installed_are_named_if_there_is_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.settings.find_spec", lambda name: None if name == "sqlalchemy" else True)
    with pytest.raises(SettingsError, match=r"NOMOS_MCP_DATABASE: .* not installed \(sqlalchemy\)"):
        Settings.from_env(KEPT)
    assert not Settings.from_env({}).demo
    assert Settings.from_env(KEPT, demo=True).demo


@pytest.mark.parametrize(
    "database", ["postgresql://nomos:s3cr3t@db.example/nomos", "mysql://not.supported", "/no/such/a"]
)
def test_the_demo_ignores_the_database(database: str) -> None:
    settings = Settings.from_env({"NOMOS_MCP_DATABASE": database, "NOMOS_MCP_WATCH_EVERY": "24h"}, demo=True)
    assert settings.database.get_secret_value() == ""
