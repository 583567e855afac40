"""The MCP Apps: which there are, what a tool says of the one that shows its results, and where a client reads them.

An app is one HTML file, built from `apps/`. It is read from disk when a client asks for it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from mcp.server.apps import Apps, ResourceCsp, ResourcePermissions, Visibility
from mcp.server.mcpserver.resources import FileResource

App = Literal["timeline", "board", "preview"]

FOLDER: Final = Path(__file__).resolve().parent.parent / "apps"
SCHEME: Final = "ui://"
_TITLES: Final[Mapping[App, tuple[str, str]]] = {
    "timeline": ("A smart meter order as a timeline", "Shows what get_meter_order and explain_status return."),
    "board": (
        "Smart meter orders as a board",
        "Shows what list_meter_orders_by_status and list_order_changes return.",
    ),
    "preview": ("What would be ordered, before a person says yes", "Shows what order_smart_meter returns."),
}
"""Title and description of each."""
# Stated though it is the default: an app reaches no network.
_NO_NETWORK: Final = ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[])
_PERMISSIONS: Final[Mapping[App, ResourcePermissions]] = {
    # A button of the timeline copies the message to the customer; the board shows timelines too.
    "timeline": ResourcePermissions(clipboard_write={}),
    "board": ResourcePermissions(clipboard_write={}),
}


def app_uri(app: App) -> str:
    return f"{SCHEME}nomos/{app}.html"


def ui_meta(app: App, visibility: Sequence[Visibility] = ()) -> dict[str, Any]:
    """Return what a tool says of its app, as `_meta.ui`."""
    meta: dict[str, Any] = {"resourceUri": app_uri(app)}
    return {**meta, "visibility": list(visibility)} if visibility else meta


def apps_extension() -> Apps:
    """Return the extension that a server declares, with a resource for each app."""
    apps = Apps()
    for app, (title, description) in _TITLES.items():
        ui = {"csp": _NO_NETWORK.model_dump(by_alias=True)}
        if permissions := _PERMISSIONS.get(app):
            ui["permissions"] = permissions.model_dump(by_alias=True, exclude_none=True)
        apps.add_resource(
            FileResource(
                uri=app_uri(app),
                title=title,
                description=description,
                path=FOLDER / f"{app}.html",
                encoding="utf-8",
                meta={"ui": ui},
            )
        )
    return apps
