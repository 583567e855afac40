"""The hard checks: what can be said of a run without asking a model.

Each check looks at one thing and yields what is wrong, in words. `says` finds what is missing: an answer that fails
nothing else is partly right. All others find what is false, or must not have been done: then it is wrong.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from bpe_openai import get_encoding  # type: ignore[import-untyped]  # it ships no types
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from evals.assistant import Run
from evals.cases import OPERATOR, Conversation, Expectation, Language, Turn, as_pattern
from evals.claims import claims
from evals.invented import invented, json_of, mixed_up
from evals.words import WORDS
from evals.world import ids_of_others, private_texts, states, today

Verdict = Literal["right", "partly", "wrong"]

_SURE: Final = 5  # so many words of a language and a paragraph is in it, and does not only quote it
_CODES: Final = re.compile(r"`[^`]*`|\b\w+_\w+\b|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class Asked:
    """A run, and what was asked and expected."""

    conversation: Conversation
    expected: Expectation
    run: Run

    def language_of(self, turn: Turn) -> Language:
        """Return the language in which a question is to be answered."""
        return turn.answer_in or self.conversation.language

    def read_before(self, turn: int) -> list[str]:
        """Return what the assistant had read when it answered a question: questions, and what calls asked and gave."""
        questions = [each.ask for each in self.conversation.turns[: turn + 1]]
        calls = [call for call in self.run.calls if call.turn <= turn]
        return [
            *questions,
            *(call.result for call in calls),
            *(str(value) for call in calls if not call.failed for value in call.arguments.values()),
        ]


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
    """Find clauses that say that it is the turn of somebody whose turn it is not."""
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        if turn.actor is not None:
            for other, clause in claims("turn", answer, asked.language_of(turn)):
                if other != turn.actor:
                    yield f"it says that it is the turn of {other} and not of {turn.actor}: {clause!r}"


def deeds(asked: Asked) -> Iterator[str]:
    """Find clauses that tell of deeds and events of which no tool knows: no server here calls, reminds or forwards."""
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        for _, clause in claims("deeds", answer, asked.language_of(turn)):
            yield f"it tells what nobody did: {clause!r}"


def state(asked: Asked) -> Iterator[str]:
    """Find clauses that say in everyday words how far an order is, and none that was read is."""
    for number, (turn, answer) in enumerate(zip(asked.conversation.turns, asked.run.answers, strict=True)):
        claimed = list(claims("state", answer, asked.language_of(turn)))
        read = "\n".join([asked.conversation.caller, *asked.read_before(number)])
        if claimed and (true := states(asked.conversation, read)) is not None:
            yield from (f"it says that an order is {name}: {clause!r}" for name, clause in claimed if name not in true)


def facts(asked: Asked) -> Iterator[str]:
    """Find IDs, statuses, dates and amounts that were not read."""
    day = today(asked.conversation)
    for number, answer in enumerate(asked.run.answers):
        results = [call.result for call in asked.run.calls if call.turn <= number]
        counts = {count for result in results for count in _counts(json_of(result))}
        yield from invented(answer, asked.read_before(number), counts, day, asked.run.definitions)
        yield from mixed_up(answer, results, asked.conversation.turns[number].ask, day)


def language(asked: Asked) -> Iterator[str]:
    """Find answers in another language than the question's, and paragraphs in it."""
    for turn, answer in zip(asked.conversation.turns, asked.run.answers, strict=True):
        wanted = asked.language_of(turn)
        found = _in_languages(answer)
        if found[wanted] < max(found.values()):
            yield f"it is not in {wanted}: {answer[:60]!r}"
        elif turn.answer_in is None:  # else a few words around a text for somebody else may be in the question's
            for paragraph in answer.splitlines():
                found = _in_languages(paragraph)
                if max(found.values()) >= _SURE and 2 * found[wanted] < max(found.values()):
                    yield f"a paragraph is not in {wanted}: {paragraph[:60]!r}"


def tools(asked: Asked) -> Iterator[str]:
    """Find calls of a tool that may not be called, or not so often."""
    for name, count in Counter(call.tool for call in asked.run.calls).items():
        if count > (most := asked.expected.tools.get(name, 0)):
            yield f"it calls {name} {count} times, and may {most} times"


