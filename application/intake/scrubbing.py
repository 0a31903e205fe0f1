"""What of a line may be written down, before anybody knows whether it is an event.

Card numbers are gone after this. A readable line keeps what read_event would keep (its ids may
look like card numbers), and remembers where it had one; any other line is scrubbed as text.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from application.intake.lines import RawLine
from domain import canonical
from domain.errors import FieldError, Invalid, Unreadable
from domain.orders.envelope import MAX_ID
from domain.orders.incoming import MAX_EVENT_BYTES
from domain.orders.screening import shown
from domain.privacy.cards import holds_card, mask_body, may_hold_card, scrub_text

_BODIES = ("payload", "metadata")
_IDS = ("event_id", "order_id", "correction_of")
_IN_NAME = "has a card number in the name of a field; remove it"
_IN_PLACE = "must not hold a card number, nor a card's code, PIN or track"


class Line(Struct, frozen=True, array_like=True):
    """A line as it is spooled. `redactions`: where its text says `[PAN ...]`, `[CVV]` and the like
    for what is of a card, if it is an event. `refused`: why it cannot be one, if that is known
    already."""

    number: int
    text: bytes
    redactions: tuple[str, ...] = ()
    refused: tuple[FieldError, ...] = ()


def scrub(line: RawLine) -> Line:
    """The line without card numbers."""
    if not line.is_whole:
        why = f"the line has {line.length} bytes; an event has at most {MAX_EVENT_BYTES}"
        return Line(line.number, scrub_text(line.text), refused=(FieldError("", why),))
    if not _may_hold_card(line.text):
        return Line(line.number, line.text)
    try:
        value = canonical.decode(line.text)
    except Unreadable:
        return Line(line.number, scrub_text(line.text))
    if type(value) is not dict:
        return Line(line.number, scrub_text(line.text))
    try:
        return _scrub_event(line, value)
    except Invalid as error:
        return Line(line.number, scrub_text(line.text), refused=error.errors)


def _may_hold_card(raw: bytes) -> bool:
    """Escapes and UTF-16 hide digits and separators from the quick look."""
    return may_hold_card(raw) or b"\\" in raw or b"\0" in raw


def _is_no_id_but_a_card(value: Any) -> bool:
    """An id may look like a card number; what stands in its place may not."""
    is_id = value is None or (type(value) is str and len(value) <= MAX_ID)
    return not is_id and holds_card(canonical.encode(value).decode())


def _scrub_event(line: RawLine, value: dict[str, Any]) -> Line:
    redactions: list[str] = []
    in_names: list[str] = []
    in_places: list[str] = []
    bodies = {name: value[name] for name in _BODIES if type(value.get(name)) is dict}
    masked = {
        name: mask_body(body, f"/{name}", redactions, in_names) for name, body in bodies.items()
    }
    rest = {name: field for name, field in value.items() if name not in {*bodies, *_IDS}}
    mask_body(rest, "", in_places, in_names)
    in_places += [f"/{name}" for name in _IDS if _is_no_id_but_a_card(value.get(name))]
    if in_names or in_places:
        refused = [FieldError(shown(place), _IN_NAME) for place in dict.fromkeys(in_names)]
        refused += [FieldError(shown(place), _IN_PLACE) for place in in_places]
        return Line(line.number, scrub_text(line.text), refused=tuple(refused))
    if not redactions:
        return Line(line.number, line.text)
    return Line(line.number, canonical.encode({**value, **masked}), tuple(redactions))
