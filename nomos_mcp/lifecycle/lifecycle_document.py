"""The lifecycle as Markdown, from the facts and the catalogue: the whole, one name, the glossary, and a diagram."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from nomos_mcp.lifecycle.catalogue import LANGUAGES, Catalogue, Turn, texts
from nomos_mcp.lifecycle.misspellings import spelling
from nomos_mcp.lifecycle.status_lookup import status_lines, unknown_status
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
    Audience,
    Facts,
    WaitingOn,
    neighbours,
    other,
    version_named,
)

_INFERRED: Final = "_inferred"
_COLOURS: Final[dict[WaitingOn, str]] = {
    "customer": "#fde68a",
    "nomos": "#bfdbfe",
    "installation_partner": "#bbf7d0",
    "grid_operator": "#e9d5ff",
    "nobody": "#e5e7eb",
}


def lifecycle_markdown(api_version: str = "", language: str = "en") -> str:
    """The lifecycle, curie's block and its reasons, who must act, and what of it is documented or inferred.

    Args:
        api_version: the vocabulary to describe, in full or by its name alone (`edison`); both if empty.
        language: the language of the document.
    """
    words = texts(language)
    say = words.document
    versions = (version_named(api_version),) if api_version else VERSIONS
    blocks = [f"# {say.title}", "\n".join(f"- {rule}" for rule in say.rules)]
    for version in versions:
        blocks += [f"## {version}", f"{say.path} `{' → '.join(PATHS[version])}`", _statuses(version, words)]
        if version == CURIE:
            blocked = [(reason, words.blocked[reason], BLOCKS[reason]) for reason in BLOCKED_REASONS]
            cancelled = [(reason, words.cancelled[reason], FACTS[CURIE]["cancelled"]) for reason in CANCELLED_REASONS]
            blocks += [f"### {say.overlay_title}", say.overlay_intro, _reasons(blocked, words)]
            blocks += [f"### {say.cancelled_title}", _reasons(cancelled, words)]
    blocks += [f"## {say.neighbours_title}", say.neighbours_intro, _neighbours(versions, words)]
    return "\n\n".join(blocks) + "\n"


def _statuses(version: ApiVersion, words: Catalogue) -> str:
    def row(status: str) -> list[str]:
        say = words.statuses(version)[status]
        return [f"`{status}`", say.meaning, *_who(FACTS[version][status], words), say.next or "", say.do_not_say]

    return _table(words.document.status_columns, map(row, STATUSES[version]))


def _reasons(reasons: Iterable[tuple[str, Turn, Facts]], words: Catalogue) -> str:
    rows = (
        [f"`{reason}`", say.meaning, *_who(facts, words), say.customer_action or "", say.do_not_say]
        for reason, say, facts in reasons
    )
    return _table(words.document.reason_columns, rows)


def _neighbours(versions: Iterable[ApiVersion], words: Catalogue) -> str:
    rows = (
        [f"`{status}` ({version})", ", ".join(neighbours(status, version)) or words.document.no_neighbour]
        for version in versions
        for status in STATUSES[version]
        if status not in STATUSES[other(version)]
    )
    return _table(words.document.neighbour_columns, rows)


def _who(facts: Facts, words: Catalogue) -> tuple[str, str]:
    """Whose turn it is, and whether that is documented (bold) or inferred (italic)."""
    mark = "**" if facts.confidence == "documented" else "*"
    return words.waiting_on[facts.waiting_on], f"{mark}{words.labels.confidence[facts.confidence]}{mark}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, ["---"] * len(columns), *rows])


def status_markdown(status: str, language: str = "en") -> str:
    """Everything about one name: one section for each vocabulary that has it, blocked with each of its reasons.

    Args:
        status: a status of either vocabulary, `blocked`, or a reason for blocking or cancelling.
        language: the language of the sections.

    Raises:
        UnknownStatusError: neither vocabulary has the name.
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
    blocks = [f"# `{status}`"]
    for section in sections:
        blocks += [f"## {section.title}", "\n".join(f"- **{label}:** {text}" for label, text in section.lines)]
    return "\n\n".join(blocks) + "\n"


def glossary_markdown(language: str = "en", audience: Audience = "agent") -> str:
    """The words of the field: what abbreviations stand for, and what the words mean.

    Args:
        language: the language of the meanings; the terms are those of the German market in every language.
        audience: a customer is spared what only the support can do something with.
    """
    words = texts(language)
    rows = ([term.term, term.expansion or "", term.said_to(audience)] for term in words.glossary.values())
    return f"# {words.document.glossary_title}\n\n{_table(words.document.glossary_columns, rows)}\n"


def glossary_entry(word: str, language: str = "en", audience: Audience = "agent") -> str | None:
    """One word of the glossary, by any of its names in any language and spelling; None if it is not among them."""
    key = _keys_by_spelling().get(spelling(word))
    if key is None:
        return None
    term = texts(language).glossary[key]
    stands_for = f" ({term.expansion})" if term.expansion else ""
    return f"{term.term}{stands_for}: {term.said_to(audience)}"


def glossary_words() -> list[str]:
    """Every name by which `glossary_entry` finds a word."""
    return [name for key in texts("en").glossary for name in _names_of(key)]


@cache
def _keys_by_spelling() -> dict[str, str]:
    return {spelling(name): key for key in texts("en").glossary for name in _names_of(key)}


def _names_of(key: str) -> list[str]:
    """A word's term, what it stands for, and other words for it, in every language."""
    terms = [texts(language).glossary[key] for language in LANGUAGES]
    return [name for each in terms for name in (each.term, each.expansion, *each.aliases) if name]


def lifecycle_diagram(version: ApiVersion, language: str = "en") -> str:
    """One version's statuses as a Mermaid flowchart, without a fence around it.

    Only the line that the vendor documents is drawn as an order of statuses. How the others are reached is not
    documented, so they stand beside it without arrows.
    """
    words, path, facts = texts(language), PATHS[version], FACTS[version]
    labels = {status: said.label for status, said in words.statuses(version).items()}
    boxes = {status: _box(status, labels[status], facts[status]) for status in STATUSES[version]}
    arrows = [f"{here} --> {there}" for here, there in pairwise(path)]
    lines = _subgraph("line", words.diagram.line, [*(boxes[status] for status in path), *arrows])
    lines += _subgraph("beside", words.diagram.beside, [boxes[status] for status in boxes if status not in path])
    reasons = {reason: BLOCKS[reason] for reason in BLOCKED_REASONS} if version == CURIE else {}
    if reasons:
        overlay = [_box(reason, words.blocked[reason].meaning, reasons[reason]) for reason in reasons]
        lines += _subgraph("blocked", words.diagram.overlay, overlay)
    colours = {_kind(each): _COLOURS[each.waiting_on] for each in [*facts.values(), *reasons.values()]}
    for kind, colour in sorted(colours.items()):
        dashes = ",stroke-dasharray:5 4" if kind.endswith(_INFERRED) else ""
        lines.append(f"classDef {kind} fill:{colour},stroke:#111827,color:#111827{dashes}")
    return "\n".join(["flowchart TB", *(f"  {line}" for line in lines)]) + "\n"


def _subgraph(name: str, title: str, lines: Iterable[str]) -> list[str]:
    return [f'subgraph {name}["{title}"]', "  direction TB", *(f"  {line}" for line in lines), "end"]


def _box(name: str, label: str, facts: Facts) -> str:
    return f'{name}["{name}<br/>{label}"]:::{_kind(facts)}'


def _kind(facts: Facts) -> str:
    return facts.waiting_on if facts.confidence == "documented" else facts.waiting_on + _INFERRED
