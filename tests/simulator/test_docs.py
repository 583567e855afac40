"""The examples of `docs/simulator.md` run, and its tables match the code."""

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import httpx
import pytest

from nomos_mcp.cli import main
from nomos_mcp.simulator import DEMO, Simulator
from nomos_mcp.simulator.control_routes import control_app
from nomos_mcp.simulator.faults import FaultKind
from nomos_mcp.simulator.simulator_server import served

TEXT = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SCRIPTS = [block for block in PYTHON if "pytest_plugins" not in block]


@pytest.mark.parametrize("block", SCRIPTS, ids=range(len(SCRIPTS)))
async def test_the_python_does_what_it_says(block: str) -> None:
    simulator = Simulator()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=simulator),
        base_url="http://simulator",
        headers={"Authorization": f"Bearer {DEMO.access_token}"},
    ) as api:
        code = compile(block, "docs/simulator.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        done = eval(code, {"simulator": simulator, "api": api})  # noqa: S307 - our own documentation
        if inspect.isawaitable(done):
            await done


@pytest.mark.slow
def test_the_example_for_pytest_passes(tmp_path: Path) -> None:
    (example,) = (block for block in PYTHON if "pytest_plugins" in block)
    (tmp_path / "test_example.py").write_text(example, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", re.findall(r"^\$ (curl .*)$", TEXT, re.MULTILINE))
def test_the_commands_are_accepted(command: str) -> None:
    with served(Simulator()) as url:
        here = command.replace("http://127.0.0.1:4010", url).replace("curl", "curl --fail --noproxy '*'")
        done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=False)  # noqa: S607
    assert (done.returncode, '"error"' in done.stdout) == (0, False)


def test_the_start_lines_are_the_real_ones(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nomos_mcp.simulator.simulator_server.serve", lambda _, listener: listener.close())
    main(["simulator", "--port", "0"])
    shown = re.sub(r"(127\.0\.0\.1):\d+", r"\1:4010", capsys.readouterr().out)
    assert shown in TEXT


def test_every_control_route_is_in_the_table_and_no_other() -> None:
    app = control_app(Simulator())
    served_routes = {
        f"{method} {route.path}"
        for route in app.routes  # type: ignore[attr-defined]  # it is a Starlette application
        for method in route.methods - {"HEAD"}
    }
    assert set(re.findall(r"^\| `([A-Z]+ /_simulator/\S*)`", TEXT, re.MULTILINE)) == served_routes


def test_every_kind_of_fault_is_in_the_table_and_no_other() -> None:
    table = TEXT.partition("## Faults")[2].partition("\n\n- ")[0]
    assert set(re.findall(r"^\| `(\w+)` \| [^|]+\|", table, re.MULTILINE)) - {"kind"} == set(get_args(FaultKind))


@pytest.mark.parametrize("option", re.findall(r"^\| `(--[a-z-]+)", TEXT, re.MULTILINE))
def test_every_option_exists(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit):
        main(["simulator", "--help"])
    assert option in capsys.readouterr().out
