"""What a tenant's leaving needs from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from application.ledger.exporting import Bundle
from domain.ledger.notes import NoteSignature
from domain.tenancy.closing import Closed

Tell = Callable[[str], None]
"""Told of each step, in a line."""
Progress = Callable[[int, int], None]
"""Told (done, in all) of the step that is under way."""


class Leaving(Struct, frozen=True):
    """How far a tenant is whose export is whole, kept apart from the database.

    origin, size, root (base64): of the checkpoint that covers all of its ledger; manifest: SHA-256
    of the export's. held: what each store had when its destruction began. certificate: the signed
    note, once nothing was left.
    """

    tenant_id: str
    closed: Closed
    origin: str
    size: int
    root: str
    manifest: str
    held: Mapping[str, int] = {}
    certificate: str | None = None


class Leavings(Protocol):
    """Who leaves, or has left. No restored backup changes it. Raises KeyUnavailable."""

    def tenants(self) -> frozenset[str]:
        """Those whose export is whole."""
        ...

    def certified(self) -> frozenset[str]:
        """Those of whom nothing was left."""
        ...

    def of(self, tenant_id: str) -> Leaving | None: ...

    def keep(self, leaving: Leaving) -> None:
        """Durable on return."""
        ...


class ServedTenants(Protocol):
    """Which tenants are served here, as it was a second ago at most."""

    def known_to_be_here(self, tenant_id: str) -> bool:
        """Whether it was looked at within that time, and is served; without waiting."""
        ...

    async def is_here(self, tenant_id: str) -> bool:
        """Whether it is served; one that has left never is again."""
        ...


class Source(Protocol):
    """Something that is kept of a tenant beside its ledger. name: the file of it in an export;
    holds: what a line of that is."""

    @property
    def name(self) -> str: ...

    @property
    def holds(self) -> str: ...

    def lines(self, tenant_id: str) -> AsyncIterator[bytes]:
        """JSON objects, none with a line feed in it. Raises Unavailable, KeyUnavailable."""
        ...


class Store(Protocol):
    """Something that is destroyed when a tenant leaves. name: as a certificate names it. follows:
    it is made of what the stores before it hold, and is costly to count."""

    @property
    def name(self) -> str: ...

    @property
    def follows(self) -> bool: ...

    async def count(self, tenant_id: str) -> int:
        """How much of the tenant is there. Raises Unavailable, KeyUnavailable."""
        ...

    async def destroy(self, tenant_id: str, progress: Progress) -> None:
        """In transactions of bounded size; may be cut off and done again."""
        ...


class ExportPlace(Protocol):
    """The directory that an export goes to. Raises ExportRefused, OSError."""

    def manifest(self) -> bytes | None:
        """That of the whole export that is there; None: there is none."""
        ...

    def check_new(self) -> None:
        """Whether an export can be written there; raises as `new` would."""
        ...

    def new(self) -> AbstractContextManager[Bundle]:
        """An export to be written: there whole and flushed after the block, or not at all."""
        ...

    def digest(self, path: str) -> str | None:
        """The SHA-256 of a file that is there, in hexadecimal."""
        ...

    def certify(self, note: str) -> str:
        """Put the certificate beside the rest, flushed; where it is."""
        ...


class Settled(Protocol):
    """What goes on after a tenant was closed, until it is over."""

    async def __call__(self, tenant_id: str, closed: Closed, tell: Tell) -> None:
        """Return once no process serves the tenant any more, what it did is kept where an export
        finds it, and a checkpoint covers the closing event. Raises Unavailable, saying what it
        waited for in vain."""
        ...


class SignsText(Protocol):
    """The keys of the logs. Raises KeyUnavailable."""

    def sign_text(self, origin: str, text: str) -> tuple[NoteSignature, ...]: ...
