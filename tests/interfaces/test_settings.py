from __future__ import annotations

import pytest

from interfaces.settings import open_metrics_from


@pytest.mark.parametrize(("given", "open_metrics"), [("no", False), ("yes", True), ("", True)])
def test_the_local_metrics_can_be_switched_off(given: str, open_metrics: bool) -> None:
    assert open_metrics_from({"ORDER_HISTORY_METRICS": given}) is open_metrics
    assert open_metrics_from({}) is True


@pytest.mark.parametrize("given", ["off", "false", "0", "NO", " no"])
def test_what_may_be_meant_as_no_is_not_taken_for_yes(given: str) -> None:
    with pytest.raises(ValueError, match="ORDER_HISTORY_METRICS must be yes or no"):
        open_metrics_from({"ORDER_HISTORY_METRICS": given})
