"""What one name means, and the words of the field, as Markdown to look things up in. It writes no sentence itself."""

from nomos_mcp.lifecycle.by_name import unknown_status
from nomos_mcp.lifecycle.catalogue import texts
from nomos_mcp.lifecycle.document import markdown_table
from nomos_mcp.lifecycle.sheet import Sheet, status_sheet
from nomos_mcp.lifecycle.statuses import STATUSES
from nomos_mcp.lifecycle.vocabularies import BLOCKED_REASONS, CANCELLED_REASONS, CURIE, VERSIONS


def status_markdown(status: str, language: str = "en") -> str:
    """Everything about one name: one section for each vocabulary that has it, blocked with each of its reasons.

    Args:
        status: a status of either vocabulary, `blocked`, or a reason for blocking or cancelling.
        language: the language of the sections.

    Raises:
        UnknownStatusError: neither vocabulary has the name.
        UnknownLanguageError: there are no texts in this language.
    """
    if status in (*BLOCKED_REASONS, *CANCELLED_REASONS):
        sheets = [status_sheet(status, language=language)]
    else:
        homes = [version for version in VERSIONS if status in STATUSES[version]]
        sheets = [status_sheet(status, api_version=version, language=language) for version in homes]
        # curie's come first in either case: `blocked` is an overlay there, `cancelled` a status.
        if status == "blocked":
            sheets[:0] = [status_sheet(name, language=language) for name in (status, *BLOCKED_REASONS)]
        if status == "cancelled":
            sheets[1:1] = [status_sheet(reason, language=language) for reason in CANCELLED_REASONS]
    if not sheets:
        raise unknown_status(status, CURIE)
    return "\n\n".join([f"# `{status}`", *map(_section, sheets)]) + "\n"


def glossary_markdown(language: str = "en") -> str:
    """The words of the field: what abbreviations stand for, and what the words mean.

    Args:
        language: the language of the meanings; the terms are those of the German market in every language.

    Raises:
        UnknownLanguageError: there are no texts in this language.
    """
    words = texts(language)
    rows = ([term.term, term.expansion or "", term.meaning] for term in words.glossary.values())
    return f"# {words.document.glossary_title}\n\n{markdown_table(words.document.glossary_columns, rows)}\n"


def _section(sheet: Sheet) -> str:
    return "\n".join([f"## {sheet.title}", "", *(f"- **{label}:** {text}" for label, text in sheet.lines)])
