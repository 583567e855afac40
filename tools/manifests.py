"""The manifests by which others find and install the server, made of what the code says about itself."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from nomos_mcp import __version__, variables
from nomos_mcp.variables import HTTP_VARIABLES, VARIABLES, Variable
from tools.listing import first_words, listed

Json = Mapping[str, object]

_KEYWORDS = ("nomos", "energy", "smart meter", "iMSys", "support")
_ABOUT_DATA = (
    "The server runs on this computer. At its first start, uv fetches the packages that it needs from the package "
    "index. After that it talks to the Nomos API and to nobody else, and sends no telemetry. Names, addresses, e-mail "
    "and bank details of customers are never handed to the assistant. PRIVACY.md says more."
)
_PROJECT = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
_URLS: Mapping[str, str] = _PROJECT["project"]["urls"]


def server_json() -> str:
    """Return `server.json`, the manifest of the MCP registry (schema 2025-12-11)."""
    package = {"registryType": "pypi", "identifier": "nomos-mcp", "version": __version__, "runtimeHint": "uvx"}
    variables = [_registry_variable(variable) for variable in VARIABLES]
    return _text(
        {
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": "io.github.nomos-mcp/nomos-mcp",
            "title": "Nomos smart meters",
            "description": "Smart meter orders at Nomos (German electricity): read, list, explain, and order once.",
            "version": __version__,
            "repository": {"url": _URLS["Repository"], "source": "github"},
            "websiteUrl": _URLS["Homepage"],
            "packages": [
                {**package, "transport": {"type": "stdio"}, "environmentVariables": variables},
                {
                    **package,
                    "packageArguments": [{"type": "positional", "value": "http"}],
                    "transport": {"type": "streamable-http", "url": "http://127.0.0.1:8000/mcp"},
                    "environmentVariables": [*variables, *map(_registry_variable, HTTP_VARIABLES)],
                },
            ],
        }
    )


def _registry_variable(variable: Variable) -> Json:
    stated: dict[str, object] = {"name": variable.name, "description": _sentence(variable.purpose), "isRequired": False}
    if variable.secret:
        stated["isSecret"] = True
    if variable.default:
        stated["default"] = variable.default
    if variable.choices:
        stated["choices"] = list(variable.choices)
    if variable.kind != "string":
        stated["format"] = variable.kind
    return stated


def bundle_manifest() -> str:
    """Return `mcpb/manifest.json`, the manifest of the desktop bundle (version 0.4, server type uv)."""
    return _text(
        {
            "manifest_version": "0.4",
            "name": "nomos-mcp",
            "display_name": "Nomos smart meters",
            "version": __version__,
            "description": "Smart meter orders at Nomos: what a status means, whose turn it is, what to say.",
            "long_description": f"Ask why a smart meter is blocked, and get the right answer.\n\n{_ABOUT_DATA}",
            "author": {"name": "The nomos-mcp authors"},
            "repository": {"type": "git", "url": f"{_URLS['Repository']}.git"},
            "homepage": _URLS["Homepage"],
            "documentation": _URLS["Documentation"],
            "support": _URLS["Issues"],
            "privacy_policies": [_URLS["Privacy"]],
            "license": "MIT",
            "keywords": list(_KEYWORDS),
            "icon": "icon.png",
            "server": {
                "type": "uv",
                "entry_point": "server.py",
                "mcp_config": {
                    "command": "uv",
                    "args": ["run", "--directory", "${__dirname}", "server.py", "--demo=${user_config.demo}"],
                    "env": {
                        variables.CLIENT_ID: "${user_config.client_id}",
                        variables.CLIENT_SECRET: "${user_config.client_secret}",
                        variables.READ_ONLY: "${user_config.read_only}",
                    },
                },
            },
            "user_config": {
                "client_id": _credential("Client ID", "ID of your Nomos Auth Client; not needed for the demo."),
                "client_secret": _credential("Client secret", "Its secret; kept in your system's keychain."),
                "demo": _switch("Demo", "Answer with invented data only: nothing in it is about a real customer."),
                "read_only": _switch("Read only", "Nothing can be ordered."),
            },
            "tools": [{"name": tool.name, "description": first_words(tool)} for tool in listed().tools],
            "prompts_generated": True,
            "compatibility": {"platforms": ["darwin", "linux", "win32"], "runtimes": {"python": ">=3.11"}},
        }
    )


def _credential(title: str, description: str) -> Json:
    # An entry without a default reaches the server as the bare placeholder, which is no credential.
    return {"type": "string", "title": title, "description": description, "sensitive": True, "default": ""}


def _switch(title: str, description: str) -> Json:
    return {"type": "boolean", "title": title, "description": description, "default": False}


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _text(manifest: Json) -> str:
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
