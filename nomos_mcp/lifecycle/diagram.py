"""A lifecycle as a Mermaid diagram: solid is documented, dashed is inferred, the colour says whose turn it is."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from nomos_mcp.lifecycle.catalogue import Catalogue, texts
from nomos_mcp.lifecycle.statuses import BLOCKS, FACTS, STATUSES, Facts
from nomos_mcp.lifecycle.vocabularies import BLOCKED_REASONS, CURIE, PATHS, ApiVersion, WaitingOn

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
