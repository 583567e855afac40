"""Releasing: off by default, no right that a job does not need, and nothing that disagrees with the tag."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from nomos_mcp import __version__
from tools.release_notes import notes

ROOT = Path(__file__).resolve().parents[2]
RELEASE = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
JOBS: dict[str, Any] = RELEASE["jobs"]


def test_every_job_waits_for_the_one_that_a_maintainer_has_to_switch_on() -> None:
    assert JOBS["build"]["if"] == "vars.RELEASE == 'on'"
    assert {name: job.get("needs") for name, job in JOBS.items()} == {
        "build": None,
        "package-index": "build",
        "release-page": "package-index",
        "registry": "package-index",
    }
    assert not [name for name, job in JOBS.items() if name != "build" and "if" in job]


def test_no_job_has_a_right_that_it_does_not_need_and_what_runs_this_code_can_write_nothing() -> None:
    assert RELEASE["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "build": {"contents": "read"},
        "package-index": {"id-token": "write"},
        "release-page": {"contents": "write"},
        "registry": {"id-token": "write"},
    }
    assert "secrets." not in (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in "nomos_mcp/__init__.py", "server.json", "mcpb/manifest.json":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(
        f"## [Unreleased]\n\n- Later.\n\n## [{__version__}] - 2026-11-21\n\n- New.\n\n## [0.0.1]\n\n- Old.\n",
        encoding="utf-8",
    )
    return tmp_path


def test_the_notes_of_a_release_are_its_section_of_the_changelog(checkout: Path) -> None:
    assert notes(f"v{__version__}", checkout) == "- New."


def test_the_version_of_this_code_could_be_released() -> None:
    assert notes(f"v{__version__}")


@pytest.mark.parametrize("tag", ["v9.9.9", __version__, "main"])
def test_a_tag_that_is_not_the_codes_version_releases_nothing(tag: str, checkout: Path) -> None:
    with pytest.raises(ValueError, match=f"the tag is {tag}, and __version__ .* is {__version__}"):
        notes(tag, checkout)


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("server.json", f'"version": "{__version__}"', '"version": "0.0.9"', "server.json says 0.0.9"),
        ("server.json", f'      "version": "{__version__}"', '      "version": "0.0.9"', f"says 0.0.9, {__version__}"),
        ("CHANGELOG.md", f"[{__version__}]", "[9.0.0]", "has no section"),
        ("CHANGELOG.md", "- 2026-11-21", "", "has no section"),
        ("CHANGELOG.md", "- New.", "", "has no section"),
    ],
)
def test_what_was_forgotten_is_named(name: str, before: str, after: str, said: str, checkout: Path) -> None:
    text = (checkout / name).read_text(encoding="utf-8")
    assert before in text
    (checkout / name).write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        notes(f"v{__version__}", checkout)
