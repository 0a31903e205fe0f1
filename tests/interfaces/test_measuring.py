from __future__ import annotations

from pathlib import Path

from interfaces.measuring import measure, sample_events


def test_a_measurement_leaves_nothing_behind(open_dir: Path) -> None:
    data_dir = open_dir / "measured"
    figures = measure(data_dir, 1000, lambda _: None)
    assert not data_dir.exists()
    assert [figure.name for figure in figures if "events/s" in figure.value] == [
        "append, 64 at once",
        "import",
        "rebuild of the read models",
    ]


def test_what_is_in_the_data_directory_stays(open_dir: Path) -> None:
    data_dir = open_dir / "installed"
    data_dir.mkdir(mode=0o711)
    (data_dir / "origin").write_text("mine")
    measure(data_dir, 1000, lambda _: None)
    assert [path.name for path in data_dir.iterdir()] == ["origin"]


def test_the_sample_goes_on_under_new_orders() -> None:
    events = list(sample_events(5000, prefix="s"))
    assert len({event["event_id"] for event in events}) == 5000
    first = events[0]
    again = [event for event in events[1:] if event["payload"] is first["payload"]]
    assert again
    assert all(event["order_id"] != first["order_id"] for event in again)
