"""What the figures were measured on."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.contestants import Contestant, generated_version, sdk_version

_GIGABYTE = 1024 * 1024


def description(contestants: tuple[Contestant, ...], rounds: int) -> list[str]:
    """Describe machine, versions and way of measuring, a line each."""
    ours, _, generated = contestants
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("pydantic", "httpx", "uvicorn"))
    load = f"load over the last minute at the start: {os.getloadavg()[0]:.2f}"
    system = f"{platform.system()} {platform.release()}"
    others = f"the generated server: fastmcp {generated_version()} on mcp {sdk_version(generated.tuned[0])}"
    return [
        f"Measured on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}, {rounds} rounds, all in turn.",
        f"{_processor()}, {os.cpu_count()} cores, {_memory():.0f} GB, {system}; {load}.",
        f"Python {platform.python_version()}, mcp {sdk_version(ours.tuned[0])}, {versions}; {others}.",
    ]


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> float:
    line = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()[0]
    return int(line.split()[1]) / _GIGABYTE
