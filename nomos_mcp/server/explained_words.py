"""Words that are no status: error codes, words of the field, the glossary; for tool, resource and command alike.

Loads nothing of MCP, so that the command line need not.
"""

from typing import Final

from nomos_mcp.lifecycle import (
    Audience,
    UnknownStatusError,
    glossary_entry,
    glossary_markdown,
    glossary_words,
    spelling,
    unknown_status,
)
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.statuses import version_named
from nomos_mcp.server.error_messages import CODES, code_named, error_markdown

_GLOSSARY: Final = ("glossary", "Glossar")


def is_same_for_all(name: str) -> bool:
    """Whether everybody is told the same about a name: of an error code, assistants of one customer are told less."""
    return code_named(name) is None


def word_markdown(name: str, language: str = "en", audience: Audience = "agent", *, fenced: bool = False) -> str | None:
    """What is said about a name that is no status: of an error code, a customer is told only that support can help."""
    if spelling(name) in map(spelling, _GLOSSARY):
        return glossary_markdown(language, audience)
    if (code := code_named(name)) is None:
        return glossary_entry(name, language, audience)
    say = texts(language).lookup
    if audience == "customer":
        return say.code_for_customer
    told = error_markdown(code, fenced=fenced)
    return told if language == "en" else f"{told}\n{say.codes_in_english}\n"


def unknown_word(name: str, api_version: str) -> UnknownStatusError:
    """Return the error about a name that is neither a status nor one of these words, with the nearest of all."""
    return unknown_status(name, version_named(api_version), (*CODES, *_GLOSSARY, *glossary_words()))
