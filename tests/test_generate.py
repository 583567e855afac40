"""`make docs`: what is written by hand in a page survives it."""

import sys
from pathlib import Path

import pytest

from tools import generate


@pytest.mark.parametrize("lost", ["<!-- end -->\n", "<!-- generated: two -->\n"])
@pytest.mark.parametrize("check", [True, False])
def test_a_page_with_a_lost_mark_is_told_and_left_alone(
    lost: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, check: bool
) -> None:
    page = tmp_path / "page.md"
    parts = [f"<!-- generated: {name} -->\nold\n<!-- end -->\n" for name in ("one", "two")]
    page.write_text("\nBy hand.\n".join(parts).replace(lost, "", 1), encoding="utf-8")
    before = page.read_bytes()
    for name, value in {"ROOT": tmp_path, "FILES": ("page.md",), "WHOLE": {}}.items():
        monkeypatch.setattr(generate, name, value)
    monkeypatch.setattr(generate, "PARTS", {"one": lambda: "new\n", "two": lambda: "new\n"})
    monkeypatch.setattr(sys, "argv", ["generate", *(["--check"] if check else [])])
    assert generate.main() == 1
    assert "page.md" in capsys.readouterr().out
    assert page.read_bytes() == before
