"""The ledger as a tiled log (C2SP tlog-tiles): a tenant's, and the global one over all of them.

Both serve exactly the bytes of that specification. The global log holds digests alone, so any
tenant's auditor may follow it.
"""

from __future__ import annotations

from litestar.types import ASGIApp

from application.ledger.ports import GLOBAL
from domain.access.permissions import Permission
from domain.errors import NotFound
from domain.ledger.faults import Malformed
from domain.ledger.tiles import HEIGHT, WIDTH, Tile, encode_entries, parse_bundle_path
from interfaces.http.answers import OCTETS, READ_HEADERS, TEXT, Answer, resource
from interfaces.http.caller import ApiRequest
from interfaces.http.endpoint import IF_NONE_MATCH, Reply, endpoint, problems

_TLOG = "/tlog/"
_ENTRIES = "tile/entries/"
_NO_TILE = "there is no such tile in the log"
_IMMUTABLE = (
    (b"content-type", OCTETS.encode()),
    (b"cache-control", b"private, max-age=31536000, immutable"),
    READ_HEADERS[1],
)
_CHECKPOINT = {
    200: Reply("A C2SP tlog-checkpoint: a signed note.", {"type": "string"}, TEXT,
               headers=("ETag",)),
    304: Reply("The caller has it already.", headers=("ETag",)),
    **problems(404, 503),
}  # fmt: skip
_TILE = {
    200: Reply("Hashes of 32 bytes; or entries, each behind its length as two bytes.",
               {"type": "string", "format": "binary"}, OCTETS),
    304: Reply("The caller has them already.", headers=("ETag",)),
    **problems(404, 503),
}  # fmt: skip


@endpoint(
    "GET",
    "/ledger/tlog/checkpoint",
    permission=Permission.LEDGER_PROVE,
    summary="The newest checkpoint of the ledger",
    tag="Ledger",
    headers=(IF_NONE_MATCH,),
    replies=_CHECKPOINT,
)
async def get_checkpoint(request: ApiRequest) -> ASGIApp:
    """With the cosignatures that it has got so far. 404 before the first one."""
    return await _checkpoint(request, request.caller.tenant_id)


@endpoint(
    "GET",
    "/ledger/tlog/tile/{tile:path}",
    permission=Permission.LEDGER_PROVE,
    summary="A tile of the ledger, or a bundle of entries",
    tag="Ledger",
    headers=(IF_NONE_MATCH,),
    replies=_TILE,
)
async def get_tile(request: ApiRequest) -> ASGIApp:
    """`<level>/<number>`, with `.p/<width>` for a partial one; `entries/<number>` for the entries
    beside a tile of level 0. Those of the newest checkpoint's tree and of trees before it; full
    ones never change."""
    return await _tile(request, request.caller.tenant_id)


@endpoint(
    "GET",
    "/ledger/global/tlog/checkpoint",
    permission=Permission.LEDGER_PROVE,
    summary="The newest checkpoint of the global log",
    tag="Ledger",
    headers=(IF_NONE_MATCH,),
    replies=_CHECKPOINT,
)
async def get_global_checkpoint(request: ApiRequest) -> ASGIApp:
    """Of the log over all tenants' ledgers, which has a leaf for each round of signing."""
    return await _checkpoint(request, GLOBAL)


@endpoint(
    "GET",
    "/ledger/global/tlog/tile/{tile:path}",
    permission=Permission.LEDGER_PROVE,
    summary="A tile of the global log, or a bundle of entries",
    tag="Ledger",
    headers=(IF_NONE_MATCH,),
    replies=_TILE,
)
async def get_global_tile(request: ApiRequest) -> ASGIApp:
    """As of a tenant's ledger. It holds digests, and tells nothing of any tenant."""
    return await _tile(request, GLOBAL)


async def _checkpoint(request: ApiRequest, log: str) -> Answer:
    head = await request.services.ledger.newest(log, trusted=False)
    if head is None:
        raise NotFound("nothing is signed yet")
    return resource(request, head.note.encode(), media_type=TEXT)


async def _tile(request: ApiRequest, log: str) -> Answer:
    ledger = request.services.ledger
    # As it was asked for: nothing is to be made good in a path that names a file elsewhere.
    path = str(request.scope["path"]).split(_TLOG, 1)[1]
    bundle = path.startswith(_ENTRIES)
    try:
        tile = Tile(0, *parse_bundle_path(path)) if bundle else Tile.parse(path)
    except Malformed:
        raise NotFound(_NO_TILE) from None
    head = await ledger.newest(log, trusted=False)
    last = tile.index * WIDTH + tile.width
    if head is None or last > head.size >> (HEIGHT * tile.level):
        raise NotFound(_NO_TILE)
    if bundle:
        body = encode_entries(await ledger.entries(log, tile.index * WIDTH + 1, last))
    else:
        body = (await ledger.hashes(log, [tile]))[tile]
    if tile.width == WIDTH:
        return Answer(200, _IMMUTABLE, body)
    return resource(request, body, media_type=OCTETS)


HANDLERS = (get_checkpoint, get_tile, get_global_checkpoint, get_global_tile)
