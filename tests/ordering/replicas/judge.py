"""Judges what the replicas did by the ledger and the journal of upstream, and by the table; never by what they say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from nomos_mcp.replicas.order_attempts import OrderAttempt
from tests.ordering.replicas.schedules import Schedule
from tests.ordering.replicas.upstream import Post

MADE_NOTHING: Final = frozenset(
    {"already_ordered", "confirmation_required", "declined", "refused", "cancelled", "not_ordered"}
)
"""Outcomes which say that this call ordered nothing."""

RULES: Final = frozenset(
    {
        "two orders",
        "a second request of one call",
        "a request while an earlier one was open",
        "two attempts open at a time",
        "a request without a record",
        "an order without a record",
        "no answer",
        "an answer without a record",
        "a false ordered",
        "ordered by this call, and it was another's",
        "a false refused",
        "open, and the order is there",
        "a replica failed",
    }
)


@dataclass
class Course:
    """What one schedule led to.

    Attributes:
        schedule: The schedule.
        posts: The requests to order that arrived, in their order.
        ledger: The IDs of the subscription's orders.
        visible: From when on reads showed each.
        answers: What each replica answered.
        rows: The attempts in the table, oldest first, after everything was reconciled.
        ended: How each replica ended: `answered`, `killed`, or what went wrong.
    """

    schedule: Schedule
    posts: list[Post] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    visible: dict[str, float] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[OrderAttempt] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)


def judge(course: Course) -> list[str]:
    """Return what must not have happened and did: for each a rule, and its details after a colon."""
    return [
        *_flaws_of_requests(course),
        *_flaws_of_answers(course),
        *_flaws_of_rows(course),
    ]


def _flaws_of_requests(course: Course) -> Iterator[str]:
    if len(course.ledger) > 1:
        yield f"two orders: {course.ledger}"
    for earlier, later in combinations(course.posts, 2):
        if earlier.replica == later.replica:
            yield f"a second request of one call: {later}"
        elif not _is_settled(earlier, later.arrived, course):
            yield f"a request while an earlier one was open: {later} after {earlier}"
    sent = [row for row in course.rows if row.sent_at]
    for earlier_row, later_row in combinations(sorted(sent, key=_sent_at), 2):
        if earlier_row.closed_at is None or earlier_row.closed_at > _sent_at(later_row):
            yield f"two attempts open at a time: {earlier_row.number} and {later_row.number}"
    for post in course.posts:
        if not any(row.caller == post.replica for row in sent):
            yield f"a request without a record: {post}"


def _is_settled(post: Post, moment: float, course: Course) -> bool:
    """Whether the outcome of a request could be known for certain at a moment."""
    answered = 0 < post.answered <= moment
    return answered or any(course.visible[order] <= moment for order in course.ledger)


def _flaws_of_answers(course: Course) -> Iterator[str]:
    for replica, end in course.ended.items():
        if end not in {"answered", "killed"}:
            yield f"a replica failed: {replica}, {end}"
        answer = course.answers.get(replica)
        if answer is None:
            if end == "answered":
                yield f"no answer: {replica}"
            continue
        recorded = any(row.caller == replica for row in course.rows)
        if not recorded and answer["reason"] != "no_record":
            yield f"an answer without a record: {replica}, {answer}"
        yield from _falsehoods(replica, answer["outcome"], answer["order"], answer["made_by"], course)


def _flaws_of_rows(course: Course) -> Iterator[str]:
    for row in course.rows:
        if not row.is_open:
            replica = row.caller if row.sent_at else ""  # who orders by a code calls twice, and sends once
            yield from _falsehoods(replica, row.outcome, row.order_id, row.made_by, course)
        elif course.ledger:
            yield f"open, and the order is there: {row}"
    for post in course.posts:
        if post.order and not any(row.outcome == "ordered" and row.order_id == post.order for row in course.rows):
            yield f"an order without a record: {post}"


def _falsehoods(replica: str, outcome: str, order: str, made_by: str, course: Course) -> Iterator[str]:
    made = [post.order for post in course.posts if post.replica == replica and post.order]
    if outcome == "ordered" and order not in course.ledger:
        yield f"a false ordered: {replica}, {order!r}, and the ledger holds {course.ledger}"
    elif outcome == "ordered" and made_by == "this_call" and order not in made:
        yield f"ordered by this call, and it was another's: {replica}, {order}"
    if outcome == "already_ordered" and (order not in course.ledger if order else not course.ledger):
        yield f"a false ordered: {replica} says already_ordered, {order!r}, and the ledger holds {course.ledger}"
    if outcome in MADE_NOTHING and made:
        yield f"a false refused: {replica} says {outcome}, and made {made}"


def _sent_at(row: OrderAttempt) -> Any:
    return row.sent_at


def rules(flaws: Sequence[str]) -> set[str]:
    return {flaw.partition(":")[0] for flaw in flaws}
