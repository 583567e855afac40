"""The icons that clients may show beside the server and its tools: a meter with a flash; with a plus where it orders.

They are small enough to be sent along, so no client has to fetch anything. No model reads them. `tools/icon.py` draws
the large one of the desktop bundle.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final, Literal

from mcp.types import Icon

_FLASH: Final = "M9 4 5 9h2l-1 4 5-6H9z"
_PLUS: Final = "M7 5h2v2h2v2H9v2H7V9H5V7h2z"
_COLOURS: Final[Mapping[Literal["light", "dark"], str]] = {"light": "#102a43", "dark": "#48bb9a"}
"""The colour for each theme of the client: dark on light ground, light on dark."""


def _icons(sign: str) -> tuple[Icon, ...]:
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="{colour}"><path d="{sign}"/>'
        '<circle cx="8" cy="8" r="7" fill="none" stroke="{colour}" stroke-width="2"/></svg>'
    )
    return tuple(
        Icon(
            src=f"data:image/svg+xml;base64,{b64encode(drawing.format(sign=sign, colour=colour).encode()).decode()}",
            mime_type="image/svg+xml",
            sizes=["any"],
            theme=theme,
        )
        for theme, colour in _COLOURS.items()
    )


READING: Final = _icons(_FLASH)
"""Of the server and of the tools that read."""
ORDERING: Final = _icons(_PLUS)
"""Of the tool that orders."""
