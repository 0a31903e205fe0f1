"""What dry runs and runs of a policy came to: two streams for each policy, so that they neither
move the stream of the policies nor lengthen what is read of it.

    history.retention.evaluated    by which job, of which version of the policy, in numbers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from domain.audit.acts import Act, Fact

EVALUATED = "history.retention.evaluated"


class Evaluated(Struct, frozen=True):
    """A dry run or a run that has ended. numbers: those of the job's result."""

    job_id: str
    policy_version: int
    numbers: Mapping[str, int]
    at_us: int
    sequence: int


def stream_of(policy_id: str, *, dry_run: bool) -> str:
    return f"retention-policy/{policy_id}/{'dry-runs' if dry_run else 'runs'}"


class Evaluations:
    """The dry runs of a policy, or its runs. jobs: those that ended so far."""

    def __init__(self, policy_id: str, *, dry_run: bool) -> None:
        self.stream = stream_of(policy_id, dry_run=dry_run)
        self.version = 0
        self.jobs: set[str] = set()
        self._policy_id = policy_id
        self._dry_run = dry_run

    def evaluate(self, job_id: str, version: int, numbers: Mapping[str, int]) -> Act | None:
        """A job ends once, whatever attempts that takes."""
        if job_id in self.jobs:
            return None
        after: dict[str, Any] = {
            "job_id": job_id,
            "dry_run": self._dry_run,
            "policy_version": version,
            "numbers": dict(numbers),
        }
        return Act(EVALUATED, f"retention-policy/{self._policy_id}", None, after)

    def apply(self, fact: Fact) -> None:
        """Take a fact."""
        found = evaluated(fact)
        if found is not None:
            self.jobs.add(found.job_id)


def evaluated(fact: Fact) -> Evaluated | None:
    """What a fact of such a stream tells."""
    after = fact.after
    if fact.type != EVALUATED or after is None:
        return None
    return Evaluated(
        after["job_id"], after["policy_version"], after["numbers"], fact.received_us, fact.sequence
    )
