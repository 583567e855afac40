"""What happens to an order, and when: drawn from a seed, so that a failure can be run again by its seed."""

import math
import random
from dataclasses import dataclass, replace
from typing import Literal

from nomos_mcp.client import CURIE, EDISON, ApiVersion

Commit = Literal["never", "at once", "late"]
Era = Literal["auto", "legacy"]
ERAS: tuple[Era, ...] = ("auto", "legacy")

LOST: tuple[str, ...] = ("reset", "timeout", "500", "502", "503", "504")
"""Answers that say nothing about the order, whether it is made before them, after them or never."""
UNREADABLE: tuple[str, ...] = ("truncated", "html", "wrong_type", "wrong_version", "other_subscription", "redirect")
NOT_SENT: tuple[str, ...] = ("connect", "connect_timeout")
REFUSED: tuple[str, ...] = ("400", "402", "403", "404", "422", "429", "429 with Retry-After", "401", "401 always")
"""Answers that say for certain that this request made no order."""
OVERTAKEN = "overtaken"
"""Somebody else orders a moment before; upstream then answers 409 by itself."""


@dataclass(frozen=True)
class PostFault:
    """What happens to one request to order.

    Attributes:
        answer: What the server gets; an empty string for the true answer.
        commit: When upstream makes the order.
        after: Seconds from the answer to a late commit.
        takes: Seconds until the answer, of which half are over when the order is made at once.
    """

    answer: str = ""
    commit: Commit = "at once"
    after: float = 0.0
    takes: float = 0.0

    def __str__(self) -> str:
        if self.answer in LOST:
            return f"{self.answer}, order {self.commit}"
        if self.answer in {"html", "redirect", "other_subscription"}:
            return f"{self.answer}, order {self.commit}"
        return self.answer or ("slow" if self.takes else "none")


POST_FAULTS: tuple[PostFault, ...] = (
    *(PostFault(answer, "never") for answer in NOT_SENT),
    *(PostFault(answer, commit) for answer in LOST for commit in ("never", "at once", "late")),
    *(PostFault(answer, "at once") for answer in UNREADABLE),
    *(PostFault(answer, "never") for answer in ("html", "redirect", "other_subscription")),
    *(PostFault(answer, "never") for answer in REFUSED),
    PostFault(OVERTAKEN),
    PostFault(takes=15.0),
)
READ_FAULTS: tuple[str, ...] = (*NOT_SENT, *LOST, *UNREADABLE, *REFUSED)
TOKEN_FAULTS: tuple[str, ...] = (
    "connect",
    "reset",
    "timeout",
    "500",
    "503",
    "429",
    "401",
    "html",
    "truncated",
    "no_token",
)


@dataclass(frozen=True)
class Outage:
    """Reads fail from `begins` to `ends`, in seconds after the server's first request to order arrived."""

    begins: float
    ends: float
    fault: str


Stage = Literal["at once", "looking", "asked", "turn", "budget", "post", "looking afterwards", "any time"]
STAGES: tuple[Stage, ...] = (
    "at once",
    "looking",
    "asked",
    "turn",
    "budget",
    "post",
    "looking afterwards",
    "any time",
)


@dataclass(frozen=True)
class Cancel:
    """The first caller goes away: `after` seconds from the first sign of a stage.

    Attributes:
        stage: When.
        after: Seconds later.
        closes: Whether the connection is closed, instead of the call being cancelled.
        answers: For the stage `budget`: after how many answers to reads.
    """

    stage: Stage
    after: float
    closes: bool = False
    answers: int = 3


Way = Literal["none", "form", "code", "form, and the client has none"]
PEOPLE: tuple[str, ...] = ("yes", "no", "closes the form", "nonsense", "error")
CODES: tuple[str, ...] = ("right", "wrong", "of another subscription", "none", "twice", "twice at once")
STDERR: tuple[str, ...] = ("open", "closed", "full", "broken pipe", "none")
AUDIT: tuple[str, ...] = ("file", "folder", "full disk", "no folder")
INTERESTS: tuple[str, ...] = (
    "before",
    "before, and hidden",
    "while asked",
    "made by the request",
)
CHANGES: tuple[str, ...] = ("plan", "status", "meter")


