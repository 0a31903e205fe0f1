"""One batch, one transaction: lock, load what decides, place, write, commit.

    begin ──▶ (lock, loads) ──▶ write ──▶ (events, what hides values, commit) ──▶ durable

Two trips to the server; the first may be under way behind the second of the batch before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field

from application.ports import (
    Accepted,
    Allowances,
    Beside,
    Clock,
    Duplicate,
    Lane,
    Outcome,
    Refused,
)
from domain.errors import OrderHistoryError, QuotaExceeded
from domain.ledger.append import (
    LedgerEnd,
    Located,
    Repeated,
    TenantEnd,
    Unmoved,
    has_moved,
    place,
)
from domain.orders.events import Draft, Recorded
from domain.tenancy.closing import closing_stream
from infrastructure.event_store import statements as sql
from infrastructure.event_store.columns import event_columns, key_columns, texts
from infrastructure.postgres.arrays import BigintColumn, BytesColumn, TextColumn, UuidColumn
from infrastructure.postgres.wire import Answer, Part, Wire
from infrastructure.privacy.encrypting import encrypt, owners_of
from infrastructure.privacy.keyring import Keyring, KeyRow, Owner


class Request(Struct, eq=False):
    """One submission of `size` bytes. `attempted` keeps, by draft, what an earlier attempt wrote
    before its connection was lost: if the ledger holds just that, the attempt had succeeded.
    """

    drafts: Sequence[Draft]
    size: int
    beside: Beside | None = None
    idempotency: tuple[str, str] | None = None
    atomic: bool = False
    lane: Lane | None = None
    unless_moved: Unmoved = ()
    moved: bool = False
    """A stream of `unless_moved` had moved on when this was tried last: nothing of it is written,
    nor what its sender wants beside it."""
    attempted: dict[int, Recorded] = field(default_factory=dict)
    written: bool = False
    """An earlier attempt had succeeded, and with it what its sender wanted beside it."""

    @property
    def tenant_id(self) -> str:
        return self.drafts[0].tenant_id


class Loading(Struct):
    """Requests whose transaction has begun: the answers hold everything that decides about them,
    once the part is done."""

    requests: Sequence[Request]
    part: Part
    answers: dict[str, Answer]


class Writing(Struct):
    """The outcomes of each request, in order: true once the part is done, and not before."""

    outcomes: list[list[Outcome]]
    part: Part


_SLICE = 64
"""Events that are inserted while others are being placed."""


class _Slice(Struct):
    """Drafts and the events that they became, in step."""

    drafts: list[Draft] = field(default_factory=list)
    events: list[Recorded] = field(default_factory=list)


class Appending:
    """The transaction that puts requests on the ledger of one cell. left: tenants that are closed
    whatever their ledgers say. allowances: what of quotas is left."""

    def __init__(
        self,
        keyring: Keyring,
        clock: Clock,
        *,
        open_tenants: bool = True,
        left: frozenset[str] = frozenset(),
        allowances: Allowances | None = None,
    ) -> None:
        self._keyring = keyring
        self._clock = clock
        self._open_tenants = open_tenants
        self._left = left
        self._allowances = allowances
        self.ahead_us = 0
        """How far the ledger's clock runs ahead of this machine's."""

    def begin(self, wire: Wire, requests: Sequence[Request]) -> Loading:
        """Ask for the lock, and behind it for everything that decides about these requests."""
        drafts = [draft for request in requests for draft in request.drafts]
        ids = {(draft.tenant_id, draft.event_id) for draft in drafts}
        ids |= {(d.tenant_id, d.correction_of) for d in drafts if d.correction_of is not None}
        owners = owners_of(drafts)
        streams = {draft.originator for draft in drafts}
        streams |= {stream for request in requests for stream, _ in request.unless_moved}
        names = {request.tenant_id for request in requests}
        streams |= set(map(closing_stream, names))
        once = {(r.tenant_id, *r.idempotency) for r in requests if r.idempotency}
        tenants = TextColumn(sorted(names))
        part = wire.part()
        part.run("begin")
        part.run(sql.LOCK)
        answers = {
            "last": part.run(sql.LOAD_LAST),
            "heads": part.run(sql.LOAD_HEADS, tenants),
            "versions": part.run(sql.LOAD_VERSIONS, UuidColumn(list(streams))),
            "located": part.run(sql.LOAD_LOCATED, *texts(ids)),
        }
        if owners:
            answers["keys"] = part.run(sql.LOAD_KEYS, *texts(owners))
        if once:
            answers["idempotency"] = part.run(sql.LOAD_IDEMPOTENCY, *texts(once))
        if not self._open_tenants:
            answers["registered"] = part.run(sql.LOAD_REGISTERED, tenants)
        part.end()
        return Loading(requests, part, answers)

    async def write(self, wire: Wire, loading: Loading) -> Writing:
        """Place the requests, and put what they come to on its way, the commit behind it.

        Slice by slice: the server inserts one while the next is being placed.
        """
        await loading.part.done()
        end, keys = self._read(loading)
        new = [name for name, tenant in end.tenants.items() if tenant.sequence == 0]
        part, placed = wire.part(), _Slice()
        results: list[list[Outcome]] = []
        for request in loading.requests:
            outcomes: list[Outcome] = []
            request.moved = has_moved(end, request.unless_moved)
            for drafts in _slices(request):
                outcomes += _place(end, request, drafts, len(outcomes), placed)
                if len(placed.events) >= _SLICE:
                    self._insert(part, placed, keys)
                    placed = _Slice()
            results.append(outcomes)
        self._insert(part, placed, keys)
        self._count_refused(loading.requests, results, end)
        _run_beside(part, loading.requests, results)
        news = [tenant_id for tenant_id in new if end.tenants[tenant_id].sequence]
        if news and self._open_tenants:
            part.run(sql.INSERT_TENANTS, end.received_us, TextColumn(news))
        part.run("commit")
        part.end()
        return Writing(results, part)

    def _read(self, loading: Loading) -> tuple[LedgerEnd, dict[Owner, KeyRow]]:
        rows = {name: answer.rows() for name, answer in loading.answers.items()}
        position, received_us = rows["last"][0] if rows["last"] else (0, 0)
        now = self._clock()
        self.ahead_us = max(0, received_us - now)
        tenants = {request.tenant_id: TenantEnd() for request in loading.requests}
        for tenant_id, sequence, digest in rows["heads"]:
            tenants[tenant_id].sequence, tenants[tenant_id].ledger_hash = sequence, digest
        for tenant_id, event_id, *located in rows["located"]:
            tenants[tenant_id].located[event_id] = Located(*located)
        for tenant_id, caller, key, event_id in rows.get("idempotency", ()):
            tenants[tenant_id].idempotency[caller, key] = event_id
        if not self._open_tenants:
            for tenant_id in tenants.keys() - {row[0] for row in rows["registered"]}:
                tenants[tenant_id].closed = True
        for tenant_id in tenants.keys() & self._left:
            tenants[tenant_id].left = True
        keys = {row[:3]: KeyRow(row[:3], *row[3:]) for row in rows.get("keys", ())}
        received_us = max(now, received_us + 1)
        if self._allowances is not None:
            for tenant_id, tenant in tenants.items():
                tenant.allowance = self._allowances.of(tenant_id, received_us, tenant.sequence)
        return LedgerEnd(position, received_us, tenants, dict(rows["versions"])), keys

    def _count_refused(
        self, requests: Sequence[Request], results: Sequence[list[Outcome]], end: LedgerEnd
    ) -> None:
        """What quotas have refused; looked for only where there is one."""
        for request, outcomes in zip(requests, results, strict=True):
            if self._allowances is None or end.tenants[request.tenant_id].allowance is None:
                continue
            refused = [
                one
                for one in outcomes
                if isinstance(one, Refused) and isinstance(one.error, QuotaExceeded)
            ]
            self._allowances.refused(len(refused))

    def _insert(self, part: Part, placed: _Slice, keys: dict[Owner, KeyRow]) -> None:
        """The events, and what hides their personal values."""
        if not placed.events:
            return
        part.run(
            sql.INSERT_EVENTS,
            placed.events[0].received_us,
            *event_columns(placed.drafts, placed.events),
        )
        part.push()  # the server is at them while the values are being encrypted
        rows, created = encrypt(self._keyring, zip(placed.drafts, placed.events, strict=True), keys)
        if created:
            part.run(sql.INSERT_KEYS, *key_columns(created))
        if rows:
            part.run(
                sql.INSERT_DISCLOSURES,
                TextColumn([row.tenant_id for row in rows]),
                BigintColumn([row.sequence for row in rows]),
                UuidColumn([row.key.key_id.bytes for row in rows]),
                BytesColumn([row.sealed for row in rows]),
            )
            part.push()


def _slices(request: Request) -> Iterator[Sequence[Draft]]:
    """All or none is decided about all at once; so is whether a stream has moved on, which a draft
    of the request itself may move."""
    drafts = request.drafts
    whole = request.atomic or bool(request.unless_moved)
    size = len(drafts) if whole else _SLICE
    return (drafts[start : start + size] for start in range(0, len(drafts), size))


def _place(
    end: LedgerEnd, request: Request, drafts: Sequence[Draft], first: int, into: _Slice
) -> list[Outcome]:
    """The outcomes of some drafts of a request, of which `first` is the index of the first."""
    outcomes: list[Outcome] = []
    placed = place(
        end,
        drafts,
        atomic=request.atomic,
        idempotency=request.idempotency,
        unless_moved=request.unless_moved,
    )
    for index, (draft, result) in enumerate(zip(drafts, placed, strict=True), first):
        if isinstance(result, Recorded):
            request.attempted[index] = result
            into.drafts.append(draft)
            into.events.append(result)
            outcomes.append(Accepted(result))
        else:
            outcomes.append(_outcome(request, index, result))
    return outcomes


def _outcome(request: Request, index: int, result: Repeated | OrderHistoryError) -> Outcome:
    """Of a draft that is not written now."""
    if not isinstance(result, Repeated):
        return Refused(result)
    ours = request.attempted.get(index)
    if ours is not None and ours.entry == result.entry:
        request.written = True
        return Accepted(ours)
    return Duplicate(result.position, result.sequence)


def _run_beside(part: Part, requests: Sequence[Request], results: Sequence[list[Outcome]]) -> None:
    """What is remembered of a request's key, and what its sender wants beside it."""
    keys: list[tuple[str, str, str, str, int]] = []
    for request, outcomes in zip(requests, results, strict=True):
        if request.idempotency is not None:
            sequence = _sequence(outcomes[0])
            if sequence is not None:
                event_id = request.drafts[0].event_id
                keys.append((request.tenant_id, *request.idempotency, event_id, sequence))
        if request.beside is not None and not request.written and not request.moved:
            for statement, parameters in request.beside(outcomes):
                part.run(statement, *parameters)
    if keys:
        *texts, sequences = zip(*keys, strict=True)
        part.run(sql.INSERT_IDEMPOTENCY, *map(TextColumn, texts), BigintColumn(sequences))


def _sequence(outcome: Outcome) -> int | None:
    if isinstance(outcome, Accepted):
        return outcome.event.sequence
    return outcome.sequence if isinstance(outcome, Duplicate) else None
