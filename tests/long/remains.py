"""Looking for values wherever they may be left: plain, encoded, hashed, and within what is sealed,
with every key that there is."""

from __future__ import annotations

import hashlib
import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg import Connection

from infrastructure.key_store import durable

_NONCE, _TAG = 12, 16
SEALED = """
select 'disclosures', sealed from disclosures union all
select 'access_log_personal', sealed from access_log_personal union all
select 'job_lines', sealed from job_lines union all
select 'job_chunks', sealed from job_chunks union all
select 'jobs', decode(request ->> 'subject', 'base64') from jobs where request ? 'subject'
"""
WRAPPED = "select key_id, wrapped from data_keys where wrapped is not null"


def forms(value: str) -> dict[bytes, str]:
    """Each way to write a value -> what it is called."""
    found: dict[bytes, str] = {}
    for text in {value, value.lower()}:
        raw = text.encode()
        found |= {raw: "plain", text.encode("utf-16-le"): "UTF-16", quote(text).encode(): "URL"}
        found[json.dumps(text)[1:-1].encode()] = "JSON"
        found["".join(f"\\u{ord(one):04x}" for one in text).encode()] = "JSON escapes"
        found |= {raw.hex().encode(): "hex", raw.hex().upper().encode(): "hex"}
        for inner in (raw, json.dumps(text).encode()):
            digest = hashlib.sha256(inner).digest()
            found |= {digest: "SHA-256", digest.hex().encode(): "SHA-256"}
            found |= dict.fromkeys(_both(b64encode(digest).rstrip(b"=")), "SHA-256")
        for skipped in range(3):
            found |= dict.fromkeys(_both(_within_base64(raw, skipped)), "base64")
    return found


def _within_base64(raw: bytes, skipped: int) -> bytes:
    """The characters that are the same whatever stands around the bytes, of which so many before
    them belong to the same group of three."""
    whole = b64encode(b"\0" * skipped + raw)
    return whole[-(-skipped * 8 // 6) : (skipped + len(raw)) * 8 // 6]


def _both(encoded: bytes) -> set[bytes]:
    return {encoded, encoded.replace(b"+", b"-").replace(b"/", b"_")}


class Needles:
    """Values that are looked for."""

    def __init__(self, values: Iterable[str]) -> None:
        self._forms = {
            form: f"{value} ({name})" for value in values for form, name in forms(value).items()
        }

    def within(self, content: bytes) -> set[str]:
        """What of them is there, and how."""
        return {told for form, told in self._forms.items() if form in content}

    def below(self, directory: Path) -> dict[str, set[str]]:
        """The same of every file below a directory, by its path."""
        found = {}
        for path in directory.rglob("*"):
            with suppress(FileNotFoundError):  # a process that still runs removes some
                if path.is_file() and (there := self.within(path.read_bytes())):
                    found[str(path.relative_to(directory))] = there
        return found

    def opened(self, sealed: Iterable[tuple[str, bytes]], keys: Iterable[bytes]) -> set[str]:
        """What of them is in sealed bytes, each tried with each key."""
        found = set()
        keys = list(keys)
        for where, one in sealed:
            for key in keys:
                found |= {f"{told} in {where}" for told in self.within(_decrypted(key, one))}
        return found


def _decrypted(key: bytes, sealed: bytes) -> bytes:
    """What AES-256-GCM would give, whatever the place that it is bound to: without looking at the
    tag (NIST SP 800-38D: counter mode, from 2 on). And the same unpacked."""
    counter = sealed[:_NONCE] + (2).to_bytes(4)
    cipher = Cipher(algorithms.AES256(key), modes.CTR(counter)).decryptor()
    plain = cipher.update(sealed[_NONCE:-_TAG])
    with suppress(zlib.error):
        plain += zlib.decompress(plain)
    return plain


def sealed_in(connection: Connection[Any]) -> list[tuple[str, bytes]]:
    """(table, bytes) of all that is sealed in a database."""
    return [(table, bytes(one)) for table, one in connection.execute(SEALED.encode()).fetchall()]


def wrapped_in(connection: Connection[Any]) -> list[tuple[bytes, bytes]]:
    """All data keys of a database: id, and as they are wrapped."""
    rows = connection.execute(WRAPPED.encode()).fetchall()
    return [(key_id.bytes, bytes(one)) for key_id, one in rows]


def keys_in(directory: Path, wrapped: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    """Every key of a key store's directory, and what these open of the data keys."""
    held = set(_of_tenants(directory))
    held |= {durable.read(path) or b"" for path in (directory / "jobs").glob("*.key")}
    found = set(held)
    for key_id, one in wrapped:
        for key in held:
            with suppress(InvalidTag):
                found.add(AESGCM(key).decrypt(one[:_NONCE], one[_NONCE:], key_id))
    return found


def _of_tenants(directory: Path) -> Iterator[bytes]:
    for path in (directory / "tenants").glob("*.keys"):
        tenant = msgspec.json.decode(durable.read(path) or b"", type=_Tenant)
        for one in tenant.buckets:
            yield one.key
        for some in tenant.retired.values():
            for one in some:
                yield one.key


class _Key(msgspec.Struct):
    key: bytes


class _Tenant(msgspec.Struct):
    buckets: list[_Key]
    retired: dict[int, list[_Key]] = {}
