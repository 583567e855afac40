"""Compare a built wheel with the checkout: everything that the package needs is in it, and nothing else.

`python tools/check_wheel.py WHEEL` prints how many files were compared, or what is missing or spare, and exits with 1.
A link of the description that leads nowhere on the package index counts too.
"""

import re
import sys
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent


def expected() -> set[str]:
    """Return the paths that the wheel must have: the package with its texts and `py.typed`, and the prompts."""
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nomos_mcp").rglob("*") if path.is_file()}
    prompts = {f"nomos_mcp/prompts/{path.name}" for path in (ROOT / "prompts").iterdir()}
    return {path for path in package if "__pycache__" not in PurePosixPath(path).parts} | prompts


def main() -> int:
    """Compare; return the exit code."""
    wheel = zipfile.ZipFile(sys.argv[1])
    found = set(wheel.namelist())
    packed = {path for path in found if ".dist-info/" not in path}
    flaws = [f"missing: {path}" for path in sorted(expected() - packed)]
    flaws += [f"spare: {path}" for path in sorted(packed - expected())]
    flaws += [
        f"missing: {kind} of the dist-info"
        for kind in ("entry_points.txt", "licenses/LICENSE", "METADATA")
        if not any(path.endswith(f".dist-info/{kind}") for path in found)
    ]
    flaws += [
        f"relative link in the description: {link}"
        for path in found
        if path.endswith(".dist-info/METADATA")
        for link in re.findall(r"(?:\]\(|src(?:set)?=\")(?!https?:|#)[^)\"]*", wheel.read(path).decode())
    ]
    print("\n".join(flaws) or f"the wheel holds all {len(packed)} files of the package, and nothing else")
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
