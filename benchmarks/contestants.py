"""Who is measured: our server, a bare one of the same SDK, and one generated from an OpenAPI document."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from nomos_mcp.simulator import DEMO

HERE = Path(__file__).parent
ROOT = HERE.parent
_ENVIRONMENTS = ROOT / ".venv-bench"
_FASTMCP = "fastmcp==4.1.0"
_UNLIMITED = 2000
"""A rate limit that nothing here comes near, for measurements of the server alone."""
_LIMITS = {"BENCH_REQUESTS_PER_SECOND": str(_UNLIMITED)}


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server that answers the question "where is this order?".

    Attributes:
        name: In the tables.
        command: Starts it over stdio, as a user would.
        tuned: Starts it over stdio, with `environment`; over HTTP with the port as one more argument.
        argument: Name of the tool's argument that takes the order's ID.
        environment: What it needs besides address and token.
    """

    name: str
    command: tuple[str, ...]
    tuned: tuple[str, ...]
    argument: str = "order_id"
    environment: dict[str, str] = field(default_factory=dict)

    def env(self, upstream: str, **more: str) -> dict[str, str]:
        """Return the environment of its process."""
        mine = {"NOMOS_ACCESS_TOKEN": DEMO.access_token, "NOMOS_BASE_URL": upstream}
        return {**_clean(), **mine, **self.environment, **more}


def contestants() -> tuple[Contestant, ...]:
    """Return everybody, ours first.

    Ours and the bare server run in an environment as a user has it, made here: compiled by pip, and without development
    tools, of which the SDK would load some.
    """
    python = _runtime_python()
    bare = (python, str(HERE / "servers" / "bare.py"))
    generated = (_generated_python(), str(HERE / "servers" / "generated.py"))
    return (
        Contestant(
            "nomos-mcp",
            (str(Path(python).parent / "nomos-mcp"),),
            (python, str(HERE / "servers" / "ours.py")),
            environment=_LIMITS,
        ),
        Contestant("bare", bare, bare),
        Contestant("generated", generated, generated, argument="id"),
    )


def earlier(revision: str) -> Contestant:
    """Return our server as it was at a commit; its environment is made when it is missing.

    Raises:
        subprocess.CalledProcessError: There is no such commit, or it cannot be installed.
    """
    command = ["git", "rev-parse", "--short", f"{revision}^{{commit}}"]
    commit = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    folder = _ENVIRONMENTS / commit
    if not (folder / "done").exists():
        print(f"Installing commit {commit} into {folder.relative_to(ROOT)} ...", file=sys.stderr)
        tree = folder / "tree"
        tree.mkdir(parents=True, exist_ok=True)
        pack = ["git", "archive", "--output", str(folder / "tree.tar"), commit]
        subprocess.run(pack, cwd=ROOT, check=True)
        shutil.unpack_archive(folder / "tree.tar", tree, filter="data")
        _install(folder, "-c", str(tree / "constraints.txt"), str(tree))
    python = str(folder / "bin" / "python")
    script = str(folder / "tree" / "benchmarks" / "servers" / "ours.py")
    return Contestant(commit, (str(folder / "bin" / "nomos-mcp"),), (python, script), environment=_LIMITS)


def generated_version() -> str:
    """Return the version of fastmcp that is measured."""
    return _FASTMCP.partition("==")[2]


def sdk_version(python: str) -> str:
    """Return the version of the SDK that an interpreter's environment holds."""
    code = "import importlib.metadata, json; print(json.dumps(importlib.metadata.version('mcp')))"
    return str(json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True).stdout))


def _runtime_python() -> str:
    folder = _ENVIRONMENTS / "runtime"
    print(f"Installing nomos-mcp into {folder.relative_to(ROOT)} ...", file=sys.stderr)
    _install(folder, "-c", str(ROOT / "constraints.txt"), str(ROOT))
    return str(folder / "bin" / "python")


def _generated_python() -> str:
    folder = _ENVIRONMENTS / "generated"
    if not (folder / "done").exists():
        print(f"Installing {_FASTMCP} into {folder.relative_to(ROOT)} ...", file=sys.stderr)
        _install(folder, _FASTMCP)
    return str(folder / "bin" / "python")


def _install(folder: Path, *what: str) -> None:
    if not folder.joinpath("bin").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *what], check=True, stderr=subprocess.DEVNULL)
    (folder / "done").touch()


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("NOMOS_", "COV", "PYTHON"))}
