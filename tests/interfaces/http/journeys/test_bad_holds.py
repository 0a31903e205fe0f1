"""Holds that say too little, too much or what nobody may write are refused, and say where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interfaces.http.bad_bodies import CARD, MAIL, NULL, Bad, encoded
from tests.interfaces.http.journeys.holding import ORDER, PATH
from tests.interfaces.http.journeys.house import Json, Shop, pointers

pytestmark = pytest.mark.anyio


DEEP: Any = {"text": "a"}
for _ in range(16):
    DEEP = {"not": DEEP}
QUERY: Json = {"target": "query", "target_id": None}
BAD = [
    Bad("no target", {"target": None}, 422, "/target"),
    Bad("null as a target", {"target": NULL}, 422, "/target"),
    Bad("another target", {"target": "customer"}, 422, "/target"),
    Bad("a list as a target", {"target": ["order"]}, 422, "/target"),
    Bad("no target_id", {"target_id": None}, 422, "/target_id"),
    Bad("an empty target_id", {"target_id": ""}, 422, "/target_id"),
    Bad("a number as a target_id", {"target_id": 5}, 422, "/target_id"),
    Bad("a long target_id", {"target_id": "o" * 201}, 422, "/target_id"),
    Bad("an address as a subject", {"target": "subject", "target_id": MAIL}, 422, "/target_id"),
    Bad("a query beside an order", {"query": {"text": "a"}}, 422, "/query"),
    Bad("an order beside a query", {"target": "query", "query": {"text": "a"}}, 422, "/target_id"),
    Bad("no query", QUERY, 422, "/query"),
    Bad("a text as a query", {**QUERY, "query": "lost"}, 422, "/query"),
    Bad("a deep query", {**QUERY, "query": DEEP}, 422, "/query" + "/not" * 16),
    Bad("an unindexed query", {**QUERY, "query": {"field": "payload.x", "eq": 1}}, 422,
        "/query/field"),
    Bad("an address in a query", {**QUERY, "query": {"ident": MAIL}}, 422, "/query/ident"),
    Bad("a number in a query", {**QUERY, "query": {"ident": "447700900123"}}, 422, "/query/ident"),
    Bad("a card in a query", {**QUERY, "query": {"text": CARD}}, 422, "/query/text"),
    Bad("a large query", {**QUERY, "query": {"any": [{"text": "x" * 900}] * 20}}, 422, "/query"),
    Bad("no case", {"case_id": None}, 422, "/case_id"),
    Bad("an empty case", {"case_id": ""}, 422, "/case_id"),
    Bad("a long case", {"case_id": "c" * 201}, 422, "/case_id"),
    Bad("an address as a case", {"case_id": MAIL}, 422, "/case_id"),
    Bad("a card as a case", {"case_id": CARD}, 422, "/case_id"),
    Bad("a NUL in a case", {"case_id": "a\0b"}, 422, "/case_id"),
    Bad("a list as a reason", {"reason": ["x"]}, 422, "/reason"),
    Bad("a long reason", {"reason": "x" * 2001}, 422, "/reason"),
    Bad("a NUL in a reason", {"reason": "a\0b"}, 422, "/reason"),
    Bad("a card in a reason", {"reason": f"card {CARD}"}, 422, "/reason"),
    Bad("no time", {"expires_at": "tomorrow"}, 422, "/expires_at"),
    Bad("a number as a time", {"expires_at": 5}, 422, "/expires_at"),
    Bad("a time that has gone", {"expires_at": "2025-01-01T00:00:00Z"}, 422, "/expires_at"),
    Bad("a misspelt field", {"case": "case_1"}, 422, "/case"),
    Bad("a list", b"[]", 422, ""),
    Bad("no JSON", b"{", 400, None),
]  # fmt: skip


async def test_bad_holds(shop: Shop) -> None:
    for row in BAD:
        answer = await shop.as_role("admin").post(
            PATH, content=encoded(ORDER, row.body), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == row.status, (row.name, answer.text)
        if row.pointer is not None:
            assert row.pointer in pointers(answer), (row.name, answer.text)
        assert MAIL not in answer.text, row.name
        assert CARD not in answer.text, row.name
    assert await shop.head() == 0
