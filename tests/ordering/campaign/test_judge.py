"""The judge is judged: each lie is planted once and must be named, and each truth must be let pass."""

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.ordering.campaign.judge import RULES, judge, missed, rules
from tests.ordering.campaign.reached import EXPECTED, missing, reached
from tests.ordering.campaign.schedules import FOCI, Schedule, drawn
from tests.ordering.campaign.trial import Call, Trial, run
from tests.ordering.campaign.upstream import SUBSCRIPTION, Journal, Post

ORDER = "prdo_1"
OTHERS = "prdo_2"
PLAIN = Schedule(0, "")


def call(outcome: str = "", number: int = 0, server: int = 0, *, order: str = "", **fields: Any) -> Call:
    """A call that a person said yes to, and its answer."""
    made_by = {"made_by": fields.pop("made_by")} if "made_by" in fields else {}
    answer = {"outcome": outcome, **({"order": {"id": order}} if order else {}), **made_by} if outcome else None
    given: dict[str, Any] = {"began": 0.0, "ended": 40.0, "yes": True, "answer": answer} | fields
    return Call(number, server, **given)


def post(status: int | None = 200, number: int = 0, *, made: str = "", at: float = 1.0, **fields: Any) -> Post:
    """A request to order that was answered at once."""
    given: dict[str, Any] = {"server": 0, "ended": at, "fault": ""} | fields
    return Post(call=number, arrived=at, status=status, committed=given["ended"] if made else None, order=made, **given)


def line(outcome: str, order: str = "") -> dict[str, str]:
    whole = {"time": "2026-06-15T10:00:00+00:00", "caller": "local", "subscription": SUBSCRIPTION, "outcome": outcome}
    return whole | ({"order": order} if order else {})


def trial(
    *calls: Call,
    posts: tuple[Post, ...] = (),
    orders: tuple[str, ...] = (),
    interests: tuple[str, ...] = (),
    lines: list[dict[str, str]] | None = None,
    broken: tuple[str, ...] = (),
    visible: float = math.inf,
    schedule: Schedule = PLAIN,
) -> Trial:
    """A trial in which, unless told otherwise, the record repeats the answers."""
    commits = dict.fromkeys(orders, 1.0)
    answered = [
        line(str(one.answer["outcome"]), (one.answer.get("order") or {}).get("id", "")) for one in calls if one.answer
    ]
    return Trial(
        schedule,
        calls=list(calls),
        journal=Journal(posts=list(posts), commits=commits),
        ledger=list(orders),
        present=commits | dict.fromkeys(interests, 1.0),
        lines={0: answered if lines is None else lines},
        broken={0: list(broken)},
        visible={0: visible},
    )


