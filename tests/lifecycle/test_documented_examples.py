"""The orders that the vendor's own documentation shows, explained."""

from datetime import UTC, datetime, timedelta

from nomos_mcp.lifecycle import CURIE, EDISON, OrderState, explain


def test_the_example_of_the_curie_reference_is_an_order_just_created() -> None:
    created = datetime(2026, 6, 30, 12, tzinfo=UTC)
    order = OrderState(api_version=CURIE, status="created", created_at=created)
    explanation = explain(order, now=created + timedelta(days=1))
    assert explanation.model_dump(exclude_none=True) == {
        "status": "created",
        "label": "Order accepted",
        "meaning": "The order is accepted; metering details are being collected.",
        "stage": {"index": 1, "of": 7},
        "final": False,
        "outcome": "open",
        "waiting_on": "nomos",
        "operator_action": "Check that the subscription's metering details (MaLo and MeLo, the market and metering "
        "location IDs) are complete.",
        "customer_message": "Thank you for ordering a smart meter. Your order has been accepted, and the details of "
        "your electricity connection are being collected for our installation partner. There is nothing you need to do "
        "right now.",
        "next": "The hand-over to the installation partner.",
        "timing": "Ordered 30 Jun 2026 (1 day ago). Target from order to installation: about eight weeks. "
        "No step has a published duration.",
        "confidence": "inferred",
        "sources": ["API reference (curie): MeterOrder.status", "inferred: waiting_on"],
        "api_version": CURIE,
    }


def test_the_example_of_the_edison_reference_waits_for_its_hand_over_and_is_long_past_the_target() -> None:
    order = OrderState(api_version=EDISON, status="waiting", created_at=datetime(2024, 3, 14, 12, tzinfo=UTC))
    explanation = explain(order, now=datetime(2024, 6, 14, 12, tzinfo=UTC))
    assert (explanation.label, explanation.waiting_on, explanation.confidence) == (
        "Order accepted",
        "nomos",
        "documented",
    )
    assert explanation.timing == (
        "Ordered 14 Mar 2024 (92 days ago). Past the target of about eight weeks. No step has a published duration."
    )
    assert explanation.anomalies is None
