"""What `make demo` prints when everything runs: where it is, and what to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from interfaces.demo.hero import EMAIL, ORDER_ID


@dataclass
class Sent:
    """How the lines of one tenant ended; `last_sequence` is that of the last event that was
    recorded now, 0 when all were known before."""

    lines: int
    recorded: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    last_sequence: int = 0


def tour(
    address: str,
    sent: Mapping[str, Sent],
    tokens: Mapping[str, str],
    moment: datetime,
    log: Path,
) -> str:
    """Lines of at most 80 columns, save those with a token.

    address: scheme, host and port. sent, tokens: by tenant, in the same order. moment: when one of
    the hero's two parcels had come and the other had not.
    """
    first, second = tokens
    shops = "\n".join(f"  {tenant:<12}{_ended(one)}" for tenant, one in sent.items())
    exports = "\n".join(f"export {_variable(tenant)}={token}" for tenant, token in tokens.items())
    ask = f'curl -s -H "Authorization: Bearer ${_variable(first)}"'
    ask_second = f'curl -s -H "Authorization: Bearer ${_variable(second)}"'
    order = f"$API/orders/{ORDER_ID}"
    return f"""
Order History runs at {address} (its log: {log})

{shops}

Its API, to read and to try out:  {address}/docs

For a second terminal, a token for each shop (they hold for 8 hours):

export API={address}/v1/order-history
{exports}

# the whole story of one order, {ORDER_ID}
{ask} \\
  {order}/timeline
# the order as it was with one parcel of two delivered
{ask} \\
  "{order}/snapshot?at={moment:%Y-%m-%dT%H:%M:%SZ}"
# who did what to it
{ask} \\
  {order}/timeline/aggregate
# the same id in the other shop is another order
{ask_second} \\
  {order}/snapshot
# orders on hold; orders that changed within the last six hours
{ask} \\
  "$API/orders?on_hold=true&limit=3"
{ask} \\
  "$API/orders?has_recent_changes=PT6H&limit=3"
# the order by its customer's address, which stands nowhere in plain text
{ask} \\
  -H 'Content-Type: application/json' $API/search \\
  -d '{{"query":{{"ident":"{EMAIL}"}},"return":"orders"}}'
# why payments failed, the most frequent reasons first
{ask} \\
  -H 'Content-Type: application/json' $API/topk \\
  -d '{{"field":"payload.failure_code","k":2}}'
# the bytes that were hashed, and their hash: compare integrity.sha256
{ask} \\
  $API/events/evt_demo_1_001/bytes | sha256sum
# does it hold? its bytes, its place in the signed tree, each personal value
{ask} \\
  $API/events/evt_demo_1_001/verify
# its receipt: proves it without this service (README.md, "A tour")
{ask} \\
  $API/events/evt_demo_1_001/receipt
# what happens from now on (Ctrl-C ends it)
{ask} -N $API/events/stream

Ctrl-C here stops everything; `make demo` goes on with the same data.
"""


def _variable(tenant: str) -> str:
    return tenant.upper().replace("-", "_").replace(".", "_")


def _ended(sent: Sent) -> str:
    parts = [f"{sent.recorded:,} events recorded"]
    if sent.duplicates:
        parts.append(f"{sent.duplicates:,} known before")
    if sent.conflicts or sent.rejected:
        parts.append(f"{sent.conflicts:,} conflicts, {sent.rejected:,} rejected")
    return ", ".join(parts)
