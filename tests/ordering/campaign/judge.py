"""Judges a trial by the ledger and by what upstream noted, never by what a server says about itself."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tests.ordering.campaign.trial import Call, Trial
from tests.ordering.campaign.upstream import SUBSCRIPTION, Post

AFTER_POST: Final = 150.0
"""Seconds from a call's first request to order within which the call ends."""
WITHOUT_POST: Final = 300.0
"""Seconds within which a call ends that orders nothing: token, look, turn and a last look, each with its own bound."""
LOOKS_FOR: Final = 10.0
"""Seconds after a lost answer for which a server looks before it repeats, and within which it sees what can be seen."""
_ROUNDING: Final = 0.5

MADE_NOTHING: Final = frozenset({"already_ordered", "confirmation_required", "declined", "refused"})
"""Outcomes which say that this call ordered nothing."""
CANCELLED: Final = "cancelled"
"""What the record says of a call that was given up before its request left."""
OUTCOMES: Final = MADE_NOTHING | {"ordered", "outcome_unknown"}


RULES: Final = frozenset(
    {
        "two orders",
        "a request to order that belongs to no call",
        "ordered, and the ledger does not hold that order",
        "ordered, before the order was there",
        "ordered by this call, and it was another's",
        "ordered, made by nobody that is known",
        *(f"{outcome}, and this call made the order" for outcome in MADE_NOTHING),
        "already_ordered, and there is no such order",
        "already_ordered, and there was no order",
        "outcome_unknown, and nothing was open",
        "outcome_unknown, and the order could be seen within ten seconds",
        "a request to order without a yes",
        "a request to order after the call was cancelled",
        "a request to order without a record",
        "a code led to two requests to order",
        "too many requests to order",
        "a repeat too early",
        "a repeat after an answer that left nothing open",
        "no answer",
        "a call never ended",
        "a call took too long",
        "a line on record that says nothing",
        "a line on record that is not complete",
        "a line on record does not know of an order that could be seen within ten seconds",
        "a false line on record",
        "an answer that is not on record",
        "a call that ordered and was not answered is not on record",
        "lines on record that no call led to",
    }
)


def judge(trial: Trial) -> list[str]:
    """Return what must not have happened and did: for each a rule, and its details after a colon or in brackets."""
    flaws = [f"two orders: {trial.ledger}"] if len(trial.ledger) > 1 else []
    if any(post.call is None for post in trial.journal.posts):
        flaws.append("a request to order that belongs to no call")
    for call in trial.calls:
        flaws += [f"{flaw} (call {call.number}: {_shown(call)})" for flaw in _flaws_of(call, trial)]
    for code, calls in _users_of_codes(trial).items():
        if len(calls) > 1:
            flaws.append(f"a code led to two requests to order: {code} in the calls {sorted(calls)}")
    for server in trial.lines:
        flaws += [f"{flaw} (server {server})" for flaw in _record_flaws(server, trial)]
    return flaws


def missed(trial: Trial) -> Iterator[Call]:
    """Yield the calls that do not know the outcome although the order could be seen soon after the lost answer."""
    for call in trial.calls:
        if call.answer and call.answer.get("outcome") == "outcome_unknown" and _could_know(call, trial):
            yield call


def _could_know(call: Call, trial: Trial) -> bool:
    """Whether the order could be seen within ten seconds after the answer to the call's request was lost."""
    lost = [post.ended for post in _posts(call, trial) if post.uncertain]
    return bool(lost) and trial.visible[call.server] <= min(lost) + LOOKS_FOR


def _flaws_of(call: Call, trial: Trial) -> Iterator[str]:
    posts = _posts(call, trial)
    yield from _flaws_of_requests(call, posts, trial)
    first = min((post.arrived for post in posts), default=math.inf)
    if math.isinf(call.ended):
        yield "a call never ended"
    elif first < math.inf and call.ended > first + AFTER_POST + _ROUNDING:
        yield f"a call took too long: {call.ended - first:.1f} s after its first request to order"
    elif first == math.inf and call.ended - call.began - call.waited > WITHOUT_POST:
        yield f"a call took too long: {call.ended - call.began:.1f} s without a request to order"
    if call.answer is None:
        if call.cancelled is None and not _broken_form(call, trial):
            yield f"no answer: {call.failure}"
        return
    yield from _flaws_of_answer(call, posts, trial)


def _flaws_of_requests(call: Call, posts: list[Post], trial: Trial) -> Iterator[str]:
    if posts and not call.yes:
        yield "a request to order without a yes"
    if posts and call.cancelled is not None and posts[0].arrived > call.cancelled:
        yield f"a request to order after the call was cancelled ({call.stage})"
    if posts and trial.schedule.audit != "file":
        yield "a request to order without a record"
    sent = [post for post in posts if post.status != 401]
    if len(sent) > 2:
        yield f"too many requests to order: {len(sent)}"
    for earlier, later in pairwise(sent):
        if not earlier.uncertain:
            yield f"a repeat after an answer that left nothing open: {earlier.status}"
        elif later.arrived < earlier.ended + LOOKS_FOR:
            yield f"a repeat too early: {later.arrived - earlier.ended:.1f} s after the lost answer"


