"""The certificate that all which made a tenant's personal data readable was destroyed: the text of
a signed note (C2SP signed-note), under the origin of the tenant's log.

    order-history/certificate-of-destruction/v1
    origin <origin of the tenant's log>
    tenant <tenant id>
    closed <sequence of the closing event, the log's last> <when> <by whom>
    checkpoint <size of the log> <root in base64>
    manifest <SHA-256 of the export's manifest.json, in hexadecimal>
    destroyed <how many it held> <how many are left> <store>      one line for each store
    checked <when every store was read again>

Its second line is no number, so that it never reads as a checkpoint.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from domain.ledger.faults import Malformed
from domain.ledger.notes import decode_decimal, decode_hash

HEAD = "order-history/certificate-of-destruction/v1"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """A store: how many things it held of the tenant, and how many it holds still."""

    store: str
    held: int
    left: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was closed, exported and destroyed. Times: RFC 3339; root: 32 bytes; manifest: SHA-256
    in hexadecimal; by: one line."""

    origin: str
    tenant_id: str
    sequence: int
    closed_at: str
    by: str
    size: int
    root: bytes
    manifest: str
    destroyed: tuple[Destroyed, ...]
    checked_at: str

    def text(self) -> str:
        """What is signed, with its last line feed."""
        lines = (
            HEAD,
            f"origin {self.origin}",
            f"tenant {self.tenant_id}",
            f"closed {self.sequence} {self.closed_at} {self.by}",
            f"checkpoint {self.size} {base64.b64encode(self.root).decode()}",
            f"manifest {self.manifest}",
            *(f"destroyed {one.held} {one.left} {one.store}" for one in self.destroyed),
            f"checked {self.checked_at}",
        )
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Certificate:
        """Read the text of a note; written again it is the same. Raises Malformed."""
        lines = text.split("\n")
        if lines[0] != HEAD:
            raise Malformed(f"not a certificate, whose first line is {HEAD}")
        if len(lines) < 9 or lines[-1]:
            raise Malformed("the certificate has too few lines")
        sequence, closed_at, by = _fields(lines[3], "closed", 3)
        size, root = _fields(lines[4], "checkpoint", 2)
        (manifest,) = _fields(lines[5], "manifest", 1)
        if not _SHA256.fullmatch(manifest):
            raise Malformed("the manifest's SHA-256 in the certificate is not 64 hex digits")
        return cls(
            _fields(lines[1], "origin", 1)[0],
            _fields(lines[2], "tenant", 1)[0],
            decode_decimal(sequence, "the closing event of the certificate"),
            _time(closed_at),
            by,
            decode_decimal(size, "the size in the certificate"),
            decode_hash(root, "the root in the certificate"),
            manifest,
            tuple(map(_destroyed, lines[6:-2])),
            _time(_fields(lines[-2], "checked", 1)[0]),
        )


def _fields(line: str, name: str, count: int) -> list[str]:
    said, *fields = line.split(" ", count)
    if said != name or len(fields) != count or not all(fields):
        raise Malformed(f"a line of the certificate is not one of {name!r}")
    return fields


def _destroyed(line: str) -> Destroyed:
    held, left, store = _fields(line, "destroyed", 3)
    what = "a number in the certificate"
    return Destroyed(store, decode_decimal(held, what), decode_decimal(left, what))


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise Malformed("a time in the certificate is not one")
    return text
