"""The matrix of roles and permissions, written out a second time from http.md, "Callers"."""

from __future__ import annotations

import pytest

from domain.access.permissions import BUILT_IN, Permission, permissions_of

ROLES = ["producer", "history_reader", "support", "investigator", "auditor", "admin", "operator"]
MATRIX = """
events.append      producer                                         admin
events.correct     producer                                         admin
events.validate    producer                                         admin
events.read        history_reader support investigator auditor      admin
orders.read        history_reader support investigator auditor      admin
personal.read      support investigator                             admin
searches.save      history_reader support investigator auditor      admin
searches.manage                                                     admin
snapshots.upload   producer                                         admin
snapshots.compute  investigator                                     admin
snapshots.read     history_reader support investigator auditor      admin
snapshots.delete                                                    admin
jobs.own           producer investigator                            admin operator
jobs.read                                                           admin operator
jobs.run                                                            admin operator
receipts.read      producer history_reader support investigator auditor admin
ledger.prove       auditor                                          admin
audit.read         auditor                                          admin
access_logs.read   auditor                                          admin
disputes.manage    investigator                                     admin
exports.run        investigator                                     admin
holds.read         investigator auditor                             admin
holds.manage                                                        admin
erasure.manage                                                      admin
pseudonyms.reverse                                                  admin
subject_access.run                                                  admin
retention.read     auditor                                          admin
retention.manage                                                    admin
roles.read         auditor                                          admin
roles.manage                                                        admin
api_keys.manage                                                     admin
health.read                                                         admin operator
metrics.read                                                        admin operator
quotas.read        auditor                                          admin operator
"""
ROWS = {words[0]: set(words[1:]) for line in MATRIX.strip().splitlines() if (words := line.split())}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_permits_what_its_column_says(role: str) -> None:
    expected = {permission for permission, roles in ROWS.items() if role in roles}
    assert {permission.value for permission in permissions_of([role])} == expected


def test_the_matrix_has_every_permission_and_every_role() -> None:
    assert set(ROWS) == {permission.value for permission in Permission}
    assert set(BUILT_IN) == set(ROLES)


def test_roles_add_up() -> None:
    both = permissions_of(["history_reader", "producer"])
    assert both == permissions_of(["history_reader"]) | permissions_of(["producer"])
    assert Permission.PERSONAL_READ not in both


@pytest.mark.parametrize("role", ["", "Admin", "admin ", "ADMIN", "root", "*", "__class__"])
def test_a_role_that_is_not_known_gives_nothing(role: str) -> None:
    assert permissions_of([role]) == frozenset()
    assert permissions_of([role, "support"]) == permissions_of(["support"])


def test_no_roles_give_nothing() -> None:
    assert permissions_of([]) == frozenset()
