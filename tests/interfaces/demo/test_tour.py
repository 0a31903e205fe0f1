"""What the demo prints."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from interfaces.demo.tour import Sent, tour

MOMENT = datetime(2026, 11, 5, 7, 26, tzinfo=UTC)
TOKENS = {"north-mart": "a" * 400, "blue-kiosk": "b" * 400}
SENT = {
    "north-mart": Sent(100, recorded=90, duplicates=4, conflicts=1, rejected=5, last_sequence=90),
    "blue-kiosk": Sent(1234, recorded=1234, last_sequence=1234),
}


def printed() -> str:
    return tour("http://127.0.0.1:8099", SENT, TOKENS, MOMENT, Path("data/demo/serve.log"))


def test_it_fits_in_eighty_columns_apart_from_tokens() -> None:
    long = [line for line in printed().splitlines() if len(line) > 80]
    assert long == [f"export NORTH_MART={'a' * 400}", f"export BLUE_KIOSK={'b' * 400}"]


def test_it_says_what_to_try() -> None:
    text = printed()
    assert "export API=http://127.0.0.1:8099/v1/order-history" in text
    assert "$API/orders/ord_demo_1/timeline" in text
    assert "snapshot?at=2026-11-05T07:26:00Z" in text
    assert "http://127.0.0.1:8099/docs" in text
    assert """ -d '{"query":{"ident":"nils.sjogren.0@example.com"},"return":"orders"}'""" in text
    assert """ -d '{"field":"payload.failure_code","k":2}'""" in text
    assert "$API/events/evt_demo_1_001/receipt" in text
    assert "-N $API/events/stream\n" in text, "from now on, whatever was sent before"


def test_it_says_how_the_lines_ended() -> None:
    text = printed()
    assert "90 events recorded, 4 known before, 1 conflicts, 5 rejected" in text
    assert "  blue-kiosk  1,234 events recorded\n" in text
