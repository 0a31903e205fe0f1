"""That holds forbade a deletion: a stream of what was to be deleted, so that refusals neither move
the stream of the holds nor lengthen what is read of it."""

from __future__ import annotations

from collections.abc import Sequence

from domain.audit.acts import Act, Fact

REFUSED = "history.hold.refused"


class Refusals:
    """The refused deletions of one thing, such as `snapshot/snap_1`."""

    def __init__(self, what: str) -> None:
        self.stream = f"refused/{what}"
        self.version = 0
        self._what = what

    def refuse(self, asked: str, hold_ids: Sequence[str]) -> Act:
        """Each time that it is asked for is an act of its own. asked: such as `snapshot.delete`."""
        return Act(REFUSED, self._what, None, {"asked": asked, "hold_ids": list(hold_ids)})

    def apply(self, fact: Fact) -> None:
        """Nothing: that there is one more is all that a refusal changes."""
