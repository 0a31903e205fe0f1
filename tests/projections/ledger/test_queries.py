"""What proofs are made of is right at every size, with or without the tiles of the read model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from application.ledger.ports import GLOBAL, LedgerDamaged, LedgerReader
from application.ledger.signatures import open_checkpoint
from domain.ledger.anchors import head_leaf
from domain.ledger.hashing import GENESIS, leaf_hash
from domain.ledger.merkle import tree_root
from domain.ledger.tiles import Tile, tiles_of
from domain.privacy.disclosing import ERASED
from infrastructure.postgres.connect import Pool, open_pool
from projections.ledger.queries import LedgerQueries
from projections.reading import Connection
from tests.infrastructure.event_store.kit import plans
from tests.projections.filling import Fact, Filling
from tests.projections.ledger.ledgers import (
    CELL,
    Signatures,
    follow,
    record,
    tiles_of_tree,
)
from tests.projections.orders.following import project

pytestmark = pytest.mark.anyio


@pytest.fixture
def signatures(database_url: str, tmp_path: Path) -> Signatures:
    return Signatures(database_url, tmp_path / "signing")


@pytest.fixture
def queries(pool: Pool) -> LedgerQueries:
    return LedgerQueries(pool, witnessed=False)


@pytest.mark.parametrize("followed", [True, False])
async def test_all_tiles_of_a_tree(
    app: Connection, filling: Filling, queries: LedgerReader, *, followed: bool
) -> None:
    entries = await record(filling, {"acme": 600, "umbrella": 300})
    if followed:
        await follow(app)
    for tenant, size in [("acme", size) for size in (1, 2, 255, 256, 257, 512, 600)] + [
        ("umbrella", 300)
    ]:
        found = await queries.hashes(tenant, list(tiles_of(size)))
        assert found == tiles_of_tree(entries[tenant], size), (tenant, size)


async def test_the_levels_above(app: Connection, filling: Filling, queries: LedgerReader) -> None:
    size = 65_536 + 600
    expected = tiles_of_tree((await record(filling, {"acme": size}))["acme"], size)
    await follow(app, 5000)
    assert await queries.hashes("acme", list(expected)) == expected
    # What the read model has not yet, or has lost, is derived, level by level.
    await app.execute("delete from ledger_tiles where level = 1 or tile in (0, 7, 256)")
    above = [tile for tile in expected if tile.level]
    assert await queries.hashes("acme", above) == {tile: expected[tile] for tile in above}
    await app.execute("update ledger_tiles set hashes = 'short' where level = 0 and tile = 8")
    below = [Tile(0, 7), Tile(0, 256), Tile(0, 8)]
    assert await queries.hashes("acme", below) == {tile: expected[tile] for tile in below}


async def test_entries(filling: Filling, queries: LedgerReader) -> None:
    entries = await record(filling, {"acme": 20, "umbrella": 10})
    assert await queries.entries("acme", 1, 20) == entries["acme"]
    assert await queries.entries("umbrella", 3, 3) == entries["umbrella"][2:3]
    with pytest.raises(LedgerDamaged):
        await queries.entries("umbrella", 1, 11)
    with pytest.raises(LedgerDamaged):
        await queries.hashes("nobody", [Tile(0, 0, 3)])


async def test_the_newest_checkpoint(
    app: Connection, filling: Filling, queries: LedgerReader, signatures: Signatures
) -> None:
    assert await queries.newest("acme", trusted=True) is None
    for count in (10, 300):
        entries = await record(filling, {"acme": count, "umbrella": 5})
        await follow(app)
        await signatures.sign()
    for tenant, own in entries.items():
        head = await queries.newest(tenant, trusted=True)
        assert head is not None
        origin = f"{signatures.keys.service_origin}/{tenant}"
        opened = open_checkpoint(head.note, signatures.keys.verifier_keys(origin))
        assert opened.checkpoint.size == head.size == len(own)
        assert opened.checkpoint.root == tree_root(map(leaf_hash, own))
        assert (head.tenant_id, head.epoch, head.round) == (tenant, 1, 2)


async def test_trusted_is_what_the_policy_accepts(
    app: Connection, pool: Pool, filling: Filling, signatures: Signatures
) -> None:
    queries = LedgerQueries(pool, witnessed=True)
    for _ in range(3):
        await record(filling, {"acme": 4})
        await follow(app)
        await signatures.sign()
    assert await queries.newest("acme", trusted=True) is None
    await app.execute("update ledger_heads set witnessed_size = 8 where tenant_id = 'acme'")
    for witness in ("w2", "w1"):
        await app.execute(
            "insert into ledger_cosignatures values ('acme', 1, 8, %s, %s, 0)",
            (witness, f"\u2014 {witness} AAAAAAAA\n"),
        )
    trusted = await queries.newest("acme", trusted=True)
    newest = await queries.newest("acme", trusted=False)
    assert trusted is not None
    assert newest is not None
    assert (trusted.size, newest.size) == (8, 12)
    assert trusted.note.endswith("\n\u2014 w1 AAAAAAAA\n\u2014 w2 AAAAAAAA\n")
    assert " w1 " not in newest.note


async def test_the_global_log(
    app: Connection, filling: Filling, queries: LedgerReader, signatures: Signatures
) -> None:
    for _ in range(3):
        await record(filling, {"acme": 4, "umbrella": 2})
        await follow(app)
        await signatures.sign()
    whole = await queries.newest(GLOBAL, trusted=True)
    assert whole is not None
    assert whole.size == 3
    entries = await queries.entries(GLOBAL, 1, 3)
    tiles = await queries.hashes(GLOBAL, [Tile(0, 0, 3)])
    assert tiles == {Tile(0, 0, 3): b"".join(map(leaf_hash, entries))}
    root = tree_root(map(leaf_hash, entries))
    keys = signatures.keys.verifier_keys(f"{signatures.keys.service_origin}/{GLOBAL}")
    assert open_checkpoint(whole.note, keys).checkpoint.root == root


@pytest.mark.parametrize("tenant", ["acme", "umbrella"])
async def test_what_a_checkpoint_can_be_chained_to(
    app: Connection, filling: Filling, queries: LedgerReader, signatures: Signatures, tenant: str
) -> None:
    heads = []
    for counts in ({"acme": 4, "umbrella": 2}, {"acme": 1}, {"acme": 1}):
        await record(filling, counts)
        await follow(app)
        await signatures.sign()
        heads.append(await queries.newest(tenant, trusted=True))
    entries = await queries.entries(GLOBAL, 1, 3)
    for head in heads:
        assert head is not None
        found = await queries.anchoring(head)
        assert found is not None
        assert found.whole == await queries.newest(GLOBAL, trusted=True)
        assert found.place == ["acme", "umbrella"].index(tenant)
        assert [one.number for one in found.rounds] == sorted({3, head.round}, reverse=True)
        for one in found.rounds:
            assert hashlib.sha256(one.text.encode()).digest() == entries[one.number - 1]
        own = found.rounds[-1].head_leaves[found.place * 32 : (found.place + 1) * 32]
        assert own == head_leaf(head.note.split("\n\n")[0] + "\n")


async def test_only_what_is_kept_and_trusted_is_chained_to(
    app: Connection, pool: Pool, filling: Filling, signatures: Signatures
) -> None:
    queries = LedgerQueries(pool, witnessed=True)
    for _ in range(3):
        await record(filling, {"acme": 4})
        await follow(app)
        await signatures.sign()
    await app.execute("update ledger_heads set witnessed_size = 8 where tenant_id = 'acme'")
    head = await queries.newest("acme", trusted=True)
    assert head is not None
    assert await queries.anchoring(head) is None
    await app.execute("update ledger_heads set witnessed_size = 2 where tenant_id = %s", (GLOBAL,))
    found = await queries.anchoring(head)
    assert found is not None
    assert (found.whole.size, [one.number for one in found.rounds]) == (2, [2])
    await app.execute("delete from ledger_round_heads where round = 2")
    gone = await queries.anchoring(head)
    assert gone is not None
    assert gone.rounds == []
    assert await queries.anchoring(replace(head, epoch=2)) is None
    assert await queries.anchoring(replace(head, tenant_id="nobody")) is None


async def test_an_event_as_it_is_stored(
    app: Connection, filling: Filling, queries: LedgerReader, signatures: Signatures
) -> None:
    await record(filling, {"acme": 3, "umbrella": 1})
    for wanted in ("evt_3", 2):  # the turns go round: acme, umbrella, acme, acme
        found = await queries.event("acme", wanted)
        assert found is not None
        assert found.row.state == filling.rows[2][-1]
        assert found.row.position == 3
        assert found.ledger_hash_before == filling.rows[0][10]
        assert found.trusted is None
    first = await queries.event("acme", 1)
    assert first is not None
    assert first.ledger_hash_before == GENESIS
    await follow(app)
    await signatures.sign()
    signed = await queries.event("acme", 1)
    assert signed is not None
    assert signed.trusted == await queries.newest("acme", trusted=True)
    for tenant, nothing in (("acme", "evt_2"), ("acme", 4), ("umbrella", 2), ("nobody", 1)):
        assert await queries.event(tenant, nothing) is None


async def test_an_event_behind_a_gap(filling: Filling, queries: LedgerReader) -> None:
    rows = [filling.row(Fact("o")) for _ in range(3)]
    await filling.add_rows([rows[0], rows[2]])
    found = await queries.event("acme", 3)
    assert found is not None
    assert found.ledger_hash_before is None


def erasure(sequence: int, *pointers: str, tenant: str = "acme") -> Fact:
    events = [{"sequence": sequence, "pointers": list(pointers)}]
    return Fact(None, ERASED, {"job_id": "j", "events": events}, tenant=tenant)


@pytest.mark.parametrize("followed", [True, False])
async def test_what_later_events_tell_to_be_erased(
    app: Connection, filling: Filling, queries: LedgerReader, *, followed: bool
) -> None:
    await filling.add(
        erasure(3, "/payload/early"),
        Fact("o"),
        Fact("o"),
        erasure(3, "/payload/note"),
        erasure(4, "/payload/other"),
        erasure(3, "/payload/theirs", tenant="umbrella"),
        Fact("o", ERASED, erasure(3, "/payload/forged").payload),
        erasure(3, "/metadata/ip"),
    )
    if followed:
        await project(app)
    assert await queries.erased("acme", 3) == {"/payload/note", "/metadata/ip"}
    assert await queries.erased("acme", 2) == frozenset()


async def test_an_erasure_whose_bytes_were_changed_tells_nothing(
    filling: Filling, queries: LedgerReader
) -> None:
    rows = [filling.row(fact) for fact in (Fact("o"), erasure(1, "/payload/note"))]
    rows[1] = (*rows[1][:-1], rows[1][-1].replace(b"/note", b"/name"))
    await filling.add_rows(rows)
    assert await queries.erased("acme", 1) == frozenset()


@pytest.mark.parametrize("followed", [True, False])
async def test_bytes_that_are_no_json_hide_no_erasure(
    app: Connection, filling: Filling, queries: LedgerReader, *, followed: bool
) -> None:
    rows = [filling.row(fact) for fact in (Fact("o"), erasure(1, "/payload/note"), Fact("o"))]
    rows[2] = (*rows[2][:-1], b"\xff{" + rows[2][-1])
    await filling.add_rows(rows)
    if followed:
        await project(app)
    assert await queries.erased("acme", 1) == {"/payload/note"}


async def test_one_plan_serves_tiles_and_ranges_of_any_size(
    database_url: str, app: Connection, filling: Filling
) -> None:
    await record(filling, {"acme": 600})
    await follow(app)
    alone = await open_pool(database_url, CELL, min=1, max=1, name="test plans")
    async with alone:
        queries = LedgerQueries(alone, witnessed=False)
        for size in (600, 1, 520, 300, 257, 10, 512, 599, 256, 400):
            await queries.hashes("acme", list(tiles_of(size)))
            await queries.entries("acme", 1, size)
        for part in ("as k(level, tile)", "string_agg(root", "string_agg(entry"):
            kept, new = await plans(alone, part)
            assert kept > 0, "planned anew for each size"
            assert new == 5, "the server tries so often before it keeps a plan"
