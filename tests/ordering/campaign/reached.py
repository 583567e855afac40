"""What a trial really reached, seen from upstream and from the callers: a schedule that is drawn proves nothing."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tests.ordering.campaign.schedules import (
    AUDIT,
    CODES,
    INTERESTS,
    PEOPLE,
    POST_FAULTS,
    READ_FAULTS,
    REFUSED,
    STDERR,
    TOKEN_FAULTS,
)
from tests.ordering.campaign.trial import Trial
from tests.ordering.campaign.upstream import Post

EXPECTED: Final = frozenset(
    {
        *(f"request to order: {fault}" for fault in POST_FAULTS),
        *(f"repeat answered {answer}" for answer in REFUSED if answer.isdigit()),
        "repeat answered 409",
        "repeat that made the order",
        *(f"read afterwards: {fault}" for fault in READ_FAULTS),
        *(f"token: {fault}" for fault in TOKEN_FAULTS),
        *(f"token, later: {fault}" for fault in TOKEN_FAULTS),
        *(
            f"gone: {stage}"
            for stage in (
                "before the look",
                "looking",
                "a person is asked",
                "waiting for its turn",
                "waiting for the rate limit",
                "the request is under way",
                "looking afterwards",
            )
        ),
        "gone: the connection was closed",
        *(f"form, {era}: {person}" for era in ("auto", "legacy") for person in PEOPLE),
        *(f"code, {era}" for era in ("auto", "legacy")),
        *(f"code: {code}" for code in CODES),
        "nobody is asked, auto",
        "nobody is asked, legacy",
        "a form is needed, and the client has none",
        "the subscription changed before the yes",
        *(f"stderr: {stderr}" for stderr in STDERR),
        *(f"audit file: {audit}" for audit in AUDIT),
        *(f"interest {interest}" for interest in INTERESTS),
        "reads lag up to 1 s",
        "reads lag up to 5 s",
        "reads lag up to 30 s",
        "a read hid what an earlier one had shown",
        "an order made late",
        "an order made late, after the repeat arrived",
        "two servers, each with a request to order",
        "two calls at a server at the same time",
        "no room in the rate limit",
        "an order that took more than two minutes",
        "an order nobody could see within ten seconds",
        *(
            f"answer: {outcome}"
            for outcome in (
                "ordered",
                "already_ordered",
                "confirmation_required",
                "declined",
                "refused",
                "outcome_unknown",
            )
        ),
    }
)


def reached(trial: Trial) -> Counter[str]:  # noqa: C901  a list of questions
    """Count what a trial reached."""
    schedule, journal = trial.schedule, trial.journal
    counts: Counter[str] = Counter()
    counts.update(f"request to order: {post.fault}" for post in journal.posts)
    for post in _repeats(trial):
        counts[f"repeat answered {post.status}"] += 1
        counts["repeat that made the order"] += post.committed is not None
        counts["requests to order that were repeats"] += 1
    first = {
        server: min((post.arrived for post in journal.posts if post.server == server), default=None)
        for server in trial.lines
    }
    for read in journal.reads:
        began = first.get(read.server)
        if read.fault and began is not None and read.began >= began:
            counts[f"read afterwards: {read.fault}"] += 1
    counts.update(
        f"token, later: {fault[5:]}" if fault.startswith("late ") else f"token: {fault}" for fault in journal.tokens
    )
    for call in trial.calls:
        counts[f"answer: {(call.answer or {}).get('outcome')}"] += 1
        if call.cancelled is not None:
            counts[f"gone: {call.stage}"] += 1
            closed = schedule.cancel is not None and schedule.cancel.closes and schedule.era == "legacy"
            counts["gone: the connection was closed"] += closed
        if call.asked:
            counts[f"form, {schedule.era}: {schedule.person}"] += 1
        if call.code:
            counts[f"code, {schedule.era}"] += 1
            counts[f"code: {schedule.code}"] += 1
        if schedule.way == "none":
            counts[f"nobody is asked, {schedule.era}"] += 1
        if schedule.burst > 30 and (call.answer or {}).get("outcome") == "refused":
            posted = any(post.call == call.number for post in journal.posts)
            counts["no room in the rate limit"] += not posted
    if schedule.way == "code" and schedule.code == "none":
        counts["code: none"] += 1
    counts["a form is needed, and the client has none"] += schedule.way == "form, and the client has none"
    counts["the subscription changed before the yes"] += trial.changed
    counts[f"stderr: {schedule.stderr}"] += bool(trial.calls)
    counts[f"audit file: {schedule.audit}"] += bool(trial.calls)
    if schedule.interest and journal.interests:
        counts[f"interest {schedule.interest}"] += 1
    counts.update(_of_time(trial))
    return +counts


def _of_time(trial: Trial) -> Counter[str]:
    counts: Counter[str] = Counter()
    journal, lag = trial.journal, max(trial.schedule.lags)
    if journal.commits and lag:
        bound = next(bound for bound in (1, 5, 40) if lag <= bound)
        counts[f"reads lag up to {min(bound, 30)} s"] += 1
    counts["a read hid what an earlier one had shown"] += bool(journal.hidden)
    for post in journal.posts:
        late = post.committed is not None and post.committed > post.ended
        counts["an order made late"] += late
        later = (other.arrived for other in journal.posts if other.call == post.call and other.arrived > post.arrived)
        counts["an order made late, after the repeat arrived"] += late and min(later, default=1e9) < (
            post.committed or 0
        )
    counts["two servers, each with a request to order"] += len({post.server for post in journal.posts}) > 1
    for call, other in pairwise(sorted(trial.calls, key=lambda call: (call.server, call.began))):
        counts["two calls at a server at the same time"] += call.server == other.server and other.began < call.ended
    for call in trial.calls:
        arrived = [post.arrived for post in journal.posts if post.call == call.number]
        counts["an order that took more than two minutes"] += bool(arrived) and 120 < call.ended - arrived[0] < math.inf
    lost = [post.ended for post in journal.posts if post.uncertain and post.committed is not None]
    counts["an order nobody could see within ten seconds"] += (
        bool(lost) and min(trial.visible.values()) > min(lost) + 10
    )
    return counts


def _repeats(trial: Trial) -> Iterator[Post]:
    """Yield the requests to order that followed one of the same call whose answer was lost."""
    for call in trial.calls:
        posts = [post for post in trial.journal.posts if post.call == call.number]
        yield from (post for earlier, post in pairwise(posts) if earlier.uncertain)


def missing(counts: Counter[str]) -> list[str]:
    """Return what was to be reached and was not."""
    return sorted(EXPECTED - {name for name, count in counts.items() if count})
