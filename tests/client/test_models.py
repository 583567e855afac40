"""Records: times, references and words, as they come and as they should not."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from nomos_mcp.client import CurieMeterOrder
from nomos_mcp.client.constants import MAX_WORD
from tests.client.faults.wire_server import ORDER


@pytest.mark.parametrize(
    ("came", "read"),
    [
        ("2026-06-01T10:00:00Z", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ("2026-06-01T12:00:00+02:00", datetime(2026, 6, 1, 10, tzinfo=UTC)),
        ("2026-06-01T10:00:00.123Z", datetime(2026, 6, 1, 10, 0, 0, 123_000, tzinfo=UTC)),
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=UTC)),
        (datetime(2026, 6, 1, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 6, 1, 10, tzinfo=UTC)),
    ],
)
def test_times_are_aware_and_utc(came: object, read: datetime) -> None:
    order = CurieMeterOrder.model_validate({**ORDER, "created_at": came})
    assert order.created_at == read
    assert order.created_at.tzinfo is UTC
    assert order.unreadable == {}


def test_a_day_without_a_time_of_day_is_kept_apart() -> None:
    order = CurieMeterOrder.model_validate({**ORDER, "appointment_at": "2026-06-15"})
    assert order.date_only == {"appointment_at": date(2026, 6, 15)}
    assert "date_only" not in order.model_dump()


@pytest.mark.parametrize("came", ["next tuesday", "", 1_780_000_000, ["2026"], "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_none_and_reported(came: object) -> None:
    order = CurieMeterOrder.model_validate({**ORDER, "blocked_at": came})
    assert order.blocked_at is None
    assert list(order.unreadable) == ["blocked_at"]


def test_a_related_object_is_an_id_whichever_way_it_came() -> None:
    order = CurieMeterOrder.model_validate({**ORDER, "customer": {"object": "customer", "id": "cus_7", "email": "x"}})
    assert order.customer == "cus_7"


def test_a_word_is_kept_as_it_came_and_bounded() -> None:
    assert CurieMeterOrder.model_validate({**ORDER, "provider": "next-year-gmbh"}).provider == "next-year-gmbh"
    assert len(CurieMeterOrder.model_validate({**ORDER, "provider": "x" * 9999}).provider) == MAX_WORD + 1


def test_a_record_cannot_be_changed() -> None:
    order = CurieMeterOrder.model_validate(ORDER)
    with pytest.raises(ValidationError, match="frozen"):
        order.status = "installed"  # type: ignore[misc]  # wrong on purpose
