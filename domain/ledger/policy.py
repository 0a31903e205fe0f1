"""Which logs and witnesses somebody trusts, and how many of these must have cosigned.

The format is C2SP tlog-policy. Fail-closed: a file that is not wholly understood is no policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from domain.ledger.faults import Malformed
from domain.ledger.notes import (
    COSIGNED_ED25519,
    COSIGNED_MLDSA44,
    ED25519,
    VerifierKey,
)

MAX_POLICY_BYTES = 1_000_000

_NONE = "none"
_NOT_ALLOWED = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class PolicyLog:
    """A log that is accepted. The key's name is its origin. url: "" where none is given."""

    key: VerifierKey
    url: str


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness under its name in the policy. url: its submission prefix, "" where none is."""

    name: str
    key: VerifierKey
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses a checkpoint where at least `threshold` of its members do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """groups: each after those that it names. quorum: a witness, a group, or `none`."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """Read a policy file. Raises Malformed, which names the line."""
        if len(data) > MAX_POLICY_BYTES:
            raise Malformed(f"the policy has over {MAX_POLICY_BYTES} bytes")
        reading = _Reading()
        lines = data.split(b"\n")
        unfinished = lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                reading.read(line)
            except Malformed as fault:
                raise Malformed(f"line {number} of the policy: {fault}") from None
        if unfinished:  # cut off, perhaps: half a name may be another one's
            raise Malformed(f"line {len(lines) + 1} of the policy does not end in a line feed")
        return reading.policy()

    def satisfied(self, cosigned: AbstractSet[str]) -> bool:
        """Whether a checkpoint that the witnesses of these names have cosigned is witnessed."""
        if self.quorum == _NONE:
            return True
        witnessed = {one.name for one in self.witnesses if one.name in cosigned}
        for group in self.groups:
            if sum(name in witnessed for name in group.members) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed


@dataclass(slots=True)
class _Reading:
    """What the lines so far have defined."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    defined: set[str] = field(default_factory=lambda: {_NONE})
    members: set[str] = field(default_factory=set)

    def read(self, line: bytes) -> None:
        if _NOT_ALLOWED.search(line):
            raise Malformed("a control character; lines end in a line feed alone")
        # Names are octets to compare, not text to understand: any of them survives this.
        words = [
            word for word in re.split(r"[ \t]+", line.decode(errors="surrogateescape")) if word
        ]
        if not words or words[0].startswith("#"):
            return
        readers: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        reader = readers.get(words[0])
        if reader is None:
            raise Malformed("begins with none of log, witness, group, quorum")
        reader(words[1:])

    def policy(self) -> Policy:
        if self.quorum is None:
            raise Malformed("the policy has no quorum line")
        return Policy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), self.quorum)

    def _log(self, words: list[str]) -> None:
        if len(words) not in {1, 2}:
            raise Malformed("a log reads: log <vkey> [<url>]")
        key = _key(words[0], {ED25519, COSIGNED_MLDSA44}, "a log's key is of type 1 or 6")
        _check_new(key, [one.key for one in self.logs])
        self.logs.append(PolicyLog(key, "".join(words[1:])))

    def _witness(self, words: list[str]) -> None:
        if len(words) not in {2, 3}:
            raise Malformed("a witness reads: witness <name> <vkey> [<url>]")
        key = _key(words[1], {COSIGNED_ED25519, COSIGNED_MLDSA44}, "a witness's is of type 4 or 6")
        _check_new(key, [one.key for one in self.witnesses])
        self._define(words[0])
        self.witnesses.append(Witness(words[0], key, "".join(words[2:])))

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise Malformed("a group reads: group <name> all|any|<k> <name>...")
        name, count, *members = words
        for member in members:
            self._check_defined(member)
            if member == _NONE:
                raise Malformed("none is no member of a group")
            if member in self.members:
                raise Malformed(f"{_shown(member)} is a member for the second time")
            self.members.add(member)
        self._define(name)
        self.groups.append(Group(name, _threshold(count, len(members)), tuple(members)))

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1:
            raise Malformed("a quorum reads: quorum <name>|none")
        if self.quorum is not None:
            raise Malformed("a second quorum")
        self._check_defined(words[0])
        self.quorum = words[0]

    def _define(self, name: str) -> None:
        if name in self.defined:
            raise Malformed(f"{_shown(name)} is defined already")
        self.defined.add(name)

    def _check_defined(self, name: str) -> None:
        if name not in self.defined:
            raise Malformed(f"{_shown(name)} is not defined on a line before")


def _threshold(word: str, members: int) -> int:
    if word in {"all", "any"}:
        return members if word == "all" else 1
    if not _THRESHOLD.fullmatch(word) or int(word) > members:
        raise Malformed(f"{_shown(word)} is neither all nor any nor a number from 1 to {members}")
    return int(word)


def _key(word: str, algorithms: AbstractSet[int], which: str) -> VerifierKey:
    key = VerifierKey.parse(word)
    if key.algorithm not in algorithms:
        raise Malformed(f"{which}; this one is of type {key.algorithm}")
    return key


def _check_new(key: VerifierKey, known: list[VerifierKey]) -> None:
    """A key counts once, whatever its names."""
    if any(key.public == one.public for one in known):
        raise Malformed(f"the key of {_shown(key.name)} is there already, perhaps by another name")


def _shown(word: str) -> str:
    return ascii(word[:80])
