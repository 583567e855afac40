"""The texts that the build of the MCP Apps embeds, as JSON: the apps' own, and the words for statuses and turns.

`python -m tools.generate` writes them to `apps/src/texts`, so that the build needs no Python.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal, get_args

from nomos_mcp.lifecycle import LANGUAGES, VERSIONS, Language
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.order_state import TARGET_DAYS
from nomos_mcp.lifecycle.statuses import FACTS, PATHS, blocked_statuses, neighbours, other

App = Literal["shared", "timeline", "board", "preview", "host"]
APPS: Final[tuple[App, ...]] = get_args(App)
FOLDER: Final = "apps/src/texts"


def app_texts(app: App) -> str:
    """Return what one app says, in each language."""
    return _json({language: dict(getattr(texts(language).app, app)) for language in LANGUAGES})


def vocabulary() -> str:
    """Return the statuses of both API versions, with the facts about them, and the words for them in each language."""
    versions = {
        version: {
            "path": PATHS[version],
            "statuses": {
                status: {"outcome": facts.outcome, "phase": facts.phase, "nearest": neighbours(status, version)}
                for status, facts in FACTS[version].items()
            },
            "blocks": blocked_statuses(version),
            "other": other(version),
        }
        for version in VERSIONS
    }
    words: dict[str, object] = {language: _words(language) for language in LANGUAGES}
    # The results are in English; the board reads their fixed phrases and says them in the host's language.
    phrases = {**texts("en").summary.model_dump(), "months": texts("en").format.months}
    return _json({"versions": versions, "target_days": TARGET_DAYS, "phrases": phrases} | words)


def _words(language: Language) -> dict[str, Any]:
    said = texts(language)
    return {
        "labels": {
            version: {status: each.label for status, each in said.statuses(version).items()} for version in VERSIONS
        },
        "waiting_on": dict(said.waiting_on),
        "anomalies": dict(said.anomaly_names),
        "confidence": dict(said.labels.confidence),
        "target": {"ahead": said.timing.target, "past": said.timing.past_target},
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _file_of(name: str) -> str:
    return f"{FOLDER}/{name}.json"


APP_TEXTS: Final[dict[str, Callable[[], str]]] = {_file_of("vocabulary"): vocabulary}
APP_TEXTS.update({_file_of(app): partial(app_texts, app) for app in APPS})
