"""Print what `CHANGELOG.md` says about the version that a tag names, if everything names that version.

`python3 tools/release_notes.py v1.2.3` needs nothing installed. Exits with 1, and says why, if the tag and the code's
version differ, a manifest was not generated again, or the version has no dated section with text.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """Return the section of the changelog.

    Args:
        tag: Such as `v1.2.3`.
        root: The checkout.

    Raises:
        ValueError: Why this is no release; for people.
    """
    code = (root / "nomos_mcp" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', code, re.MULTILINE)
    version = found[1] if found else "(none)"
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, and __version__ in nomos_mcp/__init__.py is {version}: make them agree")
    for name in "server.json", "mcpb/manifest.json":
        stated = set(re.findall(r'"version": "(.*?)"', (root / name).read_text(encoding="utf-8")))
        if stated != {version}:
            said = ", ".join(sorted(stated))
            raise ValueError(f"{name} says {said}, and the code {version}: run `make docs` and commit")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(?P<text>.*?)(?=^## \[|\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    text = section["text"].strip() if section else ""
    if not text:
        raise ValueError(f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD` with text: move the lines there")
    return text


if __name__ == "__main__":
    try:
        print(notes(sys.argv[1]))
    except ValueError as error:
        sys.exit(f"no release: {error}")
