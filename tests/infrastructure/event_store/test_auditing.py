"""A superuser changes what is stored, triggers off: recomputation names the first wrong event."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from domain.ledger.recompute import Difference
from infrastructure.event_store.auditing import audit, gaps
from infrastructure.key_store.files import FileKeyStore
from infrastructure.postgres.connect import address
from tests.domain.ledger.drafts import correction, draft
from tests.infrastructure.event_store.kit import Ledger, accepted, committing, fresh, triggers_off

EVENTS = 6
OF = "tenant_id = %(tenant)s and sequence = %(sequence)s"


@pytest.fixture
def tenant(database_url: str, key_store: FileKeyStore) -> str:
    """A tenant with six events, the third of which corrects the first; another one in between."""
    name, other = fresh("audited"), fresh("between")

    async def fill() -> None:
        async with committing(database_url, key_store) as door:
            for number in range(1, EVENTS + 1):
                one = draft(f"e{number}", f"o{number % 2}", name)
                if number == 3:
                    one = correction("e3", "e1", "o1", tenant_id=name)
                accepted(await door.submit([one]))
                accepted(await door.submit([draft(f"e{number}", "o1", other)]))

    asyncio.run(fill())
    return name


def tamper(ledger: Ledger, statement: str, tenant: str, sequence: int = 3) -> None:
    with triggers_off(ledger):
        done = ledger.connection.execute(
            statement.encode(), {"tenant": tenant, "sequence": sequence}
        )
        assert done.rowcount > 0


def test_what_is_not_touched_holds(tenant: str, ledger: Ledger) -> None:
    steps: list[tuple[int, int]] = []
    assert audit(ledger.connection, [tenant], lambda *step: steps.append(step)) == (EVENTS, [])
    assert steps == [(EVENTS, EVENTS)]


def test_a_tenant_without_events_holds(ledger: Ledger) -> None:
    assert audit(ledger.connection, [fresh("empty")]) == (0, [])


def test_triggers_refuse_even_a_superuser(tenant: str, ledger: Ledger) -> None:
    for before in ("set session_replication_role = replica", "reset session_replication_role"):
        ledger.connection.execute(before.encode())
        for statement in (
            "update events set state = state where tenant_id = %s",
            "delete from events where tenant_id = %s",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                ledger.connection.execute(statement.encode(), (tenant,))
        with pytest.raises(errors.InsufficientPrivilege):
            ledger.connection.execute("truncate events")


def test_the_application_may_not_even_try(database_url: str, tenant: str) -> None:
    target = address(database_url, "cell_0", name="test application")
    with psycopg.connect(target, autocommit=True) as connection:
        for statement in (
            "update events set state = state",
            "delete from events",
            "truncate events",
            "alter table events disable trigger all",
            "set session_replication_role = replica",
            "drop table events",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.parametrize("sequence", [1, 3, EVENTS])
@pytest.mark.parametrize("byte", [0, 40, -2])
def test_one_stored_byte(tenant: str, ledger: Ledger, sequence: int, byte: int) -> None:
    at = str(byte) if byte >= 0 else f"length(state) - {-byte}"
    tamper(
        ledger,
        f"update events set state = set_byte(state, {at}, get_byte(state, {at}) # 1) where {OF}",
        tenant,
        sequence,
    )
    what = "the stored bytes do not have the stored hash"
    expected = [Difference(tenant, sequence, what)]
    assert audit(ledger.connection, [tenant]) == (sequence - 1, expected)


COLUMNS = {
    "topic": "'history.recorded'",
    "originator_id": "gen_random_uuid()",
    "originator_version": "77",
    "event_id": "'another'",
    "correction_of": "'another'",
    "received_us": "received_us + 1",
    "position": "position + 1000000",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_one_column_beside_the_bytes(tenant: str, ledger: Ledger, column: str) -> None:
    tamper(ledger, f"update events set {column} = {COLUMNS[column]} where {OF}", tenant)
    _, differences = audit(ledger.connection, [tenant])
    # A position is known to be wrong by the next one.
    assert [one.sequence for one in differences] == [4 if column == "position" else 3]


@pytest.mark.parametrize("column", ["entry", "ledger_hash"])
def test_one_byte_of_a_hash(tenant: str, ledger: Ledger, column: str) -> None:
    tamper(
        ledger, f"update events set {column} = set_byte({column}, 31, 255 - get_byte({column}, 31))"
        f" where {OF}", tenant,
    )  # fmt: skip
    _, differences = audit(ledger.connection, [tenant])
    assert [one.sequence for one in differences] == [3]


def test_an_event_given_to_another_tenant(tenant: str, ledger: Ledger) -> None:
    tamper(ledger, f"update events set tenant_id = 'thief', sequence = 1 where {OF}", tenant)
    _, differences = audit(ledger.connection, [tenant, "thief"])
    assert [(one.tenant_id, one.sequence) for one in differences] == [(tenant, 3), ("thief", 1)]
    with triggers_off(ledger):
        ledger.connection.execute("delete from events where tenant_id = 'thief'")


def test_a_row_taken_out(tenant: str, ledger: Ledger) -> None:
    assert (missing := gaps(ledger.connection)) >= 0
    tamper(ledger, f"delete from events where {OF}", tenant)
    expected = [Difference(tenant, 3, "sequence 3 is missing")]
    assert audit(ledger.connection, [tenant]) == (2, expected)
    assert gaps(ledger.connection) == missing + 1


def test_everything_from_the_middle_but_the_last(tenant: str, ledger: Ledger) -> None:
    tamper(
        ledger,
        f"delete from events where tenant_id = %(tenant)s"
        f" and sequence between %(sequence)s and {EVENTS - 1}",
        tenant,
    )
    expected = [Difference(tenant, 3, "sequence 3 is missing")]
    assert audit(ledger.connection, [tenant]) == (2, expected)


def test_a_tail_cut_off_leaves_a_gap_in_the_positions(tenant: str, ledger: Ledger) -> None:
    """The chain alone cannot tell what came after its end; signed checkpoints will."""
    missing = gaps(ledger.connection)
    tamper(
        ledger,
        "delete from events where tenant_id = %(tenant)s and sequence > %(sequence)s",
        tenant,
    )
    assert audit(ledger.connection, [tenant]) == (3, [])
    assert gaps(ledger.connection) == missing + EVENTS - 3


def test_two_rows_swapped(tenant: str, ledger: Ledger) -> None:
    for to, sequence in ((1000, 3), (3, 4), (4, 1000)):
        tamper(ledger, f"update events set sequence = {to} where {OF}", tenant, sequence)
    what = "the chain does not go on from the event before"
    assert audit(ledger.connection, [tenant]) == (2, [Difference(tenant, 3, what)])


def test_two_bodies_swapped(tenant: str, ledger: Ledger) -> None:
    tamper(
        ledger,
        "update events e set state = o.state, entry = o.entry, ledger_hash = o.ledger_hash"
        "  from events o where e.tenant_id = %(tenant)s and o.tenant_id = e.tenant_id"
        "   and e.sequence in (%(sequence)s, 4) and o.sequence = 7 - e.sequence",
        tenant,
    )
    _, differences = audit(ledger.connection, [tenant])
    assert [one.sequence for one in differences] == [3]


def test_another_tenants_ledger_is_judged_by_itself(tenant: str, ledger: Ledger) -> None:
    tamper(ledger, f"update events set topic = 'x' where {OF}", tenant)
    _, differences = audit(ledger.connection)
    assert tenant in {one.tenant_id for one in differences}
    assert not any(one.tenant_id.startswith("between") for one in differences)


def test_the_command_line_says_which_and_exits_with_1(
    tenant: str, ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    def verify(of: str = tenant) -> tuple[int, str]:
        command = [sys.executable, "-m", "interfaces.cli.main", "verify", "ledger"]
        done = subprocess.run(
            [*command, "--tenant", of, "--data-dir", str(tmp_path)],
            env={**os.environ, "ORDER_HISTORY_DATABASE_URL": database_url},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    assert verify() == (0, f"{EVENTS} events hold\n")
    assert verify("mistyped") == (1, "")
    tamper(
        ledger,
        f"update events set state = set_byte(state, 20, 255 - get_byte(state, 20)) where {OF}",
        tenant,
    )
    what = "the stored bytes do not have the stored hash"
    assert verify() == (1, f"tenant {tenant}: sequence 3: {what}\n")
