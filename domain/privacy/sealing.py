"""Sealing an event: personal values leave the body for salted digests (formats.md).

Modelled on SD-JWT (RFC 9901), in place: the value's disclosure is
base64url(JSON [salt, name, value]), and the body carries {"_sd": base64url(SHA-256(disclosure))}.
Base64url is without padding throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any
from uuid import UUID

import msgspec

from domain import canonical
from domain.ledger.sealing import frame_of
from domain.orders.events import Content, Disclosed, Draft, Incoming
from domain.privacy.classify import NO_MARKS, Marks, Path, personal_paths
from domain.privacy.texts import base64url, digest_of, disclosure, parts

TOPIC = "order.recorded"
PLACEHOLDER = "_sd"

ORDERS = UUID("43ac8ebb-bcd1-4245-a623-15fd111110e9")
"""Namespace of orders' originator ids. Drawn once; can never change."""

HISTORY = UUID("bc419c07-d3bb-4cae-ae5d-125c4ce31c9b")
"""Namespace of the streams of the service's own acts. Drawn once; can never change."""

SALT_BYTES = 16

_UUID_MASK = ~(0xF000 << 64 | 0xC000 << 48)
_UUID_VERSION_5 = 5 << 76 | 0x8000 << 48
_encode = msgspec.json.Encoder(order="deterministic").encode


def seal(
    incoming: Incoming,
    tenant_id: str,
    marks: Marks = NO_MARKS,
    *,
    random_bytes: Callable[[int], bytes],
) -> Draft:
    """The draft of an order's event that was read and checked; arguments as for `conceal`."""
    content, disclosed = conceal(incoming, tenant_id, marks, random_bytes=random_bytes)
    order = originator(tenant_id, incoming.order_id)
    return draft_of(content, disclosed, order, TOPIC, metered=True)


def conceal(
    incoming: Incoming,
    tenant_id: str,
    marks: Marks = NO_MARKS,
    *,
    random_bytes: Callable[[int], bytes],
    owner: tuple[str, str] | None = None,
) -> tuple[Content, tuple[Disclosed, ...]]:
    """What the event says with its personal values as digests, and these values by owner.

    `marks` are the schema's `x-pii` marks of the payload; `random_bytes(n)` gives n bytes from a
    cryptographic source, asked once. `owner`: of what its payload hides; its order if left out. The
    incoming event stays as it is.
    """
    payload_paths = personal_paths(incoming.payload, incoming.type, marks)
    metadata = incoming.metadata
    metadata_paths = personal_paths(metadata, incoming.type) if metadata else []
    salts = _salts(1 + len(payload_paths) + len(metadata_paths), random_bytes)
    order = owner or ("order", incoming.order_id)
    disclosures: dict[tuple[str, str], list[str]] = {}
    payload = incoming.payload
    if payload_paths:
        payload, disclosures[order] = _sealed(payload, payload_paths, salts[1:])
    if metadata is not None and metadata_paths:
        actor = metadata.get("actor_id")
        doer = ("actor", actor) if type(actor) is str and actor else order
        metadata, more = _sealed(metadata, metadata_paths, salts[1 + len(payload_paths) :])
        disclosures.setdefault(doer, []).extend(more)
    content = Content(
        tenant_id,
        incoming.event_id,
        incoming.order_id,
        None,
        incoming.occurred_at,
        incoming.source,
        incoming.type,
        incoming.schema_version,
        canonical.encode(payload),
        None if metadata is None else canonical.encode(metadata),
        _encode(incoming.redactions) if incoming.redactions else None,
        incoming.correction_of,
        salts[0],
    )
    return content, tuple(Disclosed(who, ".".join(all_)) for who, all_ in disclosures.items())


def draft_of(
    content: Content,
    disclosed: tuple[Disclosed, ...],
    originator_id: UUID,
    topic: str,
    *,
    metered: bool = False,
) -> Draft:
    """The draft of an event of the order, or of the stream of acts, with this originator id.
    metered: a quota may refuse it."""
    return Draft(
        content.tenant_id,
        originator_id.bytes,
        topic,
        content.event_id,
        content.correction_of,
        frame_of(content),
        disclosed,
        metered=metered,
    )


@lru_cache(maxsize=10_000)  # an order's events come close together
def originator(tenant_id: str, order_id: str) -> UUID:
    """UUIDv5(UUIDv5(ORDERS, tenant), order id)."""
    return UUID(bytes=originator_bytes(tenant_id, order_id))


def originator_bytes(tenant_id: str, order_id: str) -> bytes:
    """The 16 bytes of an originator id, not remembered: for many at once."""
    return _uuid5(_namespace(ORDERS, tenant_id), order_id)


