"""The tiled log over HTTP: a mirror of it verifies, and nothing else is served."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from application.ledger.ports import GLOBAL
from application.ledger.verifying import verify_bundle
from domain.ledger.checkpoints import Checkpoint
from domain.ledger.notes import SignedNote
from domain.ledger.tiles import bundle_path, tiles_of
from tests.interfaces.http.journeys.house import BASE, House, Shop, pointers
from tests.interfaces.http.journeys.proving import keys_of, line, proving_house, signed

pytestmark = pytest.mark.anyio
LOGS = {"/ledger/tlog": "", "/ledger/global/tlog": GLOBAL}
COUNT = 700

house = proving_house


@pytest.fixture(scope="module")
async def stocked(house: House) -> Shop:
    """A shop with two full tiles and more, over two rounds of signing or more."""
    shop = house.shop()
    for numbers in (range(300), range(300, COUNT)):
        lines = b"".join(line(shop.event(f"ord_{number}")) for number in numbers)
        headers = {"Content-Type": "application/x-ndjson", "Prefer": "wait=60"}
        done = await shop.as_role("producer").post(
            f"{BASE}/events/bulk", content=lines, headers=headers
        )
        assert done.json()["result"]["recorded"] == len(numbers)
        await signed(shop)
    return shop


async def get(shop: Shop, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return await shop.as_role("auditor").get(BASE + path, headers=headers)


async def mirror(shop: Shop, prefix: str, directory: Path) -> Checkpoint:
    """The log as a static directory."""
    note = await get(shop, f"{prefix}/checkpoint")
    assert note.status_code == 200, note.text
    checkpoint = Checkpoint.parse(SignedNote.parse(note.text).text)
    tiles = list(tiles_of(checkpoint.size))
    paths = [tile.path() for tile in tiles]
    paths += [bundle_path(tile.index, tile.width) for tile in tiles if tile.level == 0]
    for path in paths:
        found = await get(shop, f"{prefix}/{path}")
        assert found.status_code == 200, path
        assert found.headers["content-type"] == "application/octet-stream"
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(found.content)
    (directory / "checkpoint").write_bytes(note.content)
    return checkpoint


@pytest.mark.parametrize("prefix", LOGS)
async def test_a_mirror_verifies_offline(stocked: Shop, tmp_path: Path, prefix: str) -> None:
    log = LOGS[prefix] or stocked.tenant
    checkpoint = await mirror(stocked, prefix, tmp_path)
    held = verify_bundle(tmp_path, keys_of(stocked.house, log))
    assert held.checkpoint == checkpoint
    assert checkpoint.size >= (2 if log == GLOBAL else COUNT)
    assert checkpoint.origin.endswith(f"/{log}")


async def test_the_newest_checkpoint_is_text_with_a_tag(stocked: Shop) -> None:
    first = await get(stocked, "/ledger/tlog/checkpoint")
    assert first.headers["content-type"] == "text/plain; charset=utf-8"
    assert first.headers["cache-control"] == "private, no-cache"
    status = await stocked.read("/ledger/status", "auditor")
    assert first.text == status["checkpoint"]
    tag = {"If-None-Match": first.headers["etag"]}
    again = await get(stocked, "/ledger/tlog/checkpoint", tag)
    assert (again.status_code, again.content) == (304, b"")


FULL = ("tile/0/000", "tile/0/001", "tile/entries/000", "tile/entries/001")
PARTIAL = (
    "tile/0/002.p/188", "tile/0/002.p/1", "tile/0/000.p/255", "tile/1/000.p/2", "tile/1/000.p/1",
    "tile/entries/002.p/188", "tile/entries/001.p/3",
)  # fmt: skip


@pytest.mark.parametrize("path", FULL)
async def test_full_ones_never_change(stocked: Shop, path: str) -> None:
    answer = await get(stocked, f"/ledger/tlog/{path}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Authorization, X-Tenant-ID"
    assert len(answer.content) == 256 * (34 if "entries" in path else 32)


@pytest.mark.parametrize("path", PARTIAL)
async def test_partial_ones_are_asked_for_again(stocked: Shop, path: str) -> None:
    answer = await get(stocked, f"/ledger/tlog/{path}")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-cache"
    width = int(path.rsplit("/", 1)[1])
    assert len(answer.content) == width * (34 if "entries" in path else 32)
    whole = await get(stocked, f"/ledger/tlog/{path.split('.p/', maxsplit=1)[0]}")
    if whole.status_code == 200:
        assert whole.content.startswith(answer.content)
    tag = {"If-None-Match": answer.headers["etag"]}
    assert (await get(stocked, f"/ledger/tlog/{path}", tag)).status_code == 304


BEYOND = (
    "tile/0/002", "tile/0/002.p/189", "tile/0/003", "tile/0/003.p/1", "tile/1/000",
    "tile/1/000.p/3", "tile/2/000.p/1", "tile/entries/002", "tile/entries/002.p/189",
    "tile/entries/003.p/1",
)  # fmt: skip
NOTHING = (
    "tile/63/000.p/1", "tile/64/000", "tile/999/000", "tile/0/900", "tile/entries/900.p/1",
    "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/000.p/0",
    "tile/0/000.p/256", "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/01", "tile/0/000.p/+1",
    "tile/00/000", "tile/-1/000", "tile/+0/000", "tile/a/000", "tile//000", "tile/0", "tile",
    "tile/0/x001", "tile/0/001/000", "tile/0/x001/x000", "tile/0/000/000", "tile/0/x000/x000/000",
    "tile/0/000%2F000", "tile/0%2F000", "tile/entries", "tile/entries/", "tile/entries/0",
    "tile/entries/x000/001", "tile/Entries/000", "tile/0/x999/x999/x999/x999/x999/x999/999",
    "tile/0/000%00", "tile/0/%20000", "tile/0/000%0a", "tile/0/%D9%A0%D9%A0%D9%A0",
    "tile/%D9%A0/000", "tile/%2e%2e/checkpoint", "tile/0/%2e%2e/0/000", "tile/0/000.p/1/2",
    "tile/0/000.p/1.p/1", "tile/data/000", "tile/" + "x000/" * 500 + "000",
    "tile/" + "9" * 5000 + "/000",
)  # fmt: skip


@pytest.mark.parametrize("path", BEYOND)
async def test_what_is_beyond_the_newest_checkpoint(stocked: Shop, path: str) -> None:
    answer = await get(stocked, f"/ledger/tlog/{path}")
    assert answer.status_code == 404
    pointers(answer)


@pytest.mark.parametrize("prefix", LOGS)
@pytest.mark.parametrize("path", NOTHING, ids=[path[:40] for path in NOTHING])
async def test_what_is_no_tile(stocked: Shop, prefix: str, path: str) -> None:
    request = stocked.as_role("auditor").build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=f"{BASE}{prefix}/{path}".encode())
    answer = await stocked.as_role("auditor").send(request)
    assert answer.status_code == 404
    pointers(answer)


async def test_before_the_first_checkpoint_there_is_none(house: House, stocked: Shop) -> None:
    shop = house.shop()
    for path in ("checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"):
        answer = await get(shop, f"/ledger/tlog/{path}")
        assert answer.status_code == 404
        pointers(answer)
    assert (await get(shop, "/ledger/global/tlog/checkpoint")).status_code == 200


async def test_no_tile_of_another_tenant(house: House, stocked: Shop) -> None:
    shop = house.shop()
    await shop.record()
    await signed(shop)
    assert (await get(shop, "/ledger/tlog/tile/0/000")).status_code == 404
    headers = {"X-Tenant-ID": stocked.tenant}
    assert (await get(shop, "/ledger/tlog/tile/0/000", headers)).status_code == 403
    ours = await get(shop, "/ledger/tlog/tile/0/000.p/1")
    theirs = await get(stocked, "/ledger/tlog/tile/0/000.p/1")
    assert ours.content != theirs.content
