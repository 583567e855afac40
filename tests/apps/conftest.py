"""A real Chromium, a real `nomos-mcp`, and the demo's page in it. A test fails on any error of the console."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion
from tests.apps.demo_host import BareHost, DemoHost, Watched

FLAGS = (
    "--no-sandbox",  # in a container Chromium has no sandbox of its own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

OpenDemo = Callable[..., DemoHost]
OpenBare = Callable[..., BareHost]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed")
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@contextmanager
def _served(version: ApiVersion, log: Path) -> Iterator[str]:
    """Run `nomos-mcp demo --browser` and return its address; it must end with Ctrl-C."""
    command = [sys.executable, "-m", "nomos_mcp", "demo", "--browser", "--no-open", "--api-version", version]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("The MCP Apps at "), log.read_text()
        yield line.split()[4].removesuffix(":")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="session")
def curie_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _served(CURIE, tmp_path_factory.mktemp("curie") / "stderr") as url:
        yield url


@pytest.fixture(scope="session")
def edison_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _served(EDISON, tmp_path_factory.mktemp("edison") / "stderr") as url:
        yield url


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Return what opens a window: language and theme are the browser's."""
    opened: list[BrowserContext] = []

    def open_context(language: str = "en", theme: str = "light", width: int = 800, height: int = 900) -> BrowserContext:
        context = browser.new_context(
            locale="de-DE" if language == "de" else "en-GB",
            color_scheme="dark" if theme == "dark" else "light",
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        opened.append(context)
        return context

    yield open_context
    for context in opened:
        context.close()


@pytest.fixture
def watched() -> Iterator[list[Watched]]:
    """Fail on what went wrong in any page of the test."""
    pages: list[Watched] = []
    yield pages
    assert [error for page in pages for error in page.errors] == []


@pytest.fixture
def open_demo(
    contexts: Callable[..., BrowserContext],
    watched: list[Watched],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[OpenDemo]:
    """Return what opens the demo's page: `open_demo(language="de", theme="dark", width=320, version=EDISON)`.

    A test that orders has a server of its own: `own_server=True`.
    """
    with ExitStack() as stack:

        def opened(version: ApiVersion = CURIE, *, own_server: bool = False, **window: object) -> DemoHost:
            if own_server:
                url = stack.enter_context(_served(version, tmp_path / "stderr"))
            else:
                url = request.getfixturevalue("curie_url" if version == CURIE else "edison_url")
            host = DemoHost(contexts(**window).new_page(), url)
            watched.append(host)
            host.open()
            return host

        yield opened


@pytest.fixture
def open_bare(contexts: Callable[..., BrowserContext], watched: list[Watched], curie_url: str) -> OpenBare:
    """Return what makes a page for a host of few lines; `open` it with an app."""

    def opened(**window: object) -> BareHost:
        host = BareHost(contexts(**window).new_page(), curie_url)
        watched.append(host)
        return host

    return opened
