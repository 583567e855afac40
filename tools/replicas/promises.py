"""What was measured, beside what is promised: one line each, of a table that a document can quote."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Final, NamedTuple

from tools.replicas.callers import ANSWERED, BROKEN, HTTP, HUNG, READ, UNREADABLE, Call

PER_SECOND: Final = 10
"""Requests that upstream allows in any one second."""
LEAST_THROUGHPUT: Final = 0.85
"""Of what upstream allows."""
_LEAST_SHARE: Final = 0.5  # of the median's answers, for the slowest caller


class Line(NamedTuple):
    """One line of the table.

    Attributes:
        what: What was measured.
        measured: The figure, with its unit.
        promised: What it has to be; empty where it is told and not judged.
        kept: Whether it is.
    """

    what: str
    measured: str
    promised: str = ""
    kept: bool = True


class Span(NamedTuple):
    """A time, by the monotonic clock."""

    began: float
    ended: float

    def has(self, moment: float) -> bool:
        """Whether a moment lies in it."""
        return self.began <= moment < self.ended


def table(lines: Sequence[Line]) -> str:
    """Write lines as a table in Markdown."""
    rows = [f"| {each.what} | {'' if each.kept else 'BROKEN: '}{each.measured} | {each.promised} |" for each in lines]
    return "\n".join(("| What | Measured | Promised |", "| --- | --- | --- |", *rows))


def most_in_a_second(moments: Sequence[float]) -> int:
    """Return how many of the moments lie in the fullest second, whenever it begins; its end belongs to the next."""
    ordered = sorted(moments)
    first = most = 0
    for place, moment in enumerate(ordered):
        while moment - ordered[first] >= 1:
            first += 1
        most = max(most, place - first + 1)
    return most


def closest_eleventh(moments: Sequence[float]) -> float:
    """Return the shortest time in seconds in which one request more than allowed arrived; infinite if none did."""
    ordered = sorted(moments)
    return min((late - early for early, late in zip(ordered, ordered[PER_SECOND:], strict=False)), default=float("inf"))


def rate_limit(moments: Sequence[float], when: str) -> Line:
    """Judge when requests arrived upstream."""
    most, closest = most_in_a_second(moments), closest_eleventh(moments)
    return Line(
        f"requests that upstream saw in any one second, at most ({when})",
        f"{most} of {len(moments)} in all; the closest eleventh after {closest:.3f} s",
        f"at most {PER_SECOND}",
        most <= PER_SECOND,
    )


def throughput(moments: Sequence[float], calls: Sequence[Call], began: float, ended: float) -> Line:
    """Judge how much of the budget was used between two moments while everybody wanted more."""
    seconds = ended - began
    seen = sum(began <= moment < ended for moment in moments) / seconds
    answered = sum(call.kind == ANSWERED and began <= call.ended < ended for call in calls) / seconds
    return Line(
        "requests a second that upstream saw",
        f"{seen:.2f} ({seen / PER_SECOND:.0%} of what it allows); {answered:.2f} calls a second were answered",
        f"at least {LEAST_THROUGHPUT:.0%}",
        seen >= LEAST_THROUGHPUT * PER_SECOND,
    )


def fairness(calls: Sequence[Call], callers: int) -> Line:
    """Judge whether the slowest caller gets about as many answers as the others."""
    answers = Counter(call.caller for call in calls if call.kind == ANSWERED)
    counts = [answers[number] for number in range(callers)]
    middle = median(counts)
    ratio = min(counts) / middle if middle else 0.0
    return Line(
        "answers of the slowest caller to the median",
        f"{min(counts)} to {middle:g}, {ratio:.2f}",
        f"at least {_LEAST_SHARE:g}",
        ratio >= _LEAST_SHARE,
    )


def waits(calls: Sequence[Call]) -> Line:
    """Tell how long answered reads took."""
    taken = sorted(call.ended - call.began for call in calls if call.kind == ANSWERED and call.tool == READ)
    if not taken:
        return Line("time of an answered read", "none was answered")
    high = taken[int(0.95 * (len(taken) - 1))]
    text = f"median {median(taken):.1f} s, 95 % within {high:.1f} s, longest {taken[-1]:.1f} s"
    return Line("time of an answered read", text)


def endings(calls: Sequence[Call], when: str) -> Line:
    """Tell how calls ended."""
    kinds = Counter(call.kind for call in calls)
    text = "; ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return Line(f"calls, and how they ended ({when})", text)


def nothing_hangs(calls: Sequence[Call], *, unfinished: bool) -> Line:
    """Judge whether every call ended with an answer or an error that a person can read."""
    bad = [call for call in calls if call.kind in {HUNG, UNREADABLE}]
    return Line(
        "calls that hung, or ended in an error that nobody can read",
        f"{len(bad)}{_sample(bad)}{', and some did not end' * unfinished}",
        "0",
        not bad and not unfinished,
    )


def losses_explained(calls: Sequence[Call], causes: Sequence[Span]) -> Line:
    """Judge whether connections were lost and errors of HTTP came only while something was being killed."""
    lost = [call for call in calls if call.kind.startswith((BROKEN, HTTP))]
    bad = [call for call in lost if not any(call.began <= span.ended and call.ended >= span.began for span in causes)]
    return Line(
        "calls lost to a broken connection, each with an error",
        f"{len(lost)}; {len(bad)} of them with no kill near{_sample(bad)}",
        "none without a kill",
        not bad,
    )


def left_out(log: str, secrets: Sequence[str]) -> Line:
    """Judge whether the replicas wrote no traceback and no secret."""
    tracebacks, crashes = log.count("Traceback"), log.count('"crashed"')
    shown = sum(secret in log for secret in secrets)
    return Line(
        "tracebacks, crashed calls and secrets in the logs of the replicas",
        f"{tracebacks}, {crashes} and {shown}",
        "0, 0 and 0",
        not tracebacks and not crashes and not shown,
    )


def _sample(calls: Sequence[Call]) -> str:
    return f" (such as {calls[0].tool} of caller {calls[0].caller}: {calls[0].text[:200]!r})" if calls else ""
