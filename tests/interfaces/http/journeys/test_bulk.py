from __future__ import annotations

import gzip
from typing import Any

import httpx
import msgspec
import pytest

from tests.interfaces.http.journeys.house import BASE, House, Shop, over, pointers

pytestmark = pytest.mark.anyio

NDJSON = {"Content-Type": "application/x-ndjson"}
WAIT = {**NDJSON, "Prefer": "wait=20"}


@pytest.fixture
def shop(house: House) -> Shop:
    return house.shop()


def lines(events: list[Any]) -> bytes:
    return b"\n".join(
        event if isinstance(event, bytes) else msgspec.json.encode(event) for event in events
    )


async def send(shop: Shop, body: bytes, headers: Any = WAIT, **more: Any) -> httpx.Response:
    return await shop.as_role("producer").post(
        f"{BASE}/events/bulk", content=body, headers={**headers, **more}
    )


async def test_waits_for_the_end_of_the_job(shop: Shop) -> None:
    body = lines([shop.event(), b"", shop.event(), b"{bad"])
    answer = await send(shop, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=20"
    job = answer.json()
    assert answer.headers["location"] == f"{BASE}/jobs/{job['job_id']}"
    assert (job["kind"], job["status"]) == ("bulk_ingest", "succeeded")
    assert job["progress"] == {"done": 3, "total": 3}
    assert job["result"] == {
        "recorded": 2, "duplicates": 0, "conflicts": 0, "rejected": 1, "last_sequence": 2,
    }  # fmt: skip
    assert job["errors"][0]["line"] == 4
    assert [item["event_id"] for item in await shop.walk("/events")] == ["evt_1", "evt_2"]


async def test_answers_at_once_unless_asked_to_wait(shop: Shop) -> None:
    answer = await send(shop, lines([shop.event()]), NDJSON)
    assert answer.status_code == 202
    job = answer.json()
    assert job["finished_at"] is None
    ended = await over(shop.as_role("producer"), f"{BASE}/jobs/{job['job_id']}")
    assert (ended["status"], ended["result"]["recorded"]) == ("succeeded", 1)


async def test_an_empty_body_is_a_job_without_lines(shop: Shop) -> None:
    job = (await send(shop, b"\n \r\n")).json()
    assert (job["status"], job["progress"]) == ("succeeded", {"done": 0, "total": 0})
    assert set(job["result"].values()) == {0}


async def test_the_same_key_and_body_are_the_same_job(shop: Shop) -> None:
    body = lines([shop.event(), b"{bad", shop.event()])
    first = await send(shop, body, **{"Idempotency-Key": "k-1"})
    packed = {"Idempotency-Key": "k-1", "Content-Encoding": "gzip"}
    for again in (
        await send(shop, body, **{"Idempotency-Key": "k-1"}),
        await send(shop, body + b"\r\n", **{"Idempotency-Key": "k-1"}),
        await send(shop, gzip.compress(body, mtime=1), **packed),
        await send(shop, gzip.compress(body, 1, mtime=2), **packed),
    ):
        assert (again.status_code, again.json()) == (200, first.json())
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in first.headers
    other = await send(shop, body, **{"Idempotency-Key": "k-2"})
    assert other.json()["job_id"] != first.json()["job_id"]
    assert "idempotency-replayed" not in other.headers
    at_once = await send(shop, body, NDJSON, **{"Idempotency-Key": "k-1"})
    assert (at_once.status_code, at_once.json()) == (202, first.json())
    assert at_once.headers["idempotency-replayed"] == "true"


async def test_a_key_used_for_another_body_is_refused(shop: Shop) -> None:
    body = lines([shop.event(payload={"note": "Jane"}), shop.event()])
    first = await send(shop, body, **{"Idempotency-Key": "k-1"})
    for other in (
        body.replace(b"Jane", b"Jame"),
        body + b"\n" + body,
        body.partition(b"\n")[0],
        b"\n" + body,
        b"",
    ):
        answer = await send(shop, other, **{"Idempotency-Key": "k-1"})
        assert answer.status_code == 422
        assert pointers(answer) == ["/Idempotency-Key"]
        assert answer.json()["errors"][0]["in"] == "header"
        assert "Ja" not in answer.text
    assert len(await shop.walk("/events")) == 2
    path = first.headers["location"]
    assert (await shop.as_role("producer").get(path)).json() == first.json()


async def test_a_key_is_its_submitters_own(shop: Shop) -> None:
    await send(shop, lines([shop.event()]), **{"Idempotency-Key": "k-1"})
    other = shop.house.client("producer", shop.tenant, subject="another")
    answer = await other.post(
        f"{BASE}/events/bulk", content=b"", headers={**WAIT, "Idempotency-Key": "k-1"}
    )
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/x-ndjson; charset=latin-1"},
        {**NDJSON, "Content-Encoding": "br"},
        {**NDJSON, "Content-Encoding": "gzip, gzip"},
    ],
)
async def test_refuses_other_media_types(shop: Shop, headers: dict[str, str]) -> None:
    answer = await send(shop, lines([shop.event()]), headers)
    assert answer.status_code == 415
    pointers(answer)


async def test_a_broken_body_leaves_no_job(shop: Shop) -> None:
    answer = await send(
        shop, gzip.compress(lines([shop.event()]))[:-9], **{"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 400
    pointers(answer)
    assert await shop.walk("/events") == []


async def test_rejected_lines_are_listed_page_by_page(shop: Shop) -> None:
    bad = [b"{bad", b'{"note": "4111111111111111"}', b"\xff\xfe"]
    job = (await send(shop, lines(bad))).json()
    producer = shop.as_role("producer")
    path = f"{BASE}/jobs/{job['job_id']}/rejected"
    first = (await producer.get(path, params={"limit": 2})).json()
    rest = (await producer.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    items = first["items"] + rest["items"]
    assert rest["next_cursor"] is None
    assert [item["line"] for item in items] == [1, 2, 3]
    assert items[0]["text"] == "{bad"
    assert "1111" in items[1]["text"]
    assert "4111111111111111" not in items[1]["text"]
    assert items[2]["base64"] == "//4="
    foreign = await producer.get(path, params={"cursor": first["next_cursor"] + "A"})
    assert foreign.status_code == 400


async def test_jobs_are_their_submitters(house: House, shop: Shop) -> None:
    job_id = (await send(shop, lines([b"{bad"]))).json()["job_id"]
    path = f"{BASE}/jobs/{job_id}"
    missing = f"{BASE}/jobs/job_{'0' * 32}"
    other = house.client("producer", shop.tenant, subject="another producer")
    stranger = house.client("admin", "another-tenant")
    for client in (other, stranger):
        for suffix, method in (("", "GET"), ("/rejected", "GET"), ("/cancel", "POST")):
            theirs = await client.request(method, path + suffix)
            nobodys = await client.request(method, missing + suffix)
            assert theirs.status_code == nobodys.status_code == 404
            assert theirs.json()["detail"] == nobodys.json()["detail"]
    operator = shop.as_role("operator")
    assert (await operator.get(path)).json()["job_id"] == job_id
    assert (await operator.get(f"{path}/rejected")).status_code == 403
    assert (await shop.as_role("admin").get(f"{path}/rejected")).json()["items"]


async def test_a_job_that_is_over_stays_so(shop: Shop) -> None:
    job = (await send(shop, lines([shop.event()]))).json()
    answer = await shop.as_role("producer").post(f"{BASE}/jobs/{job['job_id']}/cancel")
    assert (answer.status_code, answer.json()) == (200, job)
