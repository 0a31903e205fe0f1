"""Bundles that are refused, for tests: what is said of each is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from application.ledger.verifying import verify_bundle
from domain.ledger.faults import DoesNotHold, Malformed
from tests.domain.ledger.signing import LOG, LOG_PQ

KEYS = [LOG.key, LOG_PQ.key]


def refused(bundle: Path) -> DoesNotHold:
    with pytest.raises(DoesNotHold) as caught:
        verify_bundle(bundle, KEYS)
    assert "\n" not in str(caught.value)
    return caught.value


def unreadable(bundle: Path) -> str:
    with pytest.raises(Malformed) as caught:
        verify_bundle(bundle, KEYS)
    assert "\n" not in str(caught.value)
    return str(caught.value)
