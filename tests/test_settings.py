"""Settings: read from the environment, all mistakes told at once, secrets never shown."""

import pytest

from nomos_mcp.settings import Settings, SettingsError


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
        ({"NOMOS_ACCESS_TOKEN": "${NOMOS_ACCESS_TOKEN}"}, "NOMOS_ACCESS_TOKEN: holds the placeholder"),
        ({"NOMOS_API_VERSION": "curie"}, "NOMOS_API_VERSION: 'curie' is no API version"),
        ({"NOMOS_BASE_URL": "http://api.nomos.energy"}, "NOMOS_BASE_URL: The base URL uses plain HTTP"),
        ({"NOMOS_CUSTOMER_ID": "sub_1"}, "NOMOS_CUSTOMER_ID: 'sub_1' is no customer ID"),
        ({"NOMOS_MCP_CONFIRM": "maybe"}, "NOMOS_MCP_CONFIRM: 'maybe' is no way to confirm"),
        ({"NOMOS_MCP_READ_ONLY": "perhaps"}, "NOMOS_MCP_READ_ONLY: 'perhaps' is neither on nor off"),
        ({"NOMOS_MCP_STATE_KEY": "short"}, "NOMOS_MCP_STATE_KEY: 5 bytes are too few"),
        ({"NOMOS_MCP_AUDIT_FILE": "/no/such/folder/audit"}, "NOMOS_MCP_AUDIT_FILE: its folder does not exist"),
    ],
)
def test_a_mistake_names_its_variable_and_the_cure(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environment)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(said)


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
