"""Who is measured: our server, a bare one of the same SDK, and one generated from an OpenAPI document."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from nomos_mcp.simulator import DEMO

HERE = Path(__file__).parent
ROOT = HERE.parent
_GENERATED = ROOT / ".venv-bench" / "generated"
_FASTMCP = "fastmcp==4.1.0"
_UNLIMITED = 2000
"""A rate limit that nothing here comes near, for measurements of the server alone."""


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
    """Return everybody, ours first; the generated server's environment is made when it is missing."""
    python = sys.executable
    bare = (python, str(HERE / "servers" / "bare.py"))
    generated = (_generated_python(), str(HERE / "servers" / "generated.py"))
    return (
        Contestant(
            "nomos-mcp",
            (str(Path(python).parent / "nomos-mcp"),),
            (python, str(HERE / "servers" / "ours.py")),
            environment={"BENCH_REQUESTS_PER_SECOND": str(_UNLIMITED)},
        ),
        Contestant("bare", bare, bare),
        Contestant("generated", generated, generated, argument="id"),
    )


def generated_version() -> str:
    """Return the version of fastmcp that is measured."""
    return _FASTMCP.partition("==")[2]


def sdk_version(python: str) -> str:
    """Return the version of the SDK that an interpreter's environment holds."""
    code = "import importlib.metadata, json; print(json.dumps(importlib.metadata.version('mcp')))"
    return str(json.loads(subprocess.run([python, "-c", code], check=True, capture_output=True).stdout))


def _generated_python() -> str:
    python = str(_GENERATED / "bin" / "python")
    if not (_GENERATED / "done").exists():
        print(f"Installing {_FASTMCP} into {_GENERATED.relative_to(ROOT)} ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(_GENERATED)], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", _FASTMCP]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
        (_GENERATED / "done").touch()
    return python


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("NOMOS_", "COV_", "COVERAGE_"))}
