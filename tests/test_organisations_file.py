"""The file of organisations: read with the other settings, all mistakes told at once, no secret shown."""

from pathlib import Path
from typing import Any

import pytest

from nomos_mcp.settings import Settings, SettingsError

SECRETS = {
    "ACME_ID": "acme-client",
    "ACME_SECRET": "s3cr3t-of-acme",
    "BETA_TOKEN": "s3cr3t-of-beta",
    "ACME_HOOKS": "s3cr3t-of-the-old-hook,s3cr3t-of-the-new-hook",
    "BETA_HOOKS": "s3cr3t-of-the-beta-hook",
}
POSTGRESQL = {"NOMOS_MCP_DATABASE": "postgresql://me:s3cr3t@db.example/nomos"}
ACME = 'client_id_env = "ACME_ID"\nclient_secret_env = "ACME_SECRET"\n'
BETA = 'access_token_env = "BETA_TOKEN"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "organisations.toml"


def read(file: Path, content: str | bytes, **environment: Any) -> Settings:
    demo = environment.pop("demo", False)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Settings.from_env({**SECRETS, "NOMOS_MCP_ORGANISATIONS": str(file), **environment}, demo=demo)


def problems(file: Path, content: str | bytes, **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(file, content, **more)
    assert "s3cr3t" not in str(caught.value)
    return caught.value.problems


def test_each_organisation_has_its_own_credentials_version_host_and_secrets(file: Path) -> None:
    more = 'api_version = "2026-01-29.edison"\nbase_url = "https://beta.example"\nwebhook_secrets_env = "BETA_HOOKS"\n'
    settings = read(file, f"[acme]\n{ACME}[beta]\n{BETA}{more}", **POSTGRESQL)
    assert not settings.has_credentials
    acme, beta = settings.of("acme"), settings.of("beta")
    assert (acme.client_id, acme.client_secret.get_secret_value()) == ("acme-client", "s3cr3t-of-acme")
    assert (acme.organisation, acme.api_version) == ("acme", "2026-05-27.curie")
    assert acme.base_url == "https://api.nomos.energy"
    assert not acme.http.webhook_secrets
    assert (beta.client_id, beta.access_token.get_secret_value()) == ("", "s3cr3t-of-beta")
    assert (beta.api_version, beta.base_url) == ("2026-01-29.edison", "https://beta.example")
    assert [each.get_secret_value() for each in beta.http.webhook_secrets] == ["s3cr3t-of-the-beta-hook"]
    assert acme.database == beta.database == settings.database
    assert "s3cr3t" not in repr(settings) + settings.model_dump_json() + repr(acme)


def test_an_editor_of_windows_may_have_written_it(file: Path) -> None:
    settings = read(file, b"\xef\xbb\xbf" + f"[acme]\n{ACME}".replace("\n", "\r\n").encode())
    assert settings.of("acme").client_id == "acme-client"


def test_the_key_that_all_share_becomes_another_one_in_each(file: Path) -> None:
    settings = read(file, f"[acme]\n{ACME}[beta]\n{BETA}", NOMOS_MCP_STATE_KEY="k" * 32)
    keys = {each.state_key.get_secret_value() for each in (settings, settings.of("acme"), settings.of("beta"))}
    assert len(keys) == 3
    assert min(map(len, keys)) >= 32
    again = read(file, f"[acme]\n{ACME}", NOMOS_MCP_STATE_KEY="k" * 32).of("acme")
    assert again.state_key.get_secret_value() in keys
    assert not read(file, f"[acme]\n{ACME}").of("acme").state_key.get_secret_value()


def test_an_organisation_is_never_chosen_by_default(file: Path) -> None:
    settings = read(file, f"[acme]\n{ACME}[beta]\n{BETA}")
    for name, said in (("", "not given"), ("gamma", "'gamma' is unknown")):
        with pytest.raises(SettingsError, match=rf"--organisation: {said}\. Use one of .*: acme, beta\.$"):
            settings.of(name)
    one = read(file, f"[acme]\n{ACME}")
    with pytest.raises(SettingsError, match="not given"):
        one.of()


def test_without_the_file_there_is_one_organisation_without_a_name() -> None:
    settings = Settings.from_env({})
    assert settings.of() is settings
    with pytest.raises(SettingsError, match="NOMOS_MCP_ORGANISATIONS is not set"):
        settings.of("acme")


@pytest.mark.parametrize(
    ("content", "where", "said"),
    [
        ("", "", "holds no organisation"),
        ("[acme", "", "is not TOML (at "),
        (b"[acme]\n\xff", "", "is not TOML"),
        ("x = " + "[" * 5000, "", "is not TOML"),
        (f'[acme]\n{ACME}client_id_env = "s3cr3t"', "", "is not TOML (at "),
        ('client_id_env = "ACME_ID"', "[client_id_env]:", "is a key outside of every table"),
        (f"[Acme]\n{ACME}", "[Acme]:", "is no name of an organisation"),
        (f"['a-b']\n{ACME}", "[a-b]:", "is no name of an organisation"),
        (f"[{'a' * 32}]\n{ACME}", f"[{'a' * 32}]:", "is no name of an organisation"),
        (f'[acme]\n{ACME}client_secret = "s3cr3t"', "[acme] client_secret:", "no key of this name exists"),
        (f"[acme]\n{ACME}[acme.more]", "[acme] more:", "no key of this name exists"),
        (f"[acme]\n{ACME}api_version = 1", "[acme] api_version:", "is no text"),
        (f'[acme]\n{ACME}base_url = ""', "[acme] base_url:", "is no text"),
        (f'[acme]\n{ACME}api_version = "curie"', "[acme] api_version:", "is not an API version"),
        (f'[acme]\n{ACME}base_url = "http://api.example"', "[acme] base_url:", "The base URL uses plain HTTP"),
        ('[acme]\naccess_token_env = "s3cr3t"', "[acme] access_token_env:", "is not the name of an environment"),
        ('[acme]\naccess_token_env = "S3CR3T-OF-ACME"', "[acme] access_token_env:", "is not the name of an"),
        ('[acme]\naccess_token_env = "S3CR3TOFACME"', "[acme] access_token_env:", "that it names is not set"),
        ('[acme]\naccess_token_env = "EMPTY"', "[acme] access_token_env:", "that it names is not set"),
        ('[acme]\naccess_token_env = "LEFT"', "[acme] access_token_env:", "holds a placeholder"),
        ('[acme]\naccess_token_env = "LATIN"', "[acme] access_token_env:", "holds bytes that are not UTF-8"),
        (f'[acme]\n{ACME}access_token_env = "BETA_TOKEN"', "[acme] access_token_env:", "given together with"),
        ('[acme]\nclient_id_env = "ACME_ID"', "[acme] client_secret_env:", "not given, but client_id_env is"),
        ('[acme]\nclient_secret_env = "ACME_SECRET"', "[acme] client_id_env:", "not given, but client_secret_env is"),
        ("[acme]", "[acme] client_id_env:", "not given, so there are no credentials"),
        (
            f'[acme]\n{ACME}webhook_secrets_env = "SHORT"',
            "[acme] webhook_secrets_env:",
            "one of these secrets has under",
        ),
        (f'[acme]\n{ACME}webhook_secrets_env = "COMMAS"', "[acme] webhook_secrets_env:", "holds no secret"),
        (f"[acme]\n{ACME}number = {'1' * 5000}", "", "is not TOML"),
        (f"[acme]\n{ACME}[beta]\n{ACME}", "[beta] client_id_env:", "the same as of [acme]"),
        (f"[acme]\n{BETA}[beta]\n{BETA}", "[beta] access_token_env:", "the same as of [acme]"),
        (
            f'[acme]\n{ACME}[beta]\n{ACME}base_url = "https://API.nomos.energy:443/v1/"',
            "[beta] client_id_env:",
            "the same as of [acme]",
        ),
        (
            f'[acme]\n{ACME}webhook_secrets_env = "ACME_HOOKS"\n[beta]\n{BETA}webhook_secrets_env = "BOTH_HOOKS"',
            "[beta] webhook_secrets_env:",
            "holds a secret of [acme] too",
        ),
    ],
)
def test_a_mistake_names_file_table_and_key(file: Path, content: str | bytes, where: str, said: str) -> None:
    both = f"{SECRETS['BETA_HOOKS']},{SECRETS['ACME_HOOKS'].partition(',')[2]}"
    more = {
        "EMPTY": " ",
        "SHORT": f"{'s' * 32},short",
        "LEFT": "${ACME_TOKEN}",
        "BOTH_HOOKS": both,
        "COMMAS": " ,,",
        "LATIN": "s3cr3t\udce4",
    }
    (problem,) = problems(file, content, **more, **POSTGRESQL)
    assert problem.startswith(f"NOMOS_MCP_ORGANISATIONS: {file}{',' if where else ''} {where}".rstrip())
    assert said in problem


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"NOMOS_CLIENT_ID": "me", "NOMOS_CLIENT_SECRET": "s3cr3t"},
            ["NOMOS_CLIENT_ID: set", "NOMOS_CLIENT_SECRET: set"],
        ),
        ({"NOMOS_ACCESS_TOKEN": "s3cr3t"}, ["NOMOS_ACCESS_TOKEN: set"]),
        ({"NOMOS_API_VERSION": "2026-05-27.curie"}, ["NOMOS_API_VERSION: set"]),
        ({"NOMOS_BASE_URL": "https://api.nomos.energy"}, ["NOMOS_BASE_URL: set"]),
        ({"NOMOS_CUSTOMER_ID": "cus_1"}, ["NOMOS_CUSTOMER_ID: set"]),
        ({**POSTGRESQL, "NOMOS_MCP_WEBHOOK_SECRETS": "s3cr3t" * 6}, ["NOMOS_MCP_WEBHOOK_SECRETS: set"]),
        ({"NOMOS_MCP_DATABASE": "history.db"}, ["NOMOS_MCP_DATABASE: names SQLite"]),
        ({"NOMOS_MCP_DATABASE": "sqlite:///history.db"}, ["NOMOS_MCP_DATABASE: names SQLite"]),
    ],
)
def test_what_belongs_to_one_organisation_is_not_set_beside_the_file(
    file: Path, environment: dict[str, str], said: list[str]
) -> None:
    found = problems(file, f"[acme]\n{ACME}", **environment)
    assert [problem.partition(" together")[0][: len(start)] for problem, start in zip(found, said, strict=True)] == said


def test_secrets_of_webhooks_need_a_database(file: Path) -> None:
    (problem,) = problems(file, f'[acme]\n{ACME}webhook_secrets_env = "ACME_HOOKS"')
    assert "[acme] webhook_secrets_env: given, but NOMOS_MCP_DATABASE is not set" in problem


def test_a_demo_has_one_invented_organisation(file: Path) -> None:
    (problem,) = problems(file, f"[acme]\n{ACME}", demo=True)
    assert problem.startswith("NOMOS_MCP_ORGANISATIONS: set, and --demo")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        Settings.from_env({"NOMOS_MCP_ORGANISATIONS": str(tmp_path / "nowhere.toml")})


def test_all_mistakes_of_all_organisations_and_of_the_other_settings_are_told_at_once(file: Path) -> None:
    content = f'[acme]\n{ACME}api_version = "curie"\nclient = "x"\n[Beta]\n{BETA}'
    found = problems(file, content, NOMOS_MCP_CONFIRM="maybe")
    assert len(found) == 4
    places = ("NOMOS_MCP_CONFIRM", "[acme] api_version", "[acme] client:", "[Beta]")
    assert not [place for place, problem in zip(places, found, strict=True) if place not in problem]