@dataclass(frozen=True)
class Schedule:
    """Everything that is decided before one trial.

    Attributes:
        seed: Where it comes from.
        focus: What the seed is about.
        version: The API version.
        era: The protocol era of the clients.
        way: How a yes is given.
        person: What the person at the form does.
        code: What becomes of the confirmation code.
        thinks: Seconds between the preview and the yes.
        change: What changes about the subscription between the preview and the yes; empty for nothing.
        insists: Whether the person says yes again to a second preview.
        lags: Seconds by which each replica that reads come from lags behind; each read comes from any of them.
        latency: Seconds that each request takes.
        posts: What happens to each server's requests to order, in turn.
        outages: When reads fail afterwards, for each server.
        early_reads: Faults of the first reads, in turn.
        tokens: Faults of the first requests for a token, in turn.
        late_tokens: Faults of the requests for a token after the first request to order, in turn.
        callers: At which server each caller calls, and how many seconds after the start.
        cancel: When the first caller goes away.
        per_second: The rate limit of each server.
        burst: How many other reads get in line in each server's budget.
        burst_when: When: at the start, after so many answers to reads, or as the first request to order arrives.
        stderr: What has become of stderr.
        audit: What the audit file is.
        interest: Whether the customer shows mere interest (edison), and when.
    """

    seed: int
    focus: str
    version: ApiVersion = CURIE
    era: Era = "auto"
    way: Way = "none"
    person: str = "yes"
    code: str = "right"
    thinks: float = 0.0
    change: str = ""
    insists: bool = False
    lags: tuple[float, ...] = (0.0,)
    latency: float = 0.05
    posts: tuple[tuple[PostFault, ...], ...] = ((),)
    outages: tuple[tuple[Outage, ...], ...] = ((),)
    early_reads: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    late_tokens: tuple[str, ...] = ()
    callers: tuple[tuple[int, float], ...] = ((0, 0.0),)
    cancel: Cancel | None = None
    per_second: int = 10
    burst: int = 0
    burst_when: str | int = "start"
    stderr: str = "open"
    audit: str = "file"
    interest: str = ""

    @property
    def servers(self) -> int:
        return 1 + max(server for server, _ in self.callers)


BURSTS: tuple[tuple[int, str | int], ...] = (
    (3, "start"),
    (12, "start"),
    (60, "start"),
    (40, 1),
    (40, 2),
    (40, 3),
    (40, 4),
    (5, "request"),
    (20, "request"),
)

FOCI: tuple[tuple[str, object], ...] = (
    *(("post", fault) for fault in POST_FAULTS),
    *(("repeat", answer) for answer in (*REFUSED, "500", "503", "timeout", "reset", "connect")),
    *(("reads", fault) for fault in READ_FAULTS),
    *(("token", fault) for fault in TOKEN_FAULTS),
    *(("late token", fault) for fault in TOKEN_FAULTS),
    *(("cancel", (stage, closes)) for stage in STAGES for closes in (False, True)),
    *(("person", (era, person)) for era in ERAS for person in PEOPLE),
    *(("code", (era, code)) for era in ERAS for code in CODES),
    *(("change", (way, change)) for way in ("form", "code") for change in CHANGES),
    ("no form", None),
    *(("stderr", stderr) for stderr in STDERR[1:]),
    *(("audit", audit) for audit in AUDIT[1:]),
    *(("interest", interest) for interest in INTERESTS),
    *(("two servers", number) for number in range(8)),
    *(("two callers", number) for number in range(4)),
    *(("budget", burst) for burst in BURSTS),
    *(("lag", number) for number in range(4)),
    *(("slow", ends) for ends in (50.0, 60.0)),
    *(("anything", number) for number in range(4)),
)
"""What the seeds are about, in turn: so many seeds, and everything has happened once."""

_UNCERTAIN = tuple(fault for fault in POST_FAULTS if fault.answer in (*LOST, *UNREADABLE))
_NEVER = tuple(fault for fault in _UNCERTAIN if fault.commit == "never")


def drawn(seed: int) -> Schedule:
    """Draw a schedule; the same seed gives the same one."""
    focus, about = FOCI[seed % len(FOCI)]
    return _Draw(seed).schedule(focus, about)


