"""Two policies to begin with; they have nothing in common and can both be made as they are."""

from __future__ import annotations

from domain.retention.policies import Rule

_COMMERCIAL = (
    "order.created",
    "order.updated",
    "order.confirmed",
    "order.shipped",
    "order.delivered",
    "order.cancelled",
    "order.closed",
    "order.status.changed",
    "order.fulfillment.*",
    "order.shipment.*",
    "order.item.*",
    "order.address.changed",
    "order.return.*",
    "order.adjusted",
    "order.correction",
)

TEMPLATES: tuple[Rule, ...] = (
    Rule(
        name="Commercial and tax records, 7 years",
        applies_to="events",
        event_types=_COMMERCIAL,
        retain_for="P7Y",
        counted_from="occurred_at",
        legal_basis=(
            "Commercial and tax law: business records are kept for seven years (in Austria § 132 "
            "BAO and § 212 UGB). Have the period checked for your jurisdiction."
        ),
        duty=True,
        action="purge",
    ),
    Rule(
        name="Payment history, 12 months (PCI DSS 10.5.1)",
        applies_to="events",
        event_types=("order.payment.*",),
        retain_for="P12M",
        counted_from="occurred_at",
        legal_basis=(
            "PCI DSS v4.0.1, requirement 10.5.1: audit log history is retained for at least 12 "
            "months, the most recent three months immediately available for analysis."
        ),
        duty=True,
        action="redact",
    ),
)
