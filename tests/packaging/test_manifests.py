"""The manifests agree with the code, with each other, and with what starts."""

import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from nomos_mcp import __version__, authentication_settings, organisations_file, settings
from nomos_mcp.server.server_factory import DEMO_TITLE, TITLE
from nomos_mcp.settings import Settings, SettingsError
from nomos_mcp.simulator import DEMO
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES, Variable
from tools.bundle import PARTS, project

ROOT = Path(__file__).resolve().parents[2]


def manifest(path: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return read


def test_every_place_that_names_a_version_names_the_same() -> None:
    server, bundle = manifest("server.json"), manifest("mcpb/manifest.json")
    named = [server["version"], *(package["version"] for package in server["packages"]), bundle["version"]]
    assert {*named, version("nomos-mcp")} == {__version__}


def test_the_readme_carries_the_marker_by_which_the_registry_knows_the_owner() -> None:
    marker = f"<!-- mcp-name: {manifest('server.json')['name']} -->"
    assert marker in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_words_and_the_settings_name_the_same_variables() -> None:
    modules = (settings, authentication_settings, organisations_file)
    names = [value for module in modules for value in vars(module).values()]
    read = {value for value in names if isinstance(value, str) and value.startswith("NOMOS_")}
    assert {variable.name for variable in (*VARIABLES, *HTTP_VARIABLES)} == read


EVERY_VARIABLE = (*VARIABLES, *HTTP_VARIABLES)


@pytest.mark.parametrize(
    "variable", [variable for variable in EVERY_VARIABLE if variable.default], ids=lambda variable: variable.name
)
def test_a_stated_default_is_the_one_that_holds(variable: Variable) -> None:
    assert Settings.from_env({variable.name: variable.default}) == Settings.from_env({})


@pytest.mark.parametrize(
    "variable", [variable for variable in EVERY_VARIABLE if variable.choices], ids=lambda variable: variable.name
)
def test_each_stated_choice_is_accepted_and_makes_a_difference_and_no_other_is(variable: Variable) -> None:
    settled = [Settings.from_env({variable.name: choice}) for choice in variable.choices]
    assert not [one for one, other in combinations(settled, 2) if one == other]
    with pytest.raises(SettingsError, match=variable.name):
        Settings.from_env({variable.name: "none-of-these"})


@pytest.mark.parametrize(
    "package", manifest("server.json")["packages"], ids=lambda package: package["transport"]["type"]
)
def test_the_registry_learns_every_variable_and_which_are_secret(package: dict[str, Any]) -> None:
    stated = {entry["name"]: entry.get("isSecret", False) for entry in package["environmentVariables"]}
    over_http = package["transport"]["type"] == "streamable-http"
    known = [*VARIABLES, *(HTTP_VARIABLES if over_http else ())]
    assert stated == {variable.name: variable.secret for variable in known}


def test_the_bundle_asks_for_what_it_hands_on_and_hands_on_what_the_server_knows() -> None:
    bundle = manifest("mcpb/manifest.json")
    configuration = bundle["server"]["mcp_config"]
    handed_on = json.dumps(configuration)
    assert all(f"${{user_config.{name}}}" in handed_on for name in bundle["user_config"])
    assert set(configuration["env"]) <= {variable.name for variable in VARIABLES}
    assert all(bundle["user_config"][name]["sensitive"] for name in ("client_id", "client_secret"))


def test_the_settings_of_a_fresh_bundle_are_no_mistake() -> None:
    bundle = manifest("mcpb/manifest.json")
    defaults = {name: entry["default"] for name, entry in bundle["user_config"].items()}
    environment = {name: _filled_in(value, defaults) for name, value in bundle["server"]["mcp_config"]["env"].items()}
    assert Settings.from_env(environment) == Settings.from_env({})


_ID, _SECRET = "${user_config.client_id}", "${user_config.client_secret}"
_ENTER = 'Enter "Client ID" and "Client secret"'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entered", "title", "said"),
    [
        ({}, TITLE, _ENTER),
        (
            {
                "client_id": _ID,
                "client_secret": _SECRET,
                "demo": "${user_config.demo}",
                "read_only": "${user_config.read_only}",
            },
            TITLE,
            _ENTER,
        ),
        ({"client_id": " ", "client_secret": "\t"}, TITLE, _ENTER),
        ({"client_id": "my-id"}, TITLE, _ENTER),
        ({"client_secret": "my-secret"}, TITLE, _ENTER),
        ({"client_id": "my-id", "client_secret": "my-secret"}, TITLE, "could not be reached"),
        ({"demo": True}, DEMO_TITLE, "check_missing"),
        ({"client_id": "my-id", "client_secret": "my-secret", "demo": True}, DEMO_TITLE, "check_missing"),
        ({"client_id": "my-id", "demo": True}, DEMO_TITLE, "check_missing"),
    ],
)
async def test_only_who_asks_for_the_demo_gets_invented_data_from_the_bundle(
    entered: dict[str, Any], title: str, said: str
) -> None:
    bundle = manifest("mcpb/manifest.json")
    configuration = bundle["server"]["mcp_config"]
    values = {name: entry["default"] for name, entry in bundle["user_config"].items()} | entered
    arguments = configuration["args"]
    server = StdioServerParameters(
        command=sys.executable,
        args=[_filled_in(argument, values) for argument in arguments[arguments.index("server.py") :]],
        cwd=ROOT / "mcpb",
        env={name: _filled_in(value, values) for name, value in configuration["env"].items()}
        | {"NOMOS_ACCESS_TOKEN": "of-a-shell", "NOMOS_BASE_URL": "http://127.0.0.1:9"},
    )
    with anyio.fail_after(60):
        async with Client(server) as client:
            order = {"order_id": DEMO.orders["blocked_check_missing"]}
            [block, *_] = (await client.call_tool("get_meter_order", order)).content
            assert client.server_info
            assert client.server_info.title == title
    assert isinstance(block, TextContent)
    assert said in block.text
    assert "NOMOS_CLIENT" not in block.text


