"""Starting: nothing is loaded, read or connected before it is needed."""

import subprocess
import sys
from importlib.metadata import requires

import pytest

_MADE = """
import sys
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
from nomos_mcp.lifecycle.catalogue import texts
create_server(Settings.from_env())
print(" ".join(sys.modules), texts.cache_info().currsize)
"""


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    """Return the names of the modules that a server has loaded that can answer, and how many catalogues were read."""
    run = subprocess.run([sys.executable, "-c", _MADE], capture_output=True, text=True, check=True)
    return run.stdout.split()


@pytest.mark.parametrize(
    "module",
    [
        *("httpx", "truststore", "nomos_mcp.client.transport", "nomos_mcp.simulator", "nomos_mcp.service", "argparse"),
        *("sqlalchemy", "alembic", "nomos_mcp.history.store", "nomos_mcp.history.changes"),
        *("nomos_mcp.server.tools.get_meter_order", "nomos_mcp.server.ordering.outcomes"),
        *("nomos_mcp.server.prompts", "nomos_mcp.server.resources", "nomos_mcp.server.subscriptions"),
        *("difflib", "nomos_mcp.lifecycle.explanation"),
    ],
)
def test_a_server_is_made_without(loaded: list[str], module: str) -> None:
    assert module not in loaded


def test_a_web_service_is_made_without_a_database_unless_one_is_set() -> None:
    code = "import sys; from nomos_mcp.service import create_http_app; create_http_app(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "nomos_mcp.service.http_app" in run.stdout.split()
    assert not {"sqlalchemy", "nomos_mcp.service.webhook_receiver"} & set(run.stdout.split())
    assert not {"opentelemetry.sdk", "prometheus_client", "nomos_mcp.service.metrics"} & set(run.stdout.split())


@pytest.mark.parametrize("missing", ["opentelemetry.sdk", "opentelemetry.exporter.prometheus", "prometheus_client"])
def test_without_the_extra_a_web_service_has_no_metrics_and_says_nothing(missing: str) -> None:
    code = f"""import sys; sys.modules['{missing}'] = None
from nomos_mcp.service.telemetry import telemetry
with telemetry(1) as found: print(found)
assert "nomos_mcp.service.metrics" not in sys.modules"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("(None, [])\n", "")


def test_a_server_is_made_without_reading_what_it_will_say(loaded: list[str]) -> None:
    assert loaded[-1] == "0"


def test_a_call_loads_its_own_tool_only() -> None:
    code = """import sys, anyio
from nomos_mcp.server import create_server
from nomos_mcp.settings import Settings
anyio.run(create_server(Settings.from_env()).call_tool, "get_event", {})
print(*sys.modules)"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "nomos_mcp.server.tools.get_event" in loaded
    assert not {"nomos_mcp.server.tools.list_subscriptions", "nomos_mcp.server.tools.order_smart_meter"} & loaded


@pytest.mark.parametrize("arguments", [[], ["--demo"]])
def test_what_an_assistant_starts_loads_no_commands(arguments: list[str]) -> None:
    code = f"""import sys
from nomos_mcp.cli import main
print(main({arguments}), *sys.modules)"""
    run = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    loaded = run.stderr.split()  # stdout belongs to the protocol
    assert loaded[0] == "0"
    assert "nomos_mcp.server.stdio_transport" in loaded
    assert not {"nomos_mcp.commands.demo", "nomos_mcp.commands.doctor"} & set(loaded)


def test_the_command_line_alone_loads_no_server() -> None:
    code = "import sys; from nomos_mcp.cli import parser; parser(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"mcp", "pydantic", "httpx", "starlette", "rich"} & set(run.stdout.split())


def test_rich_is_not_installed_with_the_server_as_the_sdk_would_load_it_at_each_start() -> None:
    needed = [each for each in requires("nomos-mcp") or [] if "extra ==" not in each]
    assert needed
    assert not [each for each in needed if each.startswith("rich")]
