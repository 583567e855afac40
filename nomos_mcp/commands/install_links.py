"""Links that add the server to an assistant by a click, as Cursor and VS Code document them.

A link holds what the assistant's file would hold: references, and never a secret. Pages such as a README allow https
links only, so each link also has a form on its vendor's site, which leads to the application. VS Code's makers describe
theirs in the README of their own server; Cursor's is the one behind the buttons that its documentation makes.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from nomos_mcp.commands.assistants import NAME, Entry, prompted


@dataclass(frozen=True, slots=True)
class InstallLink:
    """One link, in both forms."""

    direct: str  # opens the application
    web: str  # the same by way of the vendor's site


def _cursor(server: Entry) -> InstallLink:
    # Base64 may hold "+", which means a space in a query: so it is quoted.
    query = f"name={NAME}&config={quote(base64.b64encode(_json(server).encode()), safe='')}"
    return InstallLink(
        f"cursor://anysphere.cursor-deeplink/mcp/install?{query}", f"https://cursor.com/en/install-mcp?{query}"
    )


def _vscode(server: Entry) -> InstallLink:
    inputs = prompted(server)
    whole = {"name": NAME, **server, **({"inputs": inputs} if inputs else {})}
    # VS Code decodes the query twice. A percent sign written as JSON's escape outlasts that.
    escaped = _json(whole).replace("%", "\\u0025")
    direct = f"vscode:mcp/install?{quote(escaped, safe='')}"
    return InstallLink(direct, f"https://insiders.vscode.dev/redirect?url={quote(direct, safe='')}")


def _json(value: object) -> str:
    """Plain ASCII: base64 is read as Latin-1 in a browser."""
    return json.dumps(value, separators=(",", ":"))


LINKS: Final[Mapping[str, Callable[[Entry], InstallLink]]] = {"cursor": _cursor, "vscode": _vscode}
"""What makes the link of an entry, by the assistant's name; the others document none."""
