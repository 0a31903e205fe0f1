"""How well cards are told from what is none: on drawn documents, on published ones, on events."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from domain.privacy.cards import mask_body, may_hold_card, scrub_text
from tests.domain.privacy.card_corpus import ALIKE, EACH, FOUND, LEFT, MISSED, precision, scores

DATA = Path(__file__).parents[4] / "shared" / "data"

PUBLISHED: dict[str, list[str]] = {}
"""Card numbers in published documents, by file: their pointers. None holds any."""

IN_EVENTS = {  # file: values that hold a card number
    "generated-20k.ndjson.gz": 0,
    "generated-200k.ndjson.gz": 1,
    "olist.ndjson.gz": 0,
    "online-retail.ndjson.gz": 0,
}


def test_every_kind_is_found_wholly() -> None:
    assert {kind: score.found for kind, score in scores(FOUND)} == dict.fromkeys(FOUND, EACH)


def test_what_is_of_no_card_is_left_alone() -> None:
    """A number of 13 digits in a path may be a Visa number by chance."""
    found = {kind: score.found for kind, score in scores(LEFT) if score.found}
    assert found == {"paths and URLs": 1}
    assert precision(alike=False) > 0.9997


def test_what_cannot_be_told_is_known() -> None:
    """Should one of these change, it is a decision: say so in docs/adr."""
    assert {kind: score.found for kind, score in scores(MISSED) if score.found} == {
        "any groups, other separators": 3
    }
    assert {kind: score.found for kind, score in scores(ALIKE)} == {
        "16 random digits in a text": 8,
        "19 random digits in a text": 1,
        "16 digits, issuer's prefix, in a text": 16,
        "Luhn and prefix, in a text": EACH,
        "USPS, spaced": 2,
    }
    assert precision(alike=True) > 0.94


def test_published_payloads_hold_what_is_listed() -> None:
    paths = sorted(path for path in (DATA / "payloads").glob("*/*"))
    assert len(paths) == 129
    for path in paths:
        raw = path.read_bytes()
        document = json.loads(raw) if path.suffix == ".json" else raw.decode("latin-1")
        found: list[str] = []
        keys: list[str] = []
        mask_body({"document": document}, "", found, keys)
        assert (found, keys) == (PUBLISHED.get(path.name, []), []), path
        assert (scrub_text(raw) == raw) == (path.name not in PUBLISHED), path


@pytest.mark.parametrize("name", IN_EVENTS)
def test_events_hold_what_was_planted(name: str) -> None:
    found: list[str] = []
    with gzip.open(DATA / "events" / name) as lines:
        for line in filter(may_hold_card, lines):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                mask_body(event, "", found, found)
    assert len(found) == IN_EVENTS[name]
