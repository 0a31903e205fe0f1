"""What can be wrong with a proof, a note, a tile or a policy that somebody hands us.

Apart from `domain.errors`: the offline verifier needs these, and runs with the standard library and
`cryptography` alone.
"""

from __future__ import annotations


class Malformed(ValueError):
    """Input that cannot be read. The message is one line and says what is wrong, and where."""


class DoesNotHold(Exception):
    """A proof that can be read, and is false. The message is one line.

    sequence: the first that fails, where one can be named (leaf index + 1).
    """

    def __init__(self, message: str, sequence: int | None = None) -> None:
        super().__init__(message)
        self.sequence = sequence
