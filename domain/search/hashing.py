"""Terms as an index has them: keyed hashes, of which nobody without the key learns a word.

A term is BLAKE2b (RFC 7693), keyed, of 8 bytes, over tenant NUL kind NUL field NUL value in UTF-8;
a question has it as a signed big-endian integer. No tenant, kind or field holds a NUL, so no two
terms are one text; the tenant in it keeps the terms of tenants apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from domain.search.fields import Field
from domain.search.query import Scalar
from domain.search.terms import MOST_TERMS, Found, Said, Term, pair_value

KEY_BYTES = 32
_HASH_BYTES = 8
_REMEMBERED = 50_000
"""Values whose hashes are kept, of all tenants; some 20 MB."""
_LONGEST_REMEMBERED = 100
_COMMON = frozenset(("word", "exists"))
_MOST_COMMON = 10_000
"""Terms that most values share with others, of a tenant."""


class TermHash:
    """Hashes the terms of events, and those of questions, with the secret of an installation.

    Not for several threads. Raises ValueError for a secret that has not KEY_BYTES.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"the secret must have {KEY_BYTES} bytes")
        self._keyed = blake2b(digest_size=_HASH_BYTES, key=secret)
        self._tenants: dict[str, _Tenant] = {}
        self._remembered = 0
        self.fingerprint = blake2b(b"search", digest_size=16, key=secret).digest()
        """Tells one secret from another, and nothing else about it."""

    def word(self, tenant_id: str, word: str) -> int:
        """word: as `words.words` gives it."""
        return self._asked(tenant_id, ("word", "", word))

    def ident(self, tenant_id: str, value: str) -> int:
        """value: as `words.ident` gives it."""
        return self._asked(tenant_id, ("ident", "", value))

    def email(self, tenant_id: str, address: str) -> int:
        """address: as `words.email` gives it."""
        return self._asked(tenant_id, ("email", "", address))

    def phone(self, tenant_id: str, digits: str) -> int:
        """digits: as `words.phone` gives them."""
        return self._asked(tenant_id, ("phone", "", digits))

    def pair(self, tenant_id: str, field: Field, value: Scalar) -> int:
        """The field, indexed and of a payload or metadata, has the value; a time as
        microseconds."""
        return self._asked(tenant_id, ("pair", field.name, pair_value(field, value) or ""))

    def exists(self, tenant_id: str, field: Field) -> int:
        """The field, indexed and of a payload or metadata, has a value."""
        return self._asked(tenant_id, ("exists", field.name, ""))

    def of_event(self, tenant_id: str, said: Said) -> tuple[list[bytes], set[str]]:
        """The hashes of what an event says, each of 8 bytes, in ascending order; and its
        identifiers."""
        tenant = self._tenant(tenant_id)
        memory = tenant.memory
        hashes: list[bytes] = []
        idents: set[str] = set()
        for found in said.found:
            known = memory.get(found) or self._learn(tenant, found)
            hashes += known[0]
            if known[1]:
                idents.add(known[1])
        distinct = set(hashes)
        if len(distinct) > MOST_TERMS:
            distinct = {tenant.hash(term) for term in said.terms()}
        return sorted(distinct), idents

    def with_personal(
        self, tenant_id: str, hashes: Iterable[bytes], personal: Iterable[Term]
    ) -> list[bytes]:
        """The hashes of an event and those of the terms for what is disclosed of it."""
        tenant = self._tenant(tenant_id)
        return sorted({*hashes, *(tenant.hash(term) for term in personal)})

    def _asked(self, tenant_id: str, term: Term) -> int:
        return int.from_bytes(self._tenant(tenant_id).hash(term), signed=True)

    def _learn(self, tenant: _Tenant, found: Found) -> tuple[list[bytes], str]:
        place, value = found[0], found[1]
        terms = place.terms(value)
        ident = terms[0][2] if terms and terms[0][0] == "ident" else ""
        known = [tenant.hash(term) for term in terms], ident
        if type(value) is not str or len(value) <= _LONGEST_REMEMBERED:
            tenant.memory[found] = known
            self._remembered += 1
        return known

    def _tenant(self, tenant_id: str) -> _Tenant:
        if self._remembered > _REMEMBERED:
            self._tenants.clear()
            self._remembered = 0
        tenant = self._tenants.get(tenant_id)
        if tenant is None:
            tenant = self._tenants[tenant_id] = _Tenant(self._keyed.copy(), tenant_id)
            self._remembered += 1
        return tenant


class _Tenant:
    """What is hashed of one tenant: the state behind its id, and hashes that come again."""

    __slots__ = ("_begun", "_common", "memory")

    def __init__(self, keyed: Any, tenant_id: str) -> None:
        keyed.update(f"{tenant_id}\0".encode())
        self._begun = keyed
        self._common: dict[Term, bytes] = {}
        self.memory: dict[Found, tuple[list[bytes], str]] = {}

    def hash(self, term: Term) -> bytes:
        common = term[0] in _COMMON
        if common and (known := self._common.get(term)) is not None:
            return known
        state = self._begun.copy()
        state.update("\0".join(term).encode())
        hashed: bytes = state.digest()
        if common and len(self._common) < _MOST_COMMON:
            self._common[term] = hashed
        return hashed
