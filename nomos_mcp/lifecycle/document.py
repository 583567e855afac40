"""The whole lifecycle as one Markdown document, made from the catalogue and the facts. It writes no sentence itself."""

from collections.abc import Iterable, Iterator

from nomos_mcp.lifecycle.catalogue import Catalogue, Turn, texts
from nomos_mcp.lifecycle.names import neighbours
from nomos_mcp.lifecycle.statuses import BLOCKS, FACTS, STATUSES, Facts, version_named
from nomos_mcp.lifecycle.vocabularies import (
    BLOCKED_REASONS,
    CANCELLED_REASONS,
    CURIE,
    PATHS,
    VERSIONS,
    ApiVersion,
    other,
)


def lifecycle_markdown(api_version: str = "", language: str = "en") -> str:
    """The lifecycle, curie's block and its reasons, who must act, and what of it is documented or inferred.

    Args:
        api_version: the vocabulary to tell of, in full or by its name alone (`edison`); both if empty.
        language: the language of the document.

    Returns:
        Markdown with one heading a version.

    Raises:
        UnknownVersionError: the API version has no meter orders.
        UnknownLanguageError: there are no texts in this language.
    """
    words = texts(language)
    say = words.document
    versions = (version_named(api_version),) if api_version else VERSIONS
    blocks = [f"# {say.title}", "\n".join(f"- {rule}" for rule in say.rules)]
    for version in versions:
        blocks += [f"## {version}", f"{say.path} `{' → '.join(PATHS[version])}`", _statuses(version, words)]
        if version == CURIE:
            blocks += [f"### {say.overlay_title}", say.overlay_intro, _reasons(words)]
            blocks += [f"### {say.cancelled_title}", _cancelled(words)]
    blocks += [f"## {say.neighbours_title}", say.neighbours_intro, _neighbours(versions, words)]
    return "\n\n".join(blocks) + "\n"


def _statuses(version: ApiVersion, words: Catalogue) -> str:
    def row(status: str) -> list[str]:
        say = words.statuses(version)[status]
        return [f"`{status}`", say.meaning, *_who(FACTS[version][status], words), say.next or "", say.do_not_say]

    return markdown_table(words.document.status_columns, map(row, STATUSES[version]))


def _reasons(words: Catalogue) -> str:
    return _reason_table(((reason, words.blocked[reason], BLOCKS[reason]) for reason in BLOCKED_REASONS), words)


def _cancelled(words: Catalogue) -> str:
    facts = FACTS[CURIE]["cancelled"]
    return _reason_table(((reason, words.cancelled[reason], facts) for reason in CANCELLED_REASONS), words)


def _reason_table(reasons: Iterable[tuple[str, Turn, Facts]], words: Catalogue) -> str:
    rows = (
        [f"`{reason}`", say.meaning, *_who(facts, words), say.customer_action or "", say.do_not_say]
        for reason, say, facts in reasons
    )
    return markdown_table(words.document.reason_columns, rows)


def _neighbours(versions: tuple[ApiVersion, ...], words: Catalogue) -> str:
    def rows() -> Iterator[list[str]]:
        for version in versions:
            for status in STATUSES[version]:
                if status not in STATUSES[other(version)]:
                    near = ", ".join(neighbours(status, version)) or words.document.no_neighbour
                    yield [f"`{status}` ({version})", near]

    return markdown_table(words.document.neighbour_columns, rows())


def _who(facts: Facts, words: Catalogue) -> tuple[str, str]:
    """Whose turn it is, and whether that is documented (bold) or inferred (italic)."""
    mark = "**" if facts.confidence == "documented" else "*"
    return words.waiting_on[facts.waiting_on], f"{mark}{words.sheet.confidence[facts.confidence]}{mark}"


def markdown_table(columns: Iterable[str], rows: Iterable[list[str]]) -> str:
    """Rows of cells as a Markdown table."""
    heading = list(columns)
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