@pytest.mark.slow
def test_in_the_bundle_refused_credentials_are_corrected_in_its_settings() -> None:
    code = (
        "from nomos_mcp.client.errors import AuthenticationError, CredentialsError\n"
        "from nomos_mcp.server.error_messages import describe\n"
        "print(describe(CredentialsError('Refused.')), describe(AuthenticationError(401)))"
    )
    environment = {**os.environ, "NOMOS_MCP_EXTENSION": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.count('"Client ID" and "Client secret"') == done.stdout.count("in the extension's settings") == 2
    assert "NOMOS_" not in done.stdout


def test_the_project_has_the_same_addresses_everywhere() -> None:
    server, bundle = manifest("server.json"), manifest("mcpb/manifest.json")
    owner_and_name = server["name"].removeprefix("io.github.")
    home = f"https://github.com/{owner_and_name}"
    assert server["repository"] == {"url": home, "source": "github"}
    assert bundle["repository"]["url"] == f"{home}.git"
    for name in "homepage", "documentation", "support":
        assert bundle[name].startswith(home)
    hooks = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["metadata"]["hooks"]
    for on_pypi in hooks["fancy-pypi-readme"]["substitutions"]:
        assert f".com/{owner_and_name}/" in on_pypi["replacement"]
    [privacy] = bundle["privacy_policies"]
    assert (ROOT / privacy.removeprefix(f"{home}/blob/main/")).is_file()


@pytest.mark.parametrize("text", ["mcpb/PRIVACY.md", "mcpb/manifest.json"])
def test_who_installs_the_bundle_is_told_that_packages_are_fetched(text: str) -> None:
    told = " ".join((ROOT / text).read_text(encoding="utf-8").split())
    assert "At its first start, uv fetches the packages that it needs from the package index" in told


def test_uv_is_told_to_use_the_wheel_in_the_bundle_and_the_tested_versions() -> None:
    told = tomllib.loads(project("nomos_mcp-9-py3-none-any.whl"))
    assert told["tool"]["uv"]["sources"]["nomos-mcp"] == {"path": "nomos_mcp-9-py3-none-any.whl"}
    pinned = {pin.partition("==")[0] for pin in told["tool"]["uv"]["constraint-dependencies"]}
    assert f"mcp=={version('mcp')}" in told["tool"]["uv"]["constraint-dependencies"]
    assert pinned >= {"SQLAlchemy", "cryptography", "greenlet", "pydantic_core"}
    assert not pinned & {"pytest", "mypy", "ruff", "fastapi", "coverage", "hatchling", "pydantic-evals", "asyncpg"}


def test_everything_that_the_bundle_is_made_of_exists_and_its_icon_is_large_enough() -> None:
    assert all((ROOT / "mcpb" / part).is_file() for part in PARTS)
    head = (ROOT / "mcpb" / "icon.png").read_bytes()[:24]
    assert head[1:4] == b"PNG"
    assert int.from_bytes(head[16:20]) == int.from_bytes(head[20:24]) == 512


def _filled_in(text: str, values: dict[str, Any]) -> str:
    """Replace placeholders as a desktop application does; switches become words."""
    for name, value in values.items():
        text = text.replace(f"${{user_config.{name}}}", str(value).lower() if isinstance(value, bool) else value)
    return text