class _Draw:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311  no secret is made of it

    def schedule(self, focus: str, about: object) -> Schedule:
        draw = self._random
        two = focus == "two servers" or (focus != "two callers" and draw.random() < 0.1)
        callers = ((0, 0.0), (1, self._offset())) if two else ((0, 0.0),)
        fields: dict[str, object] = {
            "era": draw.choice(("auto", "legacy")),
            "version": EDISON if draw.random() < 0.15 else CURIE,
            "way": draw.choice(("none", "none", "form", "code")),
            "thinks": draw.choice((0.0, 1.0, 30.0)),
            "lags": self._lags(),
            "latency": draw.choice((0.0, 0.02, 0.2, 0.7)),
            "posts": tuple(self._posts() for _ in range(2)),
            "outages": tuple(self._outages() for _ in range(2)),
            "callers": callers,
            "stderr": draw.choice(STDERR) if draw.random() < 0.1 else "open",
            "early_reads": tuple(draw.choices(READ_FAULTS, k=draw.randint(1, 3))) if draw.random() < 0.07 else (),
        }
        if focus != "cancel" and draw.random() < 0.1:
            fields["cancel"] = Cancel(draw.choice(STAGES), draw.uniform(0, 5), draw.random() < 0.3)
        fields |= getattr(self, "_" + focus.replace(" ", "_"))(about)
        return Schedule(self._seed, focus if about is None else f"{focus}: {about}", **fields)  # type: ignore[arg-type]

    def _post(self, fault: PostFault) -> dict[str, object]:
        times = 6 if fault.answer == "401 always" else 1
        return {"posts": self._with_first(*[self._timed(fault)] * times), "way": self._quick(), **_CALM}

    def _repeat(self, answer: str) -> dict[str, object]:
        # An order that is made late is made after the repeat, or there would be none.
        first = replace(self._timed(self._random.choice(_UNCERTAIN)), after=self._random.uniform(11, 20))
        second = PostFault(answer, "never")
        hidden = {"lags": (self._random.uniform(11, 30),)} if first.commit == "at once" else {}
        times = 6 if answer == "401 always" else 1
        return {
            "posts": self._with_first(first, *[second] * times),
            "way": "none",
            **hidden,
            **_CALM,
            "outages": ((), ()),
        }

    def _reads(self, fault: str) -> dict[str, object]:
        draw = self._random
        ends = draw.choice((0.4, 3.0, 8.0, 15.0, 40.0, math.inf))
        posts = self._with_first(self._timed(draw.choice(_UNCERTAIN)))
        return {"posts": posts, "outages": ((Outage(0, ends, fault),), self._outages()), "way": self._quick(), **_CALM}

    def _token(self, fault: str) -> dict[str, object]:
        return {"tokens": (fault,) * self._random.choice((1, 2, 6)), **_CALM}

    def _late_token(self, fault: str) -> dict[str, object]:
        draw = self._random
        before = (self._timed(draw.choice(_NEVER)),) if draw.random() < 0.3 else ()
        return {
            "posts": self._with_first(*before, PostFault("401", "never")),
            "late_tokens": (fault,) * draw.choice((1, 2, 6)),
            "callers": ((0, 0.0),),
            "way": self._quick(),
            **_CALM,
        }

    def _cancel(self, about: tuple[Stage, bool]) -> dict[str, object]:
        stage, closes = about
        draw = self._random
        after = draw.uniform(0, 60) if stage == "any time" else draw.choice((0.0, 0.01, draw.uniform(0, 1)))
        lost = self._with_first(self._timed(draw.choice(_UNCERTAIN)))
        slow = self._with_first(PostFault(takes=draw.uniform(2, 18)))
        # Where a stage is to be met for sure, the stages before it are not in its way.
        by_stage: dict[str, dict[str, object]] = {
            "at once": {"latency": 0.2},
            "looking": {"latency": 0.7},
            "asked": {"way": "form", "thinks": 30.0},
            "turn": {
                "way": "none",
                "callers": ((0, 0.05), (0, 0.0)),
                "posts": self._with_first(PostFault(draw.choice(("", "422")), "never", takes=draw.uniform(6, 18))),
                "latency": 0.02,
                "cancel": Cancel(stage, draw.uniform(1, 5), closes),
            },
            "budget": {
                "way": "none",
                "per_second": 1,
                "callers": ((0, 0.0),),
                "latency": 0.02,
                "cancel": Cancel(stage, draw.uniform(0.1, 0.9), closes, answers=draw.choice((1, 2, 3, 3, 3, 4, 4))),
            },
            "post": {"way": "none", "posts": draw.choice((slow, lost)), "callers": ((0, 0.0),)},
            "looking afterwards": {
                "way": "none",
                "posts": lost,
                "callers": ((0, 0.0),),
                "cancel": Cancel(stage, draw.choice((0.0, draw.uniform(0, 12))), closes),
            },
        }
        return {
            **_CALM,
            "cancel": Cancel(stage, after, closes),
            "era": "legacy" if closes else draw.choice(("auto", "legacy")),
            **by_stage.get(stage, {}),
        }

    def _person(self, about: tuple[Era, str]) -> dict[str, object]:
        era, person = about
        return {"way": "form", "era": era, "person": person, **_CALM}

    def _code(self, about: tuple[Era, str]) -> dict[str, object]:
        era, code = about
        return {"way": "code", "era": era, "code": code, "callers": ((0, 0.0),), **_CALM}

    def _change(self, about: tuple[Way, str]) -> dict[str, object]:
        way, change = about
        insists = self._random.random() < 0.5
        return {"way": way, "change": change, "insists": insists, "callers": ((0, 0.0),), **_CALM}

    def _no_form(self, _: None) -> dict[str, object]:
        return {"way": "form, and the client has none", **_CALM}

    def _stderr(self, stderr: str) -> dict[str, object]:
        return {"stderr": stderr}

    def _audit(self, audit: str) -> dict[str, object]:
        return {"audit": audit}

    def _interest(self, interest: str) -> dict[str, object]:
        draw = self._random
        way: dict[str, object] = {"way": "form", "thinks": 30.0} if interest == "while asked" else {}
        if interest == "before, and hidden":
            way["lags"] = (draw.choice((2.0, 40.0)),)
        if interest == "made by the request":
            way["posts"] = self._with_first(self._timed(draw.choice(_UNCERTAIN)))
        elif draw.random() < 0.5:
            way["posts"] = self._with_first(self._timed(draw.choice(_NEVER)))
        return {"interest": interest, "version": EDISON, "callers": ((0, 0.0),), **_CALM, **way}

    def _two_servers(self, _: int) -> dict[str, object]:
        first = (self._timed(self._random.choice(POST_FAULTS)),)
        return {"posts": (first, self._posts()), "way": self._quick(), "callers": ((0, 0.0), (1, self._offset()))}

    def _two_callers(self, _: int) -> dict[str, object]:
        draw = self._random
        callers = ((0, 0.0), (0, self._offset()), *(((1, self._offset()),) if draw.random() < 0.3 else ()))
        return {"callers": callers, "way": self._quick()}

    def _budget(self, burst: tuple[int, str | int]) -> dict[str, object]:
        count, when = burst
        return {"per_second": 1, "burst": count, "burst_when": when, "way": "none", **_CALM}

    def _lag(self, _: int) -> dict[str, object]:
        draw = self._random
        lags = (0.0, draw.uniform(0, 1), draw.uniform(1, 5))
        return {"lags": lags, "posts": self._with_first(self._timed(draw.choice(_UNCERTAIN))), "way": "none", **_CALM}

    def _slow(self, ends: float) -> dict[str, object]:
        """Draw a world so slow that the order's own bound ends it: all times out but a look before the repeat."""
        slow = PostFault("timeout", "never")
        outages = (Outage(0, ends, "timeout"), Outage(ends + 30, math.inf, "timeout"))
        return {"posts": ((slow, slow), ()), "outages": (outages, ()), "way": "none", "callers": ((0, 0.0),), **_CALM}

    def _anything(self, _: int) -> dict[str, object]:
        draw = self._random
        return {
            "tokens": tuple(draw.choices(TOKEN_FAULTS, k=draw.randint(0, 2))),
            "late_tokens": tuple(draw.choices(TOKEN_FAULTS, k=draw.randint(0, 2))),
            "per_second": draw.choice((1, 2, 10)),
            "burst": draw.randint(0, 10),
            "person": draw.choice(PEOPLE),
            "code": draw.choice(CODES),
        }

    def _with_first(self, *faults: PostFault) -> tuple[tuple[PostFault, ...], ...]:
        rest = self._posts() if self._random.random() < 0.3 else ()
        return ((*faults, *rest), self._posts())

    def _posts(self) -> tuple[PostFault, ...]:
        draw = self._random
        return tuple(self._timed(draw.choice(POST_FAULTS)) for _ in range(draw.choice((0, 0, 1, 1, 2))))

    def _timed(self, fault: PostFault) -> PostFault:
        takes = fault.takes or self._random.choice((0.0, 0.0, 0.3, 3.0))
        return PostFault(fault.answer, fault.commit, self._random.uniform(0, 20), takes)

    def _outages(self) -> tuple[Outage, ...]:
        draw = self._random
        if draw.random() < 0.75:
            return ()
        change = draw.uniform(0.2, 6)
        faults = draw.sample(READ_FAULTS, 2)
        return (Outage(0, change, faults[0]), Outage(change, change + draw.choice((1.0, 4.0, 30.0)), faults[1]))

    def _lags(self) -> tuple[float, ...]:
        draw = self._random
        return draw.choice(
            ((0.0,), (0.0,), (0.3,), (0.0, 0.3, 2.0), (0.0, 1.0, 5.0), (5.0,), (0.0, draw.uniform(5, 30)))
        )

    def _offset(self) -> float:
        draw = self._random
        return draw.choice((0.0, draw.uniform(0, 0.5), draw.uniform(0, 25)))

    def _quick(self) -> str:
        return self._random.choice(("none", "none", "form", "code"))


_CALM: dict[str, object] = {"early_reads": (), "cancel": None, "stderr": "open"}
"""What would keep a schedule from getting to what it is about."""
