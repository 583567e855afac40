"""What the operator's own history adds to an explanation, in both languages."""

from datetime import UTC, datetime, timedelta

import pytest

from nomos_mcp.lifecycle import CURIE, Explanation, Observed, OrderState, StepTook, explain

NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
BLOCKED = OrderState(
    api_version=CURIE,
    status="placed",
    created_at=NOW - timedelta(days=30),
    blocked_at=NOW - timedelta(days=12),
    blocked_reason="check_missing",
)
OPEN = OrderState(api_version=CURIE, status="placed", created_at=NOW - timedelta(days=30))


def _said(state: OrderState, language: str = "en", **known: object) -> Explanation:
    return explain(state, now=NOW, language=language, observed=Observed(**known))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "times", "ending"),
    [
        ("en", 0, "(12 days ago)"),
        ("en", 1, "(12 days ago)"),
        ("en", 2, "(12 days ago), for the second time"),
        ("en", 5, "(12 days ago), for the fifth time"),
        ("en", 6, "(12 days ago), blocked 6 times in all"),
        ("en", 22, "(12 days ago), blocked 22 times in all"),
        ("de", 1, "(vor 12 Tagen)"),
        ("de", 3, "(vor 12 Tagen), zum dritten Mal"),
        ("de", 21, "(vor 12 Tagen), insgesamt 21-mal angehalten"),
    ],
)
def test_a_block_says_for_which_time_it_is_from_the_second_on(language: str, times: int, ending: str) -> None:
    blocked = _said(BLOCKED, language, times_blocked=times).blocked
    assert blocked
    assert (blocked.since or "").endswith(ending)


def test_an_order_that_is_not_blocked_says_nothing_of_its_blocks() -> None:
    assert _said(OPEN, times_blocked=2) == _said(OPEN)


@pytest.mark.parametrize(
    ("state", "took", "sentence"),
    [
        (OPEN, StepTook(cases=214, least=6, median=9, most=19), "In your own last 214 orders this step mostly took 6 to 19 days, half of them 9 or less: "),  # noqa: E501
        (OPEN, StepTook(cases=20, least=1, median=1, most=1), "this step mostly took 1 day, half of them 1 or less: "),
        (OPEN, StepTook(cases=20, least=0, median=1, most=None), "In half of your own last 20 orders this step took 1 day or less: "),  # noqa: E501
        (BLOCKED, StepTook(cases=30, least=2, median=4, most=9), "Your own last 30 blocks of this kind mostly lasted 2 to 9 days, half of them 4 or less: "),  # noqa: E501
        (BLOCKED, StepTook(cases=30, least=2, median=4, most=None), "Half of your own last 30 blocks of this kind lasted 4 days or less: "),  # noqa: E501
    ],
)  # fmt: skip
def test_how_long_a_step_took_is_an_observation_and_no_promise(
    state: OrderState, took: StepTook, sentence: str
) -> None:
    said = _said(state, took=took)
    assert f"{sentence}an observation, not a promise." in (said.timing or "")
    assert (said.confidence_of or {})["timing"] == "observed"


@pytest.mark.parametrize("state", [OPEN, BLOCKED])
def test_it_is_an_observation_in_german_too(state: OrderState) -> None:
    said = _said(state, "de", took=StepTook(cases=30, least=2, median=4, most=9))
    assert "meist 2 bis 9 Tage" in (said.timing or "")
    assert (said.timing or "").endswith("höchstens 4: eine Beobachtung, kein Versprechen.")


def test_a_customer_is_not_told_how_long_a_step_took() -> None:
    observed = Observed(took=StepTook(cases=30, least=2, median=4, most=9))
    assert explain(OPEN, now=NOW, audience="customer", observed=observed) == explain(OPEN, now=NOW, audience="customer")


@pytest.mark.parametrize(
    "state",
    [
        OrderState(api_version=CURIE, status="activated", activated_at=NOW - timedelta(days=1)),
        OrderState(api_version=CURIE, status="placed", installed_at=NOW - timedelta(days=1)),
    ],
)
def test_nothing_is_said_of_a_step_that_is_over_or_not_known(state: OrderState) -> None:
    took = StepTook(cases=30, least=2, median=4, most=9)
    assert _said(state, took=took) == _said(state)
