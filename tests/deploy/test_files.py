"""The files in `deploy/` fit the server: its variables, its secrets, its limits. `.ci/deploy` checks their form."""

import json
import re

import pytest

from nomos_mcp.service.http_limits import BODY_DEADLINE, HEAD_DEADLINE, MAX_BODY_BYTES, SEND_DEADLINE, STOP_WITHIN
from nomos_mcp.service.http_server import start_problems
from nomos_mcp.settings import Settings
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES
from tests.deploy.files import FOLDER, compose, compose_environment, kubernetes, kubernetes_environment, text

KNOWN = {each.name: each for each in (*VARIABLES, *HTTP_VARIABLES)}
VALUES = {
    "NOMOS_CLIENT_ID": "invented",
    "NOMOS_CLIENT_SECRET": "invented",
    "NOMOS_MCP_STATE_KEY": "invented" * 8,
    "NOMOS_MCP_DATABASE": "postgresql://nomos:invented@database.example/nomos",
    "NOMOS_MCP_PUBLIC_URL": "https://mcp.example.com/mcp",
    "NOMOS_MCP_AUTH_ISSUER": "https://id.example.com",
    "NOMOS_MCP_AUTH_JWKS_URL": "https://id.example.com/keys",
    "NOMOS_MCP_WEBHOOK_SECRETS": "whsec_invented_0123",
    "POSTGRES_PASSWORD": "invented",
}
ENVIRONMENTS = {
    **{name: compose_environment(name, VALUES) for name in ("replica1", "replica2", "replica3")},
    "kubernetes": kubernetes_environment(VALUES),
}
NAMES = [path.relative_to(FOLDER).as_posix() for path in sorted(FOLDER.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_that_is_named_is_one(name: str) -> None:
    named = set(re.findall(r"\bNOMOS_[A-Z_]+\b", text(name)))
    assert not named - set(KNOWN)


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_the_server_starts_for_other_machines_with_what_a_file_sets(environment: dict[str, str]) -> None:
    settings = Settings.from_env(environment)
    assert settings.has_credentials
    assert start_problems(settings, "0.0.0.0", 1) == []  # noqa: S104  nothing is bound
    assert {name for name in VALUES if name != "POSTGRES_PASSWORD"} <= set(environment)


def test_no_file_holds_a_secret() -> None:
    secrets = [name for name, variable in KNOWN.items() if variable.secret]
    container = kubernetes()["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    assert not [each for each in container["env"] if each["name"] in secrets and "value" in each]
    assert "Secret" not in kubernetes()
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            assert name not in {*secrets, "POSTGRES_PASSWORD"} or "${" in value
    assert not re.findall(r"^\w+=.+$", text("example.env"), re.MULTILINE)


def test_example_env_names_what_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)", text("compose.yaml")))
    assert set(re.findall(r"^(\w+)=", text("example.env"), re.MULTILINE)) == asked


def test_whoever_stops_a_server_waits_until_it_has_stopped() -> None:
    pod = kubernetes()["Deployment"]["spec"]["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= pause + STOP_WITHIN + 5
    assert int(compose()["services"]["replica1"]["stop_grace_period"].removesuffix("s")) >= STOP_WITHIN + 5
    units = [text(f"systemd/{name}.service") for name in ("nomos-mcp", "nomos-mcp-watch")]
    for unit in units:
        assert int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) >= STOP_WITHIN + 10


def test_nginx_passes_on_bodies_as_large_as_the_server_takes() -> None:
    assert f"client_max_body_size {MAX_BODY_BYTES // 1024}k;" in text("nginx.conf")


def test_nginx_waits_for_callers_no_longer_than_the_server_does() -> None:
    limits = {
        "client_header_timeout": HEAD_DEADLINE,
        "client_body_timeout": BODY_DEADLINE,
        "send_timeout": SEND_DEADLINE,
        "keepalive_timeout": HEAD_DEADLINE,
    }
    for directive, seconds in limits.items():
        assert f"{directive} {seconds:g}s;" in text("nginx.conf"), directive


def test_nginx_knows_the_replicas_of_compose_and_each_divides_by_their_number() -> None:
    services = compose()["services"]
    replicas = {name: each for name, each in services.items() if name.startswith("replica")}
    addresses = [each["networks"]["inside"]["ipv4_address"] for each in replicas.values()]
    assert re.findall(r"server ([\d.]+):8000 ", text("nginx.conf")) == addresses
    assert {each["environment"]["NOMOS_MCP_REPLICAS"] for each in replicas.values()} == {len(replicas)}
    deployment = kubernetes()["Deployment"]["spec"]
    most = deployment["replicas"] + deployment["strategy"]["rollingUpdate"]["maxSurge"]
    assert ENVIRONMENTS["kubernetes"]["NOMOS_MCP_REPLICAS"] == str(most)


def test_kubernetes_runs_the_image_as_the_user_that_it_has() -> None:
    user = kubernetes()["Deployment"]["spec"]["template"]["spec"]["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}\n" in text("Dockerfile")


@pytest.mark.parametrize("line", ["ENTRYPOINT", "CMD"])
def test_the_image_starts_the_server_without_a_shell(line: str) -> None:
    found = re.search(rf"^{line} (\[.*\])$", text("Dockerfile"), re.MULTILINE)
    assert found
    assert json.loads(found[1]) == {"ENTRYPOINT": ["nomos-mcp"], "CMD": ["http", "--host", "0.0.0.0"]}[line]  # noqa: S104  as above
