"""Pack the desktop bundle into `dist/`: manifest, icon, privacy text, the wheel, and what tells uv how to run it.

`python -m tools.bundle` needs nothing but pip. The bundle holds the project's own wheel; uv installs what the wheel
needs, in the versions that the project is tested with.
"""

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from nomos_mcp import __version__

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("manifest.json", "server.py", "icon.png", "PRIVACY.md")
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^]]*)])?[^;]*(?:;(?P<marker>.*))?")
_EXTRA = re.compile(r"extra == ['\"](?P<name>[^'\"]+)")


def project(wheel: str) -> str:
    """Return the bundle's `pyproject.toml`.

    Args:
        wheel: File name of the wheel beside it.
    """
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = needed("nomos-mcp")
    pins = [line for line in lines if not line.startswith("#") and _normalised(line.partition("==")[0]) in names]
    return (
        f'[project]\nname = "nomos-mcp-bundle"\nversion = "{__version__}"\nrequires-python = ">=3.11"\n'
        'dependencies = ["nomos-mcp"]\n\n'
        f"[tool.uv]\npackage = false\nconstraint-dependencies = {json.dumps(pins)}\n\n"
        f'[tool.uv.sources]\nnomos-mcp = {{ path = "{wheel}" }}\n'
    )


def needed(package: str, extras: frozenset[str] = frozenset(), known: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return a package and all that it needs on any platform, by normalised names; what is not installed needs nothing.

    Args:
        package: The package.
        extras: Which of its extras are wanted.
        known: What was found before.
    """
    found = known | {_normalised(package)}
    try:
        lines = requires(package) or []
    except PackageNotFoundError:  # of another platform
        return found
    for line in lines:
        part = _REQUIREMENT.match(line)
        assert part, line
        extra = _EXTRA.search(part["marker"] or "")
        if extra and extra["name"] not in extras:
            continue
        more = frozenset(each.strip() for each in (part["extras"] or "").split(",") if each.strip())
        if more or _normalised(part["name"]) not in found:
            found |= needed(part["name"], more, found)
    return found


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Build the wheel and pack the bundle."""
    target = ROOT / "dist" / f"nomos-mcp-{__version__}.mcpb"
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        built = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT)]
        subprocess.run(built, check=True)  # noqa: S603  our own interpreter, our own folder
        wheel = next(Path(folder).glob("nomos_mcp-*.whl"))
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for part in PARTS:
                bundle.write(ROOT / "mcpb" / part, part)
            bundle.write(ROOT / "LICENSE", "LICENSE")
            bundle.write(wheel, wheel.name)
            bundle.writestr("pyproject.toml", project(wheel.name))
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
