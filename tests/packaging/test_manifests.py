"""The manifests agree with the code, with each other, and with what starts."""

import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from nomos_mcp import __version__, authentication_settings, organisations_file, settings
from nomos_mcp.settings import Settings, SettingsError
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


@pytest.mark.parametrize(("demo", "title"), [(True, "invented data"), (False, '"Nomos smart meters"')])
def test_the_entry_point_of_the_bundle_starts_the_server_as_its_switch_says(*, demo: bool, title: str) -> None:
    arguments = manifest("mcpb/manifest.json")["server"]["mcp_config"]["args"]
    after = [_filled_in(argument, {"demo": demo}) for argument in arguments[arguments.index("server.py") :]]
    hello = (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
        '"clientInfo":{"name":"t","version":"1"}}}\n'
    )
    done = subprocess.run(
        [sys.executable, *after], input=hello, cwd=ROOT / "mcpb", capture_output=True, text=True, timeout=60, check=True
    )
    assert title in done.stdout


def test_uv_is_told_to_use_the_wheel_in_the_bundle_and_the_tested_versions() -> None:
    told = tomllib.loads(project("nomos_mcp-9-py3-none-any.whl"))
    assert told["tool"]["uv"]["sources"]["nomos-mcp"] == {"path": "nomos_mcp-9-py3-none-any.whl"}
    assert f"mcp=={version('mcp')}" in told["tool"]["uv"]["constraint-dependencies"]


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