LOST = post(None)
LOST_AND_MADE = post(None, made=ORDER)
LIES: dict[str, tuple[str, Trial]] = {
    "two orders": ("two orders", trial(posts=(), orders=(ORDER, OTHERS))),
    "a request out of nowhere": (
        "a request to order that belongs to no call",
        trial(call("refused"), posts=(replace(post(403), call=None),)),
    ),
    "ordered, and there is none": (
        "ordered, and the ledger does not hold that order",
        trial(call("ordered", order=ORDER), posts=(post(),)),
    ),
    "ordered, without an ID": (
        "ordered, and the ledger does not hold that order",
        trial(call("ordered"), posts=(post(made=ORDER),), orders=(ORDER,)),
    ),
    "ordered, and it is a mere interest": (
        "ordered, and the ledger does not hold that order",
        trial(call("ordered", order=ORDER, made_by="unknown"), posts=(LOST,), interests=(ORDER,)),
    ),
    "ordered, before it was": (
        "ordered, before the order was there",
        trial(call("ordered", order=ORDER, made_by="unknown", ended=0.5), posts=(LOST,), orders=(ORDER,)),
    ),
    "ordered by this call, and another made it": (
        "ordered by this call, and it was another's",
        trial(call("ordered", order=ORDER, made_by="this_call"), posts=(LOST,), orders=(ORDER,)),
    ),
    "ordered, nothing said of by whom, and another made it": (
        "ordered by this call, and it was another's",
        trial(call("ordered", order=ORDER), posts=(LOST,), orders=(ORDER,)),
    ),
    "ordered by a stranger": (
        "ordered, made by nobody that is known",
        trial(call("ordered", order=ORDER, made_by="somebody"), posts=(LOST,), orders=(ORDER,)),
    ),
    "already ordered, and this call made it": (
        "already_ordered, and this call made the order",
        trial(call("already_ordered", order=ORDER), posts=(LOST_AND_MADE,), orders=(ORDER,)),
    ),
    "already ordered, by an ID that nobody knows": (
        "already_ordered, and there is no such order",
        trial(call("already_ordered", order=OTHERS), orders=(ORDER,)),
    ),
    "already ordered, and there is none": (
        "already_ordered, and there was no order",
        trial(call("already_ordered"), posts=(post(409),)),
    ),
    "refused, and it was made": (
        "refused, and this call made the order",
        trial(call("refused"), posts=(LOST_AND_MADE,), orders=(ORDER,)),
    ),
    "refused, and it was made later": (
        "refused, and this call made the order",
        trial(call("refused"), posts=(replace(LOST_AND_MADE, committed=90.0),), orders=(ORDER,)),
    ),
    "declined, and it was made": (
        "declined, and this call made the order",
        trial(call("declined"), posts=(LOST_AND_MADE,), orders=(ORDER,)),
    ),
    "to be confirmed, and it was made": (
        "confirmation_required, and this call made the order",
        trial(call("confirmation_required"), posts=(LOST_AND_MADE,), orders=(ORDER,)),
    ),
    "unknown, and nothing was sent": ("outcome_unknown, and nothing was open", trial(call("outcome_unknown"))),
    "unknown, and the connection was refused": (
        "outcome_unknown, and nothing was open",
        trial(call("outcome_unknown"), posts=(post(None, left=False),)),
    ),
    "unknown, and a 429 arrived": (
        "outcome_unknown, and nothing was open",
        trial(call("outcome_unknown"), posts=(post(429),)),
    ),
    "unknown, and it could be seen": (
        "outcome_unknown, and the order could be seen within ten seconds",
        trial(call("outcome_unknown"), posts=(LOST_AND_MADE,), orders=(ORDER,), visible=11.0),
    ),
    "ordered without a yes": (
        "a request to order without a yes",
        trial(call("ordered", order=ORDER, yes=False), posts=(post(made=ORDER),), orders=(ORDER,)),
    ),
    "tried without a yes": (
        "a request to order without a yes",
        trial(call("declined", yes=False), posts=(post(403),)),
    ),
    "ordered after the caller had gone": (
        "a request to order after the call was cancelled",
        trial(call(cancelled=0.5), posts=(post(made=ORDER),), orders=(ORDER,), lines=[line("ordered", ORDER)]),
    ),
    "ordered without a record": (
        "a request to order without a record",
        trial(
            call("ordered", order=ORDER),
            posts=(post(made=ORDER),),
            orders=(ORDER,),
            schedule=replace(PLAIN, audit="full disk"),
        ),
    ),
    "sent three times": (
        "too many requests to order",
        trial(call("outcome_unknown"), posts=(LOST, post(None, at=20.0), post(None, at=35.0))),
    ),
    "repeated at once": (
        "a repeat too early",
        trial(call("outcome_unknown"), posts=(LOST, post(None, at=10.5))),
    ),
    "repeated after a refusal": (
        "a repeat after an answer that left nothing open",
        trial(call("refused"), posts=(post(403), post(403, at=20.0))),
    ),
    "a code used twice": (
        "a code led to two requests to order",
        trial(
            call("refused", code="abc"),
            call("ordered", 1, code="abc", order=ORDER),
            posts=(post(403), post(made=ORDER, number=1)),
            orders=(ORDER,),
        ),
    ),
    "no answer": ("no answer", trial(call(failure="internal error"), posts=())),
    "an outcome that nobody knows": ("no answer", trial(call("perhaps"), lines=[])),
    "no end": ("a call never ended", trial(call(cancelled=1.0, ended=math.inf))),
    "too long after the request": (
        "a call took too long",
        trial(call("outcome_unknown", ended=152.0), posts=(LOST,)),
    ),
    "too long without a request": ("a call took too long", trial(call("refused", ended=301.0))),
    "a blank line": ("a line on record that says nothing", trial(call("refused"), broken=(" ",))),
    "no line": ("an answer that is not on record", trial(call("refused"), lines=[])),
    "a line with another outcome": (
        "an answer that is not on record",
        trial(call("refused"), lines=[line("declined")]),
    ),
    "a line with another order": (
        "an answer that is not on record",
        trial(
            call("ordered", order=ORDER), posts=(post(made=ORDER),), orders=(ORDER,), lines=[line("ordered", OTHERS)]
        ),
    ),
    "two lines": ("lines on record that no call led to", trial(call("refused"), lines=[line("refused")] * 2)),
    "a line that was only begun": (
        "a line on record that is not complete",
        trial(call("refused"), lines=[line("refused"), line("begun")]),
    ),
    "a line that names nobody": (
        "a line on record that is not complete",
        trial(call(cancelled=2.0), posts=(post(403),), lines=[{"outcome": "refused"}]),
    ),
    "no line for an order that nobody waited for": (
        "a call that ordered and was not answered is not on record",
        trial(call(cancelled=2.0), posts=(post(made=ORDER),), orders=(ORDER,), lines=[]),
    ),
    "a false line about an order that nobody waited for": (
        "a false line on record",
        trial(call(cancelled=2.0), posts=(post(made=ORDER),), orders=(ORDER,), lines=[line("refused")]),
    ),
    "an order that nobody waited for, and nobody looked for": (
        "a line on record does not know of an order that could be seen within ten seconds",
        trial(
            call(cancelled=2.0), posts=(LOST_AND_MADE,), orders=(ORDER,), lines=[line("outcome_unknown")], visible=11.0
        ),
    ),
    "a line that says cancelled about an order that was made": (
        "a false line on record",
        trial(call(cancelled=2.0), posts=(post(made=ORDER),), orders=(ORDER,), lines=[line("cancelled")]),
    ),
    "a line about an order that is not there": (
        "a false line on record",
        trial(call(cancelled=2.0), posts=(LOST,), lines=[line("ordered", ORDER)]),
    ),
}

