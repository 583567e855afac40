"""Size and shape of the package: files, lines, and the files that one `get_meter_order` runs through.

`python -m tools.structure [CHECKOUT]` looks at this checkout or at another one, to compare. The question is asked over
stdio, of the demo; the files of the simulator do not count.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

_ORDER: Final = "prdo_blockedcheckmissing00000"
_TRACED: Final = """
import json, os, signal, sys, threading
package, out = sys.argv[1:]
files = []
def note(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.startswith(package):
        files.append(os.path.relpath(frame.f_code.co_filename, package))
def begin(*_):
    files.clear()
def end(*_):
    with open(out + ".new", "w") as file:
        json.dump(list(files), file)
    os.replace(out + ".new", out)
signal.signal(signal.SIGUSR1, begin)
signal.signal(signal.SIGUSR2, end)
threading.setprofile(note)
sys.setprofile(note)
from nomos_mcp.cli import main
main(["--demo"])
"""
_INITIALIZE: Final = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "structure", "version": "1"},
}


def main() -> None:
    """Print the figures."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    package = checkout / "nomos_mcp"
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in package.rglob("*.py")}
    print(f"files {len(sizes)}, lines {sum(sizes.values())}, median {statistics.median(sizes.values()):g}")
    for part in sorted({path.relative_to(package).parts[0] for path in sizes if path.parent != package}):
        inside = [lines for path, lines in sizes.items() if path.relative_to(package).parts[0] == part]
        print(f"  {part}: files {len(inside)}, lines {sum(inside)}")
    names = [path.name for path in sizes if path.name != "__init__.py"]
    print(f"file names that occur twice: {', '.join(sorted({n for n in names if names.count(n) > 1})) or 'none'}")
    passed = [file for file in _passed(checkout, package) if not file.startswith("simulator")]
    switches = sum(one != other for one, other in pairwise(passed))
    print(f"get_meter_order: {len(set(passed))} files, {switches} switches between them")
    for file in dict.fromkeys(passed):
        print(f"  {file}")


def _passed(checkout: Path, package: Path) -> list[str]:
    """Ask twice over stdio, and return the files of the calls of the second time, in order."""
    out = checkout / ".structure.json"
    server = subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-c", _TRACED, str(package), str(out)],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        _ask(server, 1, "initialize", _INITIALIZE)
        _ask(server, None, "notifications/initialized", {})
        call = {"name": "get_meter_order", "arguments": {"order_id": _ORDER}}
        _ask(server, 2, "tools/call", call)
        server.send_signal(signal.SIGUSR1)
        _ask(server, 3, "tools/call", call)
        server.send_signal(signal.SIGUSR2)
        _ask(server, 4, "ping", {})
        server.communicate(timeout=30)
        found: list[str] = json.loads(out.read_text(encoding="utf-8"))
        return found
    finally:
        server.kill()
        out.unlink(missing_ok=True)


def _ask(server: "subprocess.Popen[str]", number: int | None, method: str, params: Mapping[str, object]) -> None:
    assert server.stdin is not None
    assert server.stdout is not None
    message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
    server.stdin.write(json.dumps(message) + "\n")
    server.stdin.flush()
    while number is not None and json.loads(server.stdout.readline()).get("id") != number:
        pass


if __name__ == "__main__":
    main()
