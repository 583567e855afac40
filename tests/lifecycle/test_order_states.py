"""Every state an order can be in, and what must and must not be said about it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nomos_mcp.lifecycle import CURIE, EDISON, LANGUAGES, ApiVersion, Explanation, OrderState, explain

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ORDERED = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
EARLIER = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

CHECK = {"blocked_reason": "check_missing", "blocked_at": EARLIER}
GRID = {"blocked_reason": "grid_operator_registration", "blocked_at": EARLIER}
NEW_REASON = {"blocked_reason": "roof_missing", "blocked_at": EARLIER}
NO_REASON = {"blocked_at": EARLIER}

# version, status, fields, waiting_on, outcome, whether the customer can do something
Row = tuple[ApiVersion, str, dict[str, Any], str, str, bool]
PLAIN: list[Row] = [
    (CURIE, "created", {}, "nomos", "open", False),
    (CURIE, "placed", {}, "customer", "open", True),
    (CURIE, "check_submitted", {}, "installer", "open", False),
    (CURIE, "check_reviewed", {}, "installer", "open", True),
    (CURIE, "scheduled", {}, "installer", "open", True),
    (CURIE, "scheduled", {"appointment_at": LATER}, "installer", "open", True),
    (CURIE, "scheduled", {"appointment_at": EARLIER}, "installer", "open", True),
    (CURIE, "installed", {"installed_at": EARLIER}, "installer", "open", False),
    (CURIE, "activated", {"activated_at": EARLIER}, "nobody", "success", False),
    (CURIE, "activated", {}, "nobody", "success", False),
    (CURIE, "activated", {"activated_at": EARLIER, **CHECK}, "nobody", "success", False),
    (CURIE, "cancelled", {"cancelled_at": EARLIER}, "nobody", "cancelled", False),
    (CURIE, "cancelled", {"cancelled_reason": "pre_existing"}, "nobody", "cancelled", False),
    (CURIE, "cancelled", {"cancelled_reason": "customer_request"}, "nobody", "cancelled", False),
    (CURIE, "cancelled", {"cancelled_reason": "moved_away"}, "nobody", "cancelled", False),
    (CURIE, "cancelled", {"cancelled_reason": "customer_request", **GRID}, "nobody", "cancelled", False),
    (CURIE, "teleported", {}, "unknown", "unknown", False),
    (CURIE, "teleported", CHECK, "customer", "unknown", True),
    (EDISON, "intended", {}, "customer", "open", True),
    (EDISON, "waiting", {}, "nomos", "open", False),
    (EDISON, "ordered", {}, "installer", "open", False),
    (EDISON, "checked", {}, "installer", "open", True),
    (EDISON, "installation_planning", {}, "installer", "open", True),
    (EDISON, "installation_scheduled", {}, "installer", "open", True),
    (EDISON, "installation_waiting", {}, "installer", "open", True),
    (EDISON, "installation_finished", {}, "grid_operator", "open", False),
    (EDISON, "installed", {}, "installer", "open", False),
    (EDISON, "activated", {}, "nobody", "success", False),
    (EDISON, "pre_installed", {}, "nobody", "success", False),
    (EDISON, "blocked", {}, "nomos", "open", False),
    (EDISON, "blocked_wim", {}, "grid_operator", "open", False),
    (EDISON, "cancelled", {}, "nobody", "cancelled", False),
    (EDISON, "teleported", {}, "unknown", "unknown", False),
]
OVERLAID: list[Row] = [
    (CURIE, status, fields, waiting_on, "open", customer_acts)
    for status in ("created", "placed", "check_submitted", "check_reviewed", "scheduled", "installed")
    for fields, waiting_on, customer_acts in (
        (CHECK, "customer", True),
        (GRID, "grid_operator", False),
        (NEW_REASON, "unknown", False),
        (NO_REASON, "unknown", False),
    )
]
LATE: list[Row] = [
    (version, status, {"created_at": datetime(2026, 9, 1, 9, 30, tzinfo=UTC), **fields}, waiting_on, outcome, acts)
    for version, status, fields, waiting_on, outcome, acts in PLAIN
]
STATES = PLAIN + OVERLAID + LATE

FINAL = ("activated", "cancelled", "pre_installed")
DAY = re.compile(r"\b(\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4})\b")
ABBREVIATIONS = re.compile(r"\b(MaLo|MeLo|w?MSB|gMSB|VNB|WiM|iMSys|EnWG|HEMS|API|ID)\b")
each_state = pytest.mark.parametrize("row", STATES, ids=lambda row: f"{row[0][11:]}-{row[1]}-{'+'.join(row[2])}")
each_audience = pytest.mark.parametrize("audience", ["agent", "customer"])


def state_of(row: Row) -> OrderState:
    version, status, fields = row[:3]
    complete: dict[str, Any] = {"created_at": ORDERED} | fields
    return OrderState(api_version=version, status=status, **complete)


@pytest.fixture(params=LANGUAGES)
def explain_row(request: pytest.FixtureRequest) -> Callable[..., Explanation]:
    return lambda row, audience: explain(state_of(row), now=NOW, audience=audience, language=request.param)


def shown(explanation: Explanation) -> str:
    return explanation.model_dump_json(exclude_none=True)


def test_at_least_sixty_states_are_tried() -> None:
    assert len(STATES) >= 60


@each_audience
@each_state
def test_it_is_the_right_ones_turn(row: Row, audience: str, explain_row: Callable[..., Explanation]) -> None:
    assert explain_row(row, audience).waiting_on == row[3]


@each_audience
@each_state
def test_it_ends_as_it_should(row: Row, audience: str, explain_row: Callable[..., Explanation]) -> None:
    explanation = explain_row(row, audience)
    assert (explanation.outcome, explanation.final) == (row[4], row[1] in FINAL)


@each_audience
@each_state
def test_the_customer_is_asked_to_act_only_where_there_is_something_to_do(
    row: Row, audience: str, explain_row: Callable[..., Explanation]
) -> None:
    assert (explain_row(row, audience).customer_action is not None) is row[5]


@each_audience
@each_state
def test_no_date_is_named_that_the_order_does_not_carry(
    row: Row, audience: str, explain_row: Callable[..., Explanation]
) -> None:
    carried = {f"{value.day} {value:%b %Y}" for value in [ORDERED, *row[2].values()] if isinstance(value, datetime)}
    assert set(DAY.findall(shown(explain_row(row, audience)))) <= carried


@each_state
def test_the_customer_hears_of_dynamic_prices_only_once_the_meter_is_active(
    row: Row, explain_row: Callable[..., Explanation]
) -> None:
    assert ("dynamic" in shown(explain_row(row, "customer")).lower()) is (row[1] == "activated")


@each_state
def test_the_message_to_the_customer_is_short_and_plain(row: Row, explain_row: Callable[..., Explanation]) -> None:
    message = explain_row(row, "customer").customer_message
    assert len(message.split()) <= 80
    assert not ABBREVIATIONS.search(message)
    assert "_" not in message
    assert not re.search(r"nomos|inexogy|metrify|energy-metering|blocked|overlay", message.lower())


@each_state
def test_the_customer_gets_no_abbreviation_anywhere(row: Row, explain_row: Callable[..., Explanation]) -> None:
    assert not ABBREVIATIONS.search(shown(explain_row(row, "customer")))


@each_state
def test_nobody_promises_anything(row: Row, explain_row: Callable[..., Explanation]) -> None:
    assert not re.search(
        r"\b(will contact|guarantee|promise|soon|shortly|within|at the latest)\b", shown(explain_row(row, "agent"))
    )


@each_state
def test_only_a_known_state_is_called_known(row: Row, explain_row: Callable[..., Explanation]) -> None:
    new = row[1] == "teleported" or row[2].get("cancelled_reason") == "moved_away" or row[3] == "unknown"
    assert (explain_row(row, "agent").confidence == "unknown") is new
