"""The lifecycle as Markdown, from the facts and the catalogue: the whole, one name, the glossary, and a diagram."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from nomos_mcp.lifecycle.catalogue import Catalogue, Turn, texts
from nomos_mcp.lifecycle.status_lookup import StatusLines, status_lines, unknown_status
from nomos_mcp.lifecycle.statuses import (
    BLOCKED_REASONS,
    BLOCKS,
    CANCELLED_REASONS,
    CURIE,
    FACTS,
    PATHS,
    STATUSES,
    VERSIONS,
    ApiVersion,
    Facts,
    WaitingOn,
    neighbours,
    other,
    version_named,
)


def lifecycle_markdown(api_version: str = "", language: str = "en") -> str:
    """The lifecycle, curie's block and its reasons, who must act, and what of it is documented or inferred.

    Args:
        api_version: the vocabulary to describe, in full or by its name alone (`edison`); both if empty.
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
    return words.waiting_on[facts.waiting_on], f"{mark}{words.labels.confidence[facts.confidence]}{mark}"


def markdown_table(columns: Iterable[str], rows: Iterable[list[str]]) -> str:
    """Rows of cells as a Markdown table."""
    heading = list(columns)
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


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
        sections = [status_lines(status, language=language)]
    else:
        homes = [version for version in VERSIONS if status in STATUSES[version]]
        sections = [status_lines(status, api_version=version, language=language) for version in homes]
        # curie's come first in either case: `blocked` is an overlay there, `cancelled` a status.
        if status == "blocked":
            sections[:0] = [status_lines(name, language=language) for name in (status, *BLOCKED_REASONS)]
        if status == "cancelled":
            sections[1:1] = [status_lines(reason, language=language) for reason in CANCELLED_REASONS]
    if not sections:
        raise unknown_status(status, CURIE)
    return "\n\n".join([f"# `{status}`", *map(_section, sections)]) + "\n"


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


def _section(lines: StatusLines) -> str:
    return "\n".join([f"## {lines.title}", "", *(f"- **{label}:** {text}" for label, text in lines.lines)])


_INFERRED: Final = "_inferred"
_COLOURS: Final[dict[WaitingOn, str]] = {
    "customer": "#fde68a",
    "nomos": "#bfdbfe",
    "installer": "#bbf7d0",
    "grid_operator": "#e9d5ff",
    "nobody": "#e5e7eb",
}


def lifecycle_diagram(version: ApiVersion, language: str = "en") -> str:
    """Draw one version's statuses.

    Only the line that the vendor documents is drawn as an order of statuses. How the others are reached is not
    documented, so they stand beside it without arrows.

    Args:
        version: whose statuses.
        language: the language of the names.

    Returns:
        A Mermaid flowchart, without a fence around it.

    Raises:
        UnknownLanguageError: there are no texts in this language.
    """
    return "\n".join(["flowchart TB", *(f"  {line}" for line in _lines(version, texts(language)))]) + "\n"


def _lines(version: ApiVersion, words: Catalogue) -> Iterator[str]:
    say = words.diagram
    path = PATHS[version]
    labels = {status: said.label for status, said in words.statuses(version).items()}
    yield f'subgraph line["{say.line}"]'
    yield "  direction TB"
    yield from (f"  {_node(status, labels[status], FACTS[version][status])}" for status in path)
    yield from (f"  {here} --> {there}" for here, there in pairwise(path))
    yield "end"
    yield f'subgraph beside["{say.beside}"]'
    yield "  direction TB"
    for status in STATUSES[version]:
        if status not in path:
            yield f"  {_node(status, labels[status], FACTS[version][status])}"
    yield "end"
    if version == CURIE:
        yield f'subgraph blocked["{say.overlay}"]'
        yield "  direction TB"
        yield from (f"  {_node(reason, words.blocked[reason].meaning, BLOCKS[reason])}" for reason in BLOCKED_REASONS)
        yield "end"
    reasons = [BLOCKS[reason] for reason in BLOCKED_REASONS] if version == CURIE else []
    for kind, colour in sorted(
        {(_kind(facts), _COLOURS[facts.waiting_on]) for facts in [*FACTS[version].values(), *reasons]}
    ):
        dashes = ",stroke-dasharray:5 4" if kind.endswith(_INFERRED) else ""
        yield f"classDef {kind} fill:{colour},stroke:#111827,color:#111827{dashes}"


def _node(name: str, label: str, facts: Facts) -> str:
    return f'{name}["{name}<br/>{label}"]:::{_kind(facts)}'


def _kind(facts: Facts) -> str:
    return facts.waiting_on if facts.confidence == "documented" else facts.waiting_on + _INFERRED
