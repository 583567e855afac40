"""What an answer claims, clause by clause: whose turn it is, what was done, and how far an order is.

The words lie in `words.toml`. A clause that denies, asks, sets a condition or speaks of later claims nothing.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from evals.cases import Language
from evals.words import WORDS

_EMPHASIS: Final = re.compile(r"\*\*|__")
_CLAUSE: Final = re.compile(
    r"(?<=[.!?:;])\s+|\n+"
    r"|,?\s+(?:but|so|aber|sondern|deshalb|daher|because|weil|denn)\s+"
    r"|,\s+(?:and|und|also)\s+"
    r"|,\s+(?=(?:and )?(?:not|nicht|no|kein|then|dann|after|danach)\b)",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"(?<=[.!?:;,])\s+|\n+|\s+(?:but|because|weil)\s+", re.IGNORECASE)


def claims(about: str, answer: str, language: Language) -> Iterator[tuple[str, str]]:
    """Yield what an answer claims about turns, deeds or states, each with the clause that does."""
    exempt, between = _exempt(about, language), _CLAUSE if about == "turn" else _PART
    for clause in between.split(_EMPHASIS.sub("", answer)):
        for name, claim in _patterns(about, language).items():
            if claim.search(clause) and not exempt.search(clause):
                yield name, clause


@cache
def _patterns(about: str, language: Language) -> Mapping[str, re.Pattern[str]]:
    texts = _turns(language) if about == "turn" else WORDS[about][language]
    return {
        name: re.compile(rf"(?<!\w)(?:{'|'.join(f'(?:{text})' for text in each)})", re.IGNORECASE)
        for name, each in texts.items()
    }


def _turns(language: Language) -> Mapping[str, list[str]]:
    """Return, for each actor, what says that it is its turn."""
    articles = rf"(?:(?:{'|'.join(WORDS['articles'][language])})\s+)*"
    texts: dict[str, list[str]] = {}
    for name, names in WORDS["actor"][language].items():
        acting = rf"{articles}(?:{'|'.join(names)})(?![\w-])"
        own = WORDS["turn"].get(name, {}).get(language, ())
        texts[name] = [claim.replace("ACTOR", acting) for claim in (*WORDS["turn"][language], *own)]
    return texts


@cache
def _exempt(about: str, language: Language) -> re.Pattern[str]:
    """Return the pattern of what makes a clause no claim."""
    words = "|".join([*WORDS["no_claim"][language], *WORDS["no_claim"].get(about, {}).get(language, ())])
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)|n['\u2019]t\b|\?$", re.IGNORECASE)
