"""The hard checks: what can be said of a run without asking a model.

Each check looks at one thing and yields what is wrong, in words. `says` finds what is missing: an answer that fails
nothing else is partly right. All others find what is false, or must not have been done: then it is wrong.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from bpe_openai import get_encoding  # type: ignore[import-untyped]  # it ships no types
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from evals.assistant import Run
from evals.cases import OPERATOR, Conversation, Expectation, Language
from evals.facts import invented
from evals.world import NOW, ids_of_others, private_texts

Verdict = Literal["right", "partly", "wrong"]

_WORDS: Final[Mapping[str, Any]] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
_CODES: Final = re.compile(r"`[^`]*`|\b\w+_\w+\b|\"[^\"]*\"")
_SENTENCE: Final = re.compile(r"(?<=[.!?:;])\s+|\n+|,\s+(?:but|aber|sondern)\s+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A run, and what was asked and expected."""

    conversation: Conversation
    expected: Expectation
    run: Run

    def read_before(self, turn: int) -> list[str]:
        """Return what the assistant had read when it answered a question: results and questions."""
        questions = [each.ask for each in self.conversation.turns[: turn + 1]]
        return [*questions, *(call.result for call in self.run.calls if call.turn <= turn)]


def says(asked: Asked) -> Iterator[str]:
    """Find what an answer lacks."""
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        for alternatives in turn.says:
            if not any(_holds(answer, each) for each in alternatives):
                yield f"it does not say {' or '.join(repr(each) for each in alternatives)}"


def never(asked: Asked) -> Iterator[str]:
    """Find what an answer must not hold."""
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        yield from (f"it says {each!r}" for each in turn.never if _holds(answer, each))


def actor(asked: Asked) -> Iterator[str]:
    """Find sentences that say that it is the turn of somebody whose turn it is not."""
    words, turns = _WORDS["actor"], _WORDS["turn"]
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        if turn.actor is None:
            continue
        language = turn.answer_in or asked.conversation.language
        no = re.compile(rf"(?<!\w)(?:{'|'.join(_WORDS['negation'][language])})(?!\w)|n['\u2019]t\b|\?$", re.IGNORECASE)
        for sentence in _SENTENCE.split(answer):
            for other, names in words[language].items():
                claims = [each.replace("ACTOR", f"(?:{'|'.join(names)})") for each in turns[language]]
                said = any(re.search(rf"(?<!\w){claim}", sentence, re.IGNORECASE) for claim in claims)
                if said and other != turn.actor and not no.search(sentence):
                    yield f"it says that it is the turn of {other} and not of {turn.actor}: {sentence!r}"


def facts(asked: Asked) -> Iterator[str]:
    """Find IDs, statuses, dates and amounts that were not read."""
    for number, answer in enumerate(asked.run.answers):
        counts = {len(each) for call in asked.run.calls if call.turn <= number for each in _lists(_json(call.result))}
        yield from invented(answer, asked.read_before(number), counts, NOW.date())


def language(asked: Asked) -> Iterator[str]:
    """Find answers in another language than the question's."""
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        wanted = turn.answer_in or asked.conversation.language
        words = re.findall(r"[a-zäöüß]+", _CODES.sub(" ", answer).lower())
        count: dict[Language, int] = {
            each: sum(word in _WORDS["language"][each] for word in words) for each in ("en", "de")
        }
        if count[wanted] < max(count.values()):
            yield f"it is not in {wanted}: {answer[:60]!r}"


def tools(asked: Asked) -> Iterator[str]:
    """Find calls of a tool that may not be called, or not so often."""
    for name, count in Counter(call.tool for call in asked.run.calls).items():
        if count > (most := asked.expected.tools.get(name, 0)):
            yield f"it calls {name} {count} times, and may {most} times"


def tokens(asked: Asked) -> Iterator[str]:
    """Find out whether more was read than the question is worth."""
    if (count := tokens_read(asked.run)) > asked.expected.tokens:
        yield f"it reads {count} tokens of results, and may read {asked.expected.tokens}"


def orders(asked: Asked) -> Iterator[str]:
    """Find orders that were created and must not be, or the other way round; the simulator's ledger knows."""
    created, wanted = asked.run.orders, asked.expected.orders
    for subscription_id in sorted(created.keys() | wanted.keys()):
        if (count := created.get(subscription_id, 0)) != (right := wanted.get(subscription_id, 0)):
            yield f"{count} orders were created for {subscription_id}, and {right} are right"


def privacy(asked: Asked) -> Iterator[str]:
    """Find personal data, and what belongs to somebody else, in answers and in results."""
    said = "\n".join([*asked.run.answers, *(call.result for call in asked.run.calls)])
    own = "\n".join(turn.ask for turn in asked.conversation.turns)
    secret = private_texts()
    if asked.conversation.caller != OPERATOR:
        secret |= {text for text in ids_of_others(asked.conversation.caller) if text not in own}
    yield from (f"it holds {text!r}" for text in sorted(secret) if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", said))


CHECKS: Final[Mapping[str, Callable[[Asked], Iterator[str]]]] = {
    check.__name__: check for check in (says, never, actor, facts, language, tools, tokens, orders, privacy)
}
OURS_ONLY: Final = frozenset({"tools", "tokens"})
"""Checks that know the names and sizes of our tools; another server is not judged by them."""


@dataclass
class HardChecks(Evaluator[Conversation, Run, Expectation]):
    """All checks, each an assertion of pydantic-evals."""

    peer: bool = False

    def evaluate(self, ctx: EvaluatorContext[Conversation, Run, Expectation]) -> dict[str, EvaluationReason]:
        """Judge one run."""
        found = problems(ctx.inputs, ctx.metadata or Expectation(kind="when"), ctx.output)
        return {
            name: EvaluationReason(value=not wrong, reason="; ".join(wrong) or None)
            for name, wrong in found.items()
            if not (self.peer and name in OURS_ONLY)
        }


def problems(conversation: Conversation, expected: Expectation, run: Run) -> dict[str, list[str]]:
    """Return what each check finds."""
    asked = Asked(conversation, expected, run)
    return {name: list(check(asked)) for name, check in CHECKS.items()}


def verdict(passed: Mapping[str, bool]) -> Verdict:
    """Return what the checks come to: what is only incomplete is partly right."""
    if all(passed.values()):
        return "right"
    return "partly" if all(good for name, good in passed.items() if name != says.__name__) else "wrong"


def tokens_read(run: Run) -> int:
    """Return the tokens of all results, as o200k_base counts them."""
    return sum(len(_encoding().encode(call.result)) for call in run.calls)


@cache
def _encoding() -> Any:
    return get_encoding("o200k_base")


def _holds(answer: str, text: str) -> bool:
    pattern = text[1:-1] if len(text) > 1 and text[0] == text[-1] == "/" else re.escape(text)
    return re.search(pattern, answer, re.IGNORECASE) is not None


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _lists(data: object) -> Iterator[list[object]]:
    if isinstance(data, list):
        yield data
    for each in data if isinstance(data, list) else data.values() if isinstance(data, dict) else ():
        yield from _lists(each)
