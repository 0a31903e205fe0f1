"""Finding all that is kept of a person, by the read models, once they have all that is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from application.ports import EventReader
from application.search.ports import Key, Order
from application.search.searching import Search
from domain.erasure.subjects import Subject
from domain.errors import Unavailable
from domain.search.fields import FIELDS
from domain.search.query import Any, Match, Node
from domain.search.values import read_ident

PATIENCE = 30.0
"""Seconds that a job waits for the read models."""
_PAGE = 1000
_BY_SEQUENCE = Order("sequence", descending=False)


class CustomersOrders(Protocol):
    """The orders read model, as far as it is asked here."""

    async def wait_for(self, tenant: str, sequence: int, timeout: float) -> bool: ...

    async def left_out(self, tenant: str) -> bool:
        """Whether events of the tenant are missing, for they could not be taken."""
        ...

    async def of_customer(self, tenant: str, customer_id: str) -> Sequence[str]:
        """All orders whose customer this is now."""
        ...


class Found(Struct, frozen=True):
    """whole: orders of the person's own. named: others in which the person is, or may be, named.
    actor: the id under which the person may have acted. alias: the address that stands for theirs,
    where it is known by that. head: the sequence up to which all events were looked through."""

    whole: list[str]
    named: list[str]
    actor: str | None
    alias: str | None = None
    head: int = 0


def merged(one: Found, other: Found) -> Found:
    """What either has."""
    whole = list(dict.fromkeys((*one.whole, *other.whole)))
    own = set(whole)
    named = dict.fromkeys((*one.named, *other.named))
    rest = [order for order in named if order not in own]
    return Found(whole, rest, other.actor or one.actor, head=max(one.head, other.head))


class FindSubject:
    """Finds orders and actors. Free texts of other persons' orders are not looked through: they are
    found by no index. pseudonym: given a tenant and an email address, the one that stands for it.
    """

    def __init__(
        self,
        orders: CustomersOrders,
        search: Search,
        reader: EventReader,
        pseudonym: Callable[[str, str], str],
        patience: float = PATIENCE,
    ) -> None:
        self._orders = orders
        self._search = search
        self._reader = reader
        self._pseudonym = pseudonym
        self._patience = patience

    async def __call__(self, tenant_id: str, subject: Subject, after: int = 0) -> Found:
        """after: events up to this sequence were looked through before, for who names the person;
        whose an order is is asked anew. Raises Unavailable while the read models have not all that
        is recorded by now."""
        head = (await self._reader.head(tenant_id)).sequence
        if not await self._orders.wait_for(tenant_id, head, self._patience):
            raise Unavailable("the read models have not all that is recorded yet")
        found = await self._found(tenant_id, subject, after, head)
        if await self._orders.left_out(tenant_id):  # also after a rebuild that came in between
            raise Unavailable("the read models lack events that they could not take; see `doctor`")
        return found

    async def _found(self, tenant_id: str, subject: Subject, after: int, head: int) -> Found:
        if subject.email is not None:
            alias = await asyncio.to_thread(self._pseudonym, tenant_id, subject.email)
            addresses = subject.email, alias
            asked = [read_ident(one, exact=True, personal=True) for one in addresses]
            node: Node = Any(tuple(asked))
            named = await self._named(tenant_id, node, after)
            return Found([], named, None, alias, head)
        assert subject.id is not None, "a subject is one of the two"
        whole = list(await self._orders.of_customer(tenant_id, subject.id))
        fields = FIELDS["payload.customer_id"], FIELDS["payload.customer.id"]
        node = Any(tuple(Match(field, "eq", subject.id) for field in fields))
        named = await self._named(tenant_id, node, after)
        own = set(whole)
        rest = [one for one in named if one not in own]
        return Found(whole, rest, subject.id, head=head)

    async def _named(self, tenant_id: str, node: Node, after: int) -> list[str]:
        found: dict[str, None] = {}
        key: Key | None = (after,) if after else None
        while True:
            page = await self._search.events(tenant_id, node, _BY_SEQUENCE, key, _PAGE)
            found.update((hit.order_id, None) for hit in page.hits if hit.order_id is not None)
            if page.next is None:
                return list(found)
            key = page.next
