"""A tenant that has pseudonyms leaves with what they stand for, and nothing of it is left here."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from tests.interfaces.http.journeys.erasing import ANN, told
from tests.interfaces.http.journeys.house import Shop
from tests.interfaces.http.journeys.leaving import left, lines
from tests.interfaces.http.journeys.pseudonymizing import pseudonymize

pytestmark = pytest.mark.anyio


async def test_what_pseudonyms_stand_for_is_exported_and_destroyed(
    shop: Shop, tmp_path: Path
) -> None:
    await told(shop)
    await pseudonymize(shop, "cust_ann")
    data_dir = shop.house.settings.data_dir
    assert list((data_dir / "pseudonyms" / shop.tenant).iterdir())
    await left(shop, tmp_path / "export")
    personal = list(lines(tmp_path / "export" / "personal.ndjson"))
    (email,) = [
        one
        for one in personal
        if (one["sequence"], one["pointer"]) == (1, "/payload/customer/email")
    ]
    assert email["value"] == ANN["email"]
    assert email["pseudonym"].startswith("pn-")
    digest = base64.urlsafe_b64encode(hashlib.sha256(email["disclosure"].encode()).digest())
    events = list(lines(tmp_path / "export" / "ledger" / "events.ndjson"))
    assert events[0]["payload"]["customer"]["email"] == {"_sd": digest.decode().rstrip("=")}
    assert not list((data_dir / "pseudonyms" / shop.tenant).iterdir())
    assert not list((data_dir / "keys" / "secrets").glob(f"{shop.tenant}.*"))
    assert "what pseudonyms stand for" in (tmp_path / "export" / "certificate.txt").read_text()
