"""The lines of an answer: JSON, each with its `kind`; what one shows is noted in a Shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Raw, UnsetType

from application.access_log.ports import Logged
from application.orders.views import event_view, showing
from application.ports import StoredRow
from application.snapshots.ports import SnapshotRow
from application.subject_access.ports import Kept
from domain.access.log import Entry
from domain.erasure.places import Value
from domain.orders.events import EventBody
from domain.privacy.revealing import ERASED, Shown, digests, holds_personal, mask_some
from domain.privacy.sealing import Opened
from domain.times import format_known, format_us


class Line(Protocol):
    """Makes a line."""

    def __call__(self, shown: Shown, /) -> bytes:
        """JSON without a line's end; what it shows is noted."""
        ...


_ERASED = Raw(ERASED)


def plain(kind: str, **said: Any) -> Line:
    """A line that shows no personal value."""
    encoded = msgspec.json.encode({"kind": kind, **said})
    return lambda _: encoded


def event(row: StoredRow, body: EventBody, disclosed: Opened, actor: str | None) -> Line:
    """A whole event, as `GET /events/{event_id}` shows it. What is personal to who did it stays
    masked, unless that is the `actor`."""
    hidden = _of_another(body.metadata, actor)

    def line(shown: Shown) -> bytes:
        show = showing(disclosed, shown)
        view = event_view(row, lambda encoded: show(mask_some(encoded, hidden)))
        return b'{"kind":"event",%b' % view[1:]

    return line


def snapshot(row: SnapshotRow, disclosed: Opened, actor: str | None) -> Line:
    """A whole snapshot."""
    hidden = _of_another(UNSET if row.metadata is None else Raw(row.metadata), actor)
    encoded = msgspec.json.encode(
        {
            "kind": "snapshot",
            "snapshot_id": row.snapshot_id,
            "order_id": row.order_id,
            "captured_at": row.captured_at,
            "sequence": row.sequence,
            "source": row.source,
            "state": Raw(row.state),
            "metadata": None if row.metadata is None else Raw(row.metadata),
        }
    )

    def line(shown: Shown) -> bytes:
        show = showing(disclosed, shown, lambda _: row.order_id)
        return show(mask_some(encoded, hidden))

    return line


def values(
    kind: str,
    about: Mapping[str, Any],
    order_id: str | None,
    some: Sequence[Value],
    disclosed: Opened,
) -> Line:
    """Some values of an event or of a snapshot, of an order of somebody else's or of none."""

    def line(shown: Shown) -> bytes:
        names = [_name(one) for one in some if one.digest in disclosed]
        if names:
            shown.note(names, len(names))
            if order_id is not None:
                shown.orders.add(order_id)
        told = [
            {"pointer": one.pointer, "value": disclosed.get(one.digest, _ERASED)} for one in some
        ]
        return msgspec.json.encode({"kind": kind, **about, "values": told})

    return line


def about_event(sequence: int, body: EventBody) -> dict[str, Any]:
    """What is told of an event that is not shown whole."""
    return {
        "event_id": body.event_id,
        "type": body.type,
        "occurred_at": body.occurred_at,
        "sequence": sequence,
        "source": body.source,
    }


def recipient(order_id: str, entry: Entry) -> Line:
    """Who was shown personal values of an order (Art. 15(1)(c)); not why, nor from where: that is
    personal to them."""
    return _of_log(
        plain(
            "recipient",
            order_id=order_id,
            at=format_us(entry.at_us),
            subject=entry.subject,
            operation=entry.operation,
            endpoint=entry.endpoint,
            fields=entry.fields,
        )
    )


def read(logged: Logged) -> Line:
    """What the person was shown of others, as who works here; why, and from where."""
    entry, disclosed = logged.entry, logged.disclosed
    given = {"reason": entry.reason, "address": entry.address}
    told = {
        name: None if digest is None else disclosed.get(digest, _ERASED)
        for name, digest in given.items()
    }
    names = [name for name, digest in given.items() if digest in disclosed]
    encoded = plain(
        "read",
        at=format_us(entry.at_us),
        operation=entry.operation,
        endpoint=entry.endpoint,
        **told,
    )

    def line(shown: Shown) -> bytes:
        if names:
            shown.note(names, len(names))
        return encoded(shown)

    return _of_log(line)


def kept(one: Kept) -> Line:
    """Why something is kept, and until when."""
    where = {} if one.order_id is None else {"order_id": one.order_id}
    return plain(
        "kept", ground=one.ground, **where, until=format_known(one.until_us), **one.details
    )


def _of_log(line: Line) -> Line:
    """Reading the access log is logged, whatever it shows."""

    def logged(shown: Shown) -> bytes:
        shown.always = True
        return line(shown)

    return logged


def _of_another(metadata: Raw | UnsetType, actor: str | None) -> Sequence[str]:
    """The digests of metadata that another person's data key hides."""
    if metadata is UNSET or not holds_personal(bytes(metadata)):
        return ()
    doer = msgspec.json.decode(metadata).get("actor_id")
    if type(doer) is not str or not doer or doer == actor:
        return ()
    return digests(bytes(metadata))


def _name(value: Value) -> str:
    """Under which a value stands; of an item of a list, that of the list."""
    return next((step for step in reversed(value.path) if type(step) is str), "")
