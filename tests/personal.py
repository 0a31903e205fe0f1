"""What the vocabulary calls personal in an event, read a second time (vocabulary.md, "Personal
data")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

NAMES = """
email first_name last_name phone line1 line2 address1 address2 street city postal_code postcode zip
signed_by ip user_agent iban tax_id note reason description correction comment message
"""
PERSONAL = set(NAMES.split())
"""The names of vocabulary.md, "Personal data", read a second time."""


def personal(event: Json) -> Iterator[str]:
    """Pointers of all that the vocabulary calls personal in an event."""

    def below(value: Any, pointer: str, person: bool) -> Iterator[str]:
        named = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in named:
            here = f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
            if item is not None and (
                name in PERSONAL
                or (name == "name" and person)
                or (isinstance(item, str) and re.search(r"\S@\S+\.\S", item))
            ):
                yield here
            elif isinstance(item, (dict, list)):
                change = name in ("before", "after", "patch") and "item" not in event["type"]
                owner = name in ("customer", "shipping_address", "billing_address")
                yield from below(item, here, change or owner)

    yield from below(event["payload"], "/payload", False)
    yield from below(event.get("metadata") or {}, "/metadata", False)


def value_at(event: Json, pointer: str) -> Any:
    value: Any = event
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value
