"""The icons that clients may show beside the server and its tools: a disc with a flash in it, a plus where it orders.

They are small enough to be sent along, so no client has to fetch anything: from 2026-07-28 on those of the server stand
in every answer. No model reads them. `tools/icon.py` draws the large one of the desktop bundle.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final, Literal

from mcp.types import Icon

_DISC: Final = "M8 0a8 8 0 1 0 0 16A8 8 0 0 0 8 0"
# Both go round the other way than the disc, and so are left out of it.
_FLASH: Final = "m1 3v4h3l-5 6 1-4H4z"
_PLUS: Final = "M7 4h2v3h3v2H9v3H7V9H4V7h3z"
_COLOURS: Final[Mapping[Literal["light", "dark"], str]] = {"light": "#123", "dark": "#4b9"}
"""The colour for each theme of the client: dark on light ground, light on dark."""


def _icons(sign: str) -> tuple[Icon, ...]:
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="{colour}" d="{shape}"/></svg>'
    return tuple(
        Icon(
            src="data:image/svg+xml;base64,"
            + b64encode(drawing.format(shape=_DISC + sign, colour=colour).encode()).decode(),
            mime_type="image/svg+xml",
            theme=theme,
        )
        for theme, colour in _COLOURS.items()
    )


READING: Final = _icons(_FLASH)
"""Of the server and of the tools that read."""
ORDERING: Final = _icons(_PLUS)
"""Of the tool that orders."""