def history_originator(tenant_id: str, stream: str) -> UUID:
    """UUIDv5(UUIDv5(HISTORY, tenant), stream): never that of an order."""
    return UUID(bytes=_uuid5(_namespace(HISTORY, tenant_id), stream))


class Opened(dict[str, Any]):
    """digest -> value of what is disclosed; `names`: digest -> the name of the field it is in;
    `replaced`: the digests whose values are not those that were recorded, `originals`: those of
    them whose recorded value is known nevertheless, and is the one here."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.replaced: set[str] = set()
        self.originals: set[str] = set()

    def add(self, text: str) -> None:
        """Take in what the disclosures of a `Disclosed` say. Raises ValueError for damaged ones."""
        names = self.names
        for digest, name, value, is_replaced in parts(text):
            self[digest] = value
            names[digest] = name
            if is_replaced:
                self.replaced.add(digest)

    @property
    def recorded(self) -> Mapping[str, Any]:
        """Without what is replaced."""
        if not self.replaced:
            return self
        return {digest: self[digest] for digest in self.keys() - self.replaced}


def disclose(
    values: Mapping[str, Any], random_bytes: Callable[[int], bytes]
) -> tuple[dict[str, str], str]:
    """name -> digest of these values, and the text of their disclosures, as in a `Disclosed`: for
    what is no event. `random_bytes` as for `conceal`."""
    salts = _salts(len(values), random_bytes)
    disclosures = {
        name: disclosure(salt, name, value)
        for (name, value), salt in zip(values.items(), salts, strict=True)
    }
    digests = {name: digest_of(one) for name, one in disclosures.items()}
    return digests, b".".join(disclosures.values()).decode()


def open_disclosures(text: str) -> Opened:
    """What the disclosures of a `Disclosed` say. Raises ValueError for damaged ones."""
    opened = Opened()
    opened.add(text)
    return opened


def reveal(value: Any, disclosed: Mapping[str, Any], *, otherwise: Any) -> Any:
    """The value with each placeholder replaced by what its digest discloses, or by `otherwise`."""
    kind = type(value)
    if kind is list:
        return [reveal(item, disclosed, otherwise=otherwise) for item in value]
    if kind is not dict:
        return value
    digest = value.get(PLACEHOLDER)
    if digest is not None:
        return disclosed.get(digest, otherwise)
    return {key: reveal(item, disclosed, otherwise=otherwise) for key, item in value.items()}


def sealed_places(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], bool]:
    """Marks for the places of a value's placeholders: whatever a field is called, what was
    personal where it came from is so here."""
    kind = type(value)
    if kind is dict and PLACEHOLDER in value:
        return {path: True}
    members = value.items() if kind is dict else (("*", item) for item in value)
    return {
        place: True
        for name, inner in members
        if type(inner) in (dict, list)
        for place in sealed_places(inner, (*path, name))
    }


def _sealed(
    body: dict[str, Any], paths: Sequence[Path], salts: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The body with digests at the paths, sharing with the old one what did not change; and the
    disclosures of what they stand for."""
    sealed = dict(body)
    copies: dict[Path, Any] = {(): sealed}
    disclosures = []
    for path, salt in zip(paths, salts, strict=False):
        holder = _own_copy(copies, path[:-1])
        name = path[-1]
        made = disclosure(salt, str(name), holder[name])
        holder[name] = {PLACEHOLDER: digest_of(made)}
        disclosures.append(made.decode())
    return sealed, disclosures


def _own_copy(copies: dict[Path, Any], path: Path) -> Any:
    """The copy of the object or list at a path, made and put into its holder when first asked."""
    found = copies.get(path)
    if found is None:
        holder = _own_copy(copies, path[:-1])
        found = holder[path[-1]] = holder[path[-1]].copy()
        copies[path] = found
    return found


def _salts(count: int, random_bytes: Callable[[int], bytes]) -> list[str]:
    drawn = random_bytes(SALT_BYTES * count)
    return [
        base64url(drawn[start : start + SALT_BYTES]) for start in range(0, len(drawn), SALT_BYTES)
    ]


@lru_cache(maxsize=10_000)
def _namespace(root: UUID, tenant_id: str) -> bytes:
    return _uuid5(root.bytes, tenant_id)


def _uuid5(namespace: bytes, name: str) -> bytes:
    """The bytes of uuid.uuid5, without its detour over UUIDs."""
    digest = sha1(namespace + name.encode(), usedforsecurity=False).digest()
    bits = int.from_bytes(digest[:16], "big") & _UUID_MASK | _UUID_VERSION_5
    return bits.to_bytes(16, "big")
