"""The cases: what is asked, by whom, in which world, and what must be true of the answer and of the world afterwards.

They lie in `evals/questions`, one file a kind, in the format of pydantic-evals' datasets.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_evals import Case, Dataset

from evals.words import WORDS
from nomos_mcp.lifecycle import CURIE, EDISON, ApiVersion
from nomos_mcp.simulator import TargetState

FOLDER: Final = Path(__file__).parent / "questions"
OPERATOR: Final = "operator"

Language = Literal["en", "de"]
Actor = Literal["customer", "installation_partner", "grid_operator", "nomos", "nobody", "unknown"]
Kind = Literal[
    "why_blocked",
    "whose_turn",
    "when",
    "customer_message",
    "lists_and_counts",
    "changes",
    "vocabularies",
    "ordering",
    "cannot_be_done",
    "injected_text",
    "follow_ups",
    "wrong_premises",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
VERSIONS: Final[dict[str, ApiVersion]] = {"curie": CURIE, "edison": EDISON}


_NAME: Final = re.compile(r"^- name: (\S+)", re.MULTILINE)
_NUMBERED: Final = re.compile(r"^cases\.(\d+)(?=\.)", re.MULTILINE)  # how pydantic names a case


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _checked(text: str) -> str:
    """Refuse a pattern that is broken, or that any answer at all would match."""
    if (pattern := as_pattern(text)).search(" ") or pattern.search(""):
        raise ValueError(f"every answer matches {text!r}")
    return text


def as_pattern(text: str) -> re.Pattern[str]:
    """Return what a text of a case looks for: itself, between slashes a regular expression, in <> phrases by name.

    Raises:
        ValueError: The expression is malformed, or `words.toml` has no phrases of that name.
    """
    if named := re.fullmatch(r"<(\w+)>", text):
        if named[1] not in WORDS["phrases"]:
            raise ValueError(f"there are no phrases {text} in words.toml, only {', '.join(WORDS['phrases'])}")
        text = f"/{'|'.join(WORDS['phrases'][named[1]])}/"
    is_pattern = len(text) > 1 and text[0] == text[-1] == "/"
    try:
        return re.compile(text[1:-1] if is_pattern else re.escape(text), re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from error


Text = Annotated[str, AfterValidator(_checked)]


class Turn(_Strict):
    """One question, and what its answer must and must not hold.

    A text is looked for without regard to case; between slashes it is a regular expression, and `<nothing_to_do>` is
    any of the phrases of that name in `words.toml`.

    Attributes:
        ask: The question, as the person writes it.
        says: What the answer must hold: of each line, one of the alternatives.
        never: What the answer must not hold.
        actor: Whose turn it is. An answer that says that it is somebody else's is wrong.
        answer_in: The language of the answer, where it is not that of the question.
    """

    ask: str
    says: tuple[Annotated[tuple[Text, ...], Field(min_length=1)], ...] = ()
    never: tuple[Text, ...] = ()
    actor: Actor | None = None
    answer_in: Language | None = None


class World(_Strict):
    """What becomes of the demo's data before the first question.

    Attributes:
        orders: Orders that are put into a state, by ID.
        metadata: Metadata of subscriptions that is replaced, by ID: where injected text comes from.
        days: How many days pass after that.
    """

    orders: dict[str, TargetState] = {}
    metadata: dict[str, dict[str, str]] = {}
    days: Annotated[float, Field(ge=0, le=400)] = 0


class Conversation(_Strict):
    """What is asked.

    Attributes:
        language: Of the questions; answers must be in it too.
        caller: `operator`, or the ID of the one customer whom the server lets see its own.
        read_only: Whether the caller may order nothing, so that our server offers no tool for it.
        api_version: The vocabulary.
        world: What the demo's data looks like.
        turns: The questions, in order.
    """

    language: Language
    caller: Annotated[str, Field(pattern=r"^(operator|cus_[a-z0-9]+)$")] = OPERATOR
    read_only: bool = False
    api_version: Literal["curie", "edison"] = "curie"
    world: World = World()
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)]


class Expectation(_Strict):
    """What must be true of the whole conversation.

    Attributes:
        kind: What sort of question it is; the name of the file.
        tools: The tools that may be called, and how often at most.
        orders: How many orders were created for each subscription afterwards; those not named here have none.
        tokens: How many tokens of tools' results may be read, in all.
    """

    kind: Kind
    tools: dict[str, Annotated[int, Field(ge=1)]] = {}
    orders: dict[str, Annotated[int, Field(ge=1)]] = {}
    tokens: int = 4000


Cases = Dataset[Conversation, Any, Expectation]


def load(folder: Path = FOLDER) -> list[Case[Conversation, Any, Expectation]]:
    """Read all cases.

    Raises:
        ValueError: What is wrong, with the file and the case.
    """
    found: dict[str, Case[Conversation, Any, Expectation]] = {}
    for path in sorted(folder.glob("*.yaml")):
        for case in _read(path):
            if case.name is None or case.name in found:
                raise ValueError(f"{path.name}: every case needs a name of its own, and {case.name!r} is none.")
            if case.metadata is None or case.metadata.kind != path.stem:
                raise ValueError(f"{path.name}: {case.name} is not of the kind {path.stem!r}: set metadata.kind.")
            found[case.name] = case
    return list(found.values())


def _read(path: Path) -> Sequence[Case[Conversation, Any, Expectation]]:
    try:
        return Cases.from_file(path).cases
    except (yaml.YAMLError, ValueError) as error:
        names = _NAME.findall(path.read_text(encoding="utf-8"))
        told = _NUMBERED.sub(lambda match: names[int(match[1])], str(error.__cause__ or error))
        raise ValueError(f"{path.name}: {told}") from error