TRUTHS: dict[str, Trial] = {
    "ordered by this call": trial(
        call("ordered", order=ORDER, made_by="this_call"), posts=(post(made=ORDER),), orders=(ORDER,)
    ),
    "ordered, and nothing said of by whom": trial(
        call("ordered", order=ORDER), posts=(post(made=ORDER),), orders=(ORDER,)
    ),
    "ordered by this call, and who did it is left open": trial(
        call("ordered", order=ORDER, made_by="unknown"), posts=(LOST_AND_MADE,), orders=(ORDER,)
    ),
    "ordered by another, and who did it is left open": trial(
        call("ordered", order=ORDER, made_by="unknown"), posts=(LOST,), orders=(ORDER,)
    ),
    "ordered by the repeat": trial(
        call("ordered", order=ORDER), posts=(LOST, post(made=ORDER, at=11.0)), orders=(ORDER,)
    ),
    "already ordered by another": trial(call("already_ordered", order=ORDER), posts=(post(409),), orders=(ORDER,)),
    "already ordered, and the order cannot be seen": trial(
        call("already_ordered"), posts=(post(409),), orders=(ORDER,)
    ),
    "already ordered, which was a mere interest": trial(
        call("already_ordered"), posts=(post(409),), interests=(ORDER,)
    ),
    "refused": trial(call("refused"), posts=(post(403),)),
    "refused, and another ordered": trial(call("refused"), posts=(post(403),), orders=(ORDER,)),
    "refused for want of a record": trial(call("refused"), lines=[], schedule=replace(PLAIN, audit="folder")),
    "declined": trial(call("declined", yes=False)),
    "to be confirmed": trial(call("confirmation_required", yes=False)),
    "unknown, and it cannot be seen in time": trial(
        call("outcome_unknown"), posts=(LOST_AND_MADE,), orders=(ORDER,), visible=11.1
    ),
    "unknown, and there is none": trial(call("outcome_unknown"), posts=(LOST, post(500, at=11.0))),
    "unknown after a token was refused once": trial(call("outcome_unknown"), posts=(post(401), post(None, at=1.5))),
    "cancelled before it was sent": trial(call(cancelled=0.5, yes=False)),
    "cancelled before it was sent, and on record": trial(call(cancelled=0.5), lines=[line("cancelled")]),
    "cancelled while it was under way": trial(
        call(cancelled=2.0), posts=(post(made=ORDER),), orders=(ORDER,), lines=[line("ordered", ORDER)]
    ),
    "an order that nobody waited for, and nobody could see": trial(
        call(cancelled=2.0), posts=(LOST_AND_MADE,), orders=(ORDER,), lines=[line("outcome_unknown")], visible=11.1
    ),
    "a form that broke": trial(
        call(asked=True, failure="the form broke", yes=False), schedule=replace(PLAIN, way="form", person="error")
    ),
    "a person who took an hour": trial(call("declined", ended=3600.0, waited=3595.0, yes=False)),
}


@pytest.mark.parametrize(("rule", "lie"), LIES.values(), ids=LIES.keys())
def test_a_planted_lie_is_named(rule: str, lie: Trial) -> None:
    assert rule in rules(judge(lie))


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS.keys())
def test_a_planted_truth_is_let_pass(truth: Trial) -> None:
    assert judge(truth) == []


def test_every_rule_has_named_a_lie() -> None:
    assert {rule for rule, _ in LIES.values()} == RULES


def test_what_could_have_been_known_is_counted_for_each_call() -> None:
    unknown = [call("outcome_unknown", number) for number in range(3)]
    posts = tuple(post(None, number, made=ORDER if number == 0 else "", at=1.0 + number) for number in range(3))
    seen = trial(*unknown, posts=posts, orders=(ORDER,), visible=12.5)
    assert [one.number for one in missed(seen)] == [2]


def test_a_campaign_that_reaches_nothing_is_told_so() -> None:
    assert missing(Counter()) == sorted(EXPECTED)
    assert set(missing(reached(trial(call("ordered"), posts=(post(),))))) < EXPECTED


def test_a_seed_gives_the_same_schedule_and_the_same_trial_again() -> None:
    for seed in (1, len(FOCI) + 1):
        assert drawn(seed) == drawn(seed)
        first, second = run(drawn(seed)), run(drawn(seed))
        assert first.journal == second.journal
        assert [one.answer for one in first.calls] == [one.answer for one in second.calls]
