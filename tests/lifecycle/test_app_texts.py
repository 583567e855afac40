from collections.abc import Mapping
from string import Formatter

import pytest

from nomos_mcp.lifecycle import LANGUAGES
from nomos_mcp.lifecycle.catalogue import AppTexts, texts

APPS = tuple(AppTexts.model_fields)


def blanks_of(said: Mapping[str, str]) -> dict[str, set[str]]:
    return {entry: {name for _, name, _, _ in Formatter().parse(text) if name} for entry, text in said.items()}


@pytest.mark.parametrize("app", APPS)
def test_what_is_filled_into_a_text_of_an_app_is_the_same_in_each_language(app: str) -> None:
    said = [blanks_of(getattr(texts(language).app, app)) for language in LANGUAGES]
    assert said[0]
    assert all(each == said[0] for each in said)