def _flaws_of_answer(call: Call, posts: list[Post], trial: Trial) -> Iterator[str]:
    assert call.answer is not None
    outcome = call.answer.get("outcome")
    if outcome not in OUTCOMES:
        yield f"no answer: {str(call.answer)[:200]}"
        return
    made = {post.order for post in posts if post.committed is not None}
    if outcome in MADE_NOTHING and made:
        yield f"{outcome}, and this call made the order"
    if outcome == "ordered":
        yield from _flaws_of_ordered(call, made, trial)
    elif outcome == "already_ordered":
        yield from _flaws_of_already_ordered(call, trial)
    elif outcome == "outcome_unknown":
        # A conflict on what is sent after a 401 may be with the first request, if the 401 was wrong.
        if not any(post.uncertain for post in posts) and [post.status for post in posts] != [401, 409]:
            yield f"outcome_unknown, and nothing was open: {[post.status for post in posts]}"
        if call in missed(trial):
            yield "outcome_unknown, and the order could be seen within ten seconds"


def _flaws_of_ordered(call: Call, made: set[str], trial: Trial) -> Iterator[str]:
    assert call.answer is not None
    order, made_by = _order(call), call.answer.get("made_by", "this_call")
    if order not in trial.ledger:
        yield f"ordered, and the ledger does not hold that order: {order!r}"
    elif trial.present[order] > call.ended:
        yield "ordered, before the order was there"
    if made_by not in {"this_call", "unknown"}:
        yield f"ordered, made by nobody that is known: {made_by!r}"
    elif made_by == "this_call" and order in trial.ledger and order not in made:
        yield "ordered by this call, and it was another's"


def _flaws_of_already_ordered(call: Call, trial: Trial) -> Iterator[str]:
    order = _order(call)
    if order and order not in trial.present:
        yield f"already_ordered, and there is no such order: {order!r}"
    elif not any(at <= call.ended for at in trial.present.values()):
        yield "already_ordered, and there was no order"


def _order(call: Call) -> str:
    return str(((call.answer or {}).get("order") or {}).get("id", ""))


def _record_flaws(server: int, trial: Trial) -> Iterator[str]:
    for text in trial.broken[server]:
        yield f"a line on record that says nothing: {text[:80].strip()!r}"
    if trial.schedule.audit != "file":
        return
    calls = [call for call in trial.calls if call.server == server]
    left = [line for line in trial.lines[server] if line.get("subscription") in {SUBSCRIPTION, None}]
    for call in calls:
        if call.answer is not None and call.answer.get("outcome") in OUTCOMES:
            mine = [line for line in left if _same(line, call)]
            if mine:
                left.remove(mine[0])
            else:
                yield f"an answer that is not on record: {_shown(call)}"
    gone = [call for call in calls if call.answer is None]
    begun = [call for call in gone if _posts(call, trial)]
    for line in left:
        if line.get("outcome") == "begun" or not {"time", "caller", "subscription", "outcome"} <= line.keys():
            yield f"a line on record that is not complete: {line}"
    if len(left) < len(begun):
        yield f"a call that ordered and was not answered is not on record: {len(begun)} calls, {len(left)} lines"
    if len(left) > len(gone):
        yield f"lines on record that no call led to: {left}"
    yield from _false_lines(left, gone, trial)


def _false_lines(lines: list[dict[str, str]], calls: list[Call], trial: Trial) -> Iterator[str]:
    """Judge the lines about calls that nobody answered."""
    unknown = [line for line in lines if line.get("outcome") == "outcome_unknown"]
    if len(unknown) > sum(not _could_know(call, trial) for call in calls):
        yield "a line on record does not know of an order that could be seen within ten seconds"
    made = {post.order for call in calls for post in _posts(call, trial) if post.committed is not None}
    for line in lines:
        if line.get("outcome") == "ordered" and line.get("order") not in trial.ledger:
            yield f"a false line on record: ordered, and the ledger does not hold that order: {line}"
        if line.get("outcome") == "already_ordered" and not trial.present:
            yield f"a false line on record: already_ordered, and there is no order: {line}"
    if made and lines and all(line.get("outcome") in MADE_NOTHING | {CANCELLED} for line in lines):
        yield f"a false line on record: an order was made for a call that nobody answered: {lines}"


def _same(line: dict[str, str], call: Call) -> bool:
    assert call.answer is not None
    return (line.get("outcome"), line.get("order") or "") == (call.answer["outcome"], _order(call))


def _posts(call: Call, trial: Trial) -> list[Post]:
    return [post for post in trial.journal.posts if post.call == call.number and post.left]


def _users_of_codes(trial: Trial) -> dict[str, set[int]]:
    used: dict[str, set[int]] = {}
    for call in trial.calls:
        if call.code and any(post.status != 401 for post in _posts(call, trial)):
            used.setdefault(f"{call.server}/{call.code}", set()).add(call.number)
    return used


def _broken_form(call: Call, trial: Trial) -> bool:
    return call.asked and trial.schedule.person == "error"


def _shown(call: Call) -> str:
    if call.answer is None:
        return call.failure or "no answer"
    parts = (call.answer.get("outcome"), call.answer.get("reason"), call.answer.get("made_by"))
    return ", ".join(str(part) for part in (*parts, _order(call)) if part)


def rules(flaws: list[str]) -> Counter[str]:
    """Count flaws by rule.

    Raises:
        KeyError: There is no such rule.
    """
    found = Counter(flaw.partition(":")[0].partition(" (")[0] for flaw in flaws)
    if unknown := found.keys() - RULES:
        raise KeyError(*unknown)
    return found