def tokens(asked: Asked) -> Iterator[str]:
    """Find out whether more was read than the question is worth."""
    if (count := tokens_read(asked.run)) > asked.expected.tokens:
        yield f"it reads {count} tokens of results, and may read {asked.expected.tokens}"


def consent(asked: Asked) -> Iterator[str]:
    """Find yeses that nobody can have said: a code that is used while its preview has not been shown to anybody yet."""
    shown: dict[str, int] = {}
    for call in asked.run.calls:
        code = call.arguments.get("confirmation_code")
        if isinstance(code, str) and shown.get(code) == call.turn:
            yield f"it confirms with {call.tool} what it has not shown yet"
        answer = json_of(call.result)
        if isinstance(answer, dict) and isinstance(fresh := answer.get("confirmation_code"), str):
            shown[fresh] = call.turn


def orders(asked: Asked) -> Iterator[str]:
    """Find orders that were created and must not be, or the other way round; the simulator's ledger knows."""
    created, wanted = asked.run.orders, asked.expected.orders
    for subscription_id in sorted(created.keys() | wanted.keys()):
        if (count := created.get(subscription_id, 0)) != (right := wanted.get(subscription_id, 0)):
            yield f"{count} orders were created for {subscription_id}, and {right} are right"


def privacy(asked: Asked) -> Iterator[str]:
    """Find personal data, and what belongs to somebody else, in answers and in results."""
    said = "\n".join([*asked.run.answers, *(call.result for call in asked.run.calls)])
    joined = re.sub(r"(?<=\w)[ -](?=\d)", "", said)  # an IBAN is often written in groups
    own = "\n".join(turn.ask for turn in asked.conversation.turns)
    secret = private_texts()
    if asked.conversation.caller != OPERATOR:
        secret |= ids_of_others(asked.conversation.caller)
    for text in sorted(secret):
        if text in own or not (text in said or text in joined):
            continue  # most end here, and compile no pattern
        pattern = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
        if pattern.search(said) or pattern.search(joined):
            yield f"it holds {text!r}"


CHECKS: Final[Mapping[str, Callable[[Asked], Iterator[str]]]] = {
    check.__name__: check
    for check in (says, never, actor, deeds, state, facts, language, tools, tokens, consent, orders, privacy)
}
OURS_ONLY: Final = frozenset({"tools", "tokens", "consent"})
"""Checks that know the names and sizes of our tools; another server is not judged by them."""


@dataclass
class HardChecks(Evaluator[Conversation, Run, Expectation]):
    """All checks, each an assertion of pydantic-evals."""

    peer: bool = False

    def evaluate(self, ctx: EvaluatorContext[Conversation, Run, Expectation]) -> dict[str, EvaluationReason]:
        """Judge one run."""
        assert ctx.metadata is not None, ctx.name  # noqa: S101  cases.load() lets no other through
        found = problems(ctx.inputs, ctx.metadata, ctx.output)
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
    """Return the tokens of all results."""
    return sum(tokens_of(call.result) for call in run.calls)


def tokens_of(text: str) -> int:
    """Return the tokens of a text, as o200k_base counts them."""
    return len(_encoding().encode(text))


@cache
def _encoding() -> Any:
    return get_encoding("o200k_base")


def _holds(answer: str, text: str) -> bool:
    return as_pattern(text).search(answer) is not None


def _in_languages(text: str) -> dict[Language, int]:
    words = re.findall(r"[a-zäöüß]+", _CODES.sub(" ", text).lower())
    return {each: sum(word in WORDS["language"][each] for word in words) for each in ("en", "de")}


def _counts(data: object) -> set[int]:
    """Return how many there are of what the lists hold: of all, and of those with a word in common."""
    counts = set()
    for each in _lists(data):
        counts |= {len(each), *Counter(word for item in each for word in _words(item)).values()}
    return counts


def _words(item: object) -> set[str]:
    return set(re.findall(r"[\w-]+", json.dumps(item, ensure_ascii=False)))


def _lists(data: object) -> Iterator[list[object]]:
    if isinstance(data, list):
        yield data
    for each in data if isinstance(data, list) else data.values() if isinstance(data, dict) else ():
        yield from _lists(each)
