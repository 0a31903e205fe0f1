"""Pseudonyms over HTTP, for tests: given, looked at and put back."""

from __future__ import annotations

from typing import Any

from tests.interfaces.http.journeys.house import BASE, Json, Shop, over


async def asked(shop: Shop, path: str, subject: str, role: str = "admin", **more: Any) -> Json:
    """The job, when it is over."""
    client = shop.as_role(role)
    made = await client.post(f"{BASE}/gdpr/{path}", json={"subject_id": subject, **more})
    assert made.status_code == 202, made.text
    return await over(client, made.headers["location"])


async def pseudonymize(shop: Shop, subject: str, **more: Any) -> Json:
    job = await asked(shop, "pseudonymize", subject, **more)
    assert job["status"] == "succeeded", job
    return dict(job["result"])


async def put_back(shop: Shop, subject: str, **more: Any) -> Json:
    job = await asked(shop, "depseudonymize", subject, reason="a court asks", **more)
    assert job["status"] == "succeeded", job
    return dict(job["result"])


async def created(shop: Shop, event: str) -> Json:
    return dict((await shop.read(f"/events/{event}", "admin"))["payload"])


async def shown(shop: Shop) -> list[bytes]:
    """What an admin reads of Ann."""
    paths = [f"/orders/{order}/timeline" for order in ("ann_1", "ann_2", "ben_1")]
    paths += ["/snapshots/snap", "/events/evt_1", "/events/evt_5"]
    answers = [await shop.get(path, "admin") for path in paths]
    return [answer.content for answer in answers]


def files(shop: Shop) -> list[bytes]:
    """All files of what is kept apart, of this tenant."""
    kept = shop.house.settings.data_dir / "pseudonyms" / shop.tenant
    return [one.read_bytes() for one in kept.glob("*")] if kept.is_dir() else []
