"""What of an order's events is a person's: everything, where the order is theirs; else a share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from domain.erasure.places import Named, Value, every, is_customer
from domain.erasure.subjects import Subject
from domain.orders.events import EventBody, decode_body


def values_of(state: bytes, disclosed: Mapping[str, Any]) -> list[Value]:
    """The values of an event that are disclosed, in their order."""
    return [one for one in all_of(decode_body(state), disclosed) if one.digest in disclosed]


def all_of(body: EventBody, disclosed: Mapping[str, Any]) -> list[Value]:
    """The same with those that are not disclosed, whose value is None."""
    found = every(msgspec.json.decode(body.payload), "payload", disclosed)
    if body.metadata is not msgspec.UNSET:
        found += every(msgspec.json.decode(body.metadata), "metadata", disclosed)
    return found


class Share:
    """Tells what of an order that is not known to be the person's own is theirs. Every event is to
    be looked at before any is asked for. is_whole: the order is theirs after all, as far as was
    looked: they are its customer. alias: the address that stands for theirs where values have
    pseudonyms."""

    def __init__(self, subject: Subject, alias: str | None = None) -> None:
        self._id = subject.id
        self._addresses = [one for one in (subject.email, alias) if one is not None]
        self._named = Named(*self._addresses) if self._addresses else None
        self.is_whole = False

    def look(self, values: Sequence[Value]) -> None:
        """At the values of an event."""
        if self._named is not None:
            self.is_whole = self.is_whole or is_customer([values], *self._addresses)
            self._named.look(values)

    def of(self, payload: bytes, values: Sequence[Value]) -> list[Value]:
        """Those of the values of an event with this payload, or of a snapshot with this state, that
        are theirs; of an order of somebody else's."""
        if self._named is not None:
            return self._named.of(values)
        if not names_customer(payload, self._id):
            return []
        return [one for one in values if one.path[0] != "metadata"]


def names_customer(payload: bytes, customer_id: str | None) -> bool:
    """Whether a payload says that this is the customer."""
    said = msgspec.json.decode(payload)
    customer = said.get("customer")
    ids = (said.get("customer_id"), customer.get("id") if type(customer) is dict else None)
    return customer_id in ids
