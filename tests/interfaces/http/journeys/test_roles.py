"""Who may do what: every operation for every built-in role, as http.md's "Callers" reads."""

from __future__ import annotations

import re
from typing import Any

import pytest

from interfaces.http.openapi import operations
from tests.interfaces.http.journeys.house import BASE, ROLES, House, Shop

pytestmark = pytest.mark.anyio

MATRIX = """
record_event         producer                                         admin
record_events        producer                                         admin
validate_events      producer                                         admin
record_correction    producer                                         admin
upload_snapshot      producer                                         admin
list_events          history_reader support investigator auditor      admin
stream_events        history_reader support investigator auditor      admin
get_event            history_reader support investigator auditor      admin
get_event_bytes      history_reader support investigator auditor      admin
list_corrections_of  history_reader support investigator auditor      admin
get_correction       history_reader support investigator auditor      admin
get_timeline         history_reader support investigator auditor      admin
get_events_of_type   history_reader support investigator auditor      admin
get_aggregate        history_reader support investigator auditor      admin
get_state            history_reader support investigator auditor      admin
list_orders          history_reader support investigator auditor      admin
search               history_reader support investigator auditor      admin
aggregate            history_reader support investigator auditor      admin
top                  history_reader support investigator auditor      admin
save_search          history_reader support investigator auditor      admin
list_searches        history_reader support investigator auditor      admin
get_search           history_reader support investigator auditor      admin
replace_search       history_reader support investigator auditor      admin
delete_search        history_reader support investigator auditor      admin
run_search           history_reader support investigator auditor      admin
list_snapshots       history_reader support investigator auditor      admin
get_snapshot         history_reader support investigator auditor      admin
compute_snapshot     investigator                                     admin
delete_snapshot                                                       admin
list_jobs            producer investigator                            admin operator
get_job              producer investigator                            admin operator
list_rejected        producer investigator                            admin operator
cancel_job           producer investigator                            admin operator
reindex_events                                                        admin operator
repair_models                                                         admin operator
compact_orders                                                        admin operator
get_ledger_status                                             auditor admin
prove_range                                                   auditor admin
verify_event         history_reader support investigator auditor      admin
get_receipt          producer history_reader support investigator auditor admin
get_checkpoint                                                auditor admin
get_tile                                                      auditor admin
get_global_checkpoint                                         auditor admin
get_global_tile                                               auditor admin
list_access_logs                                              auditor admin
subsystem_health                                                      admin operator
get_metrics                                                           admin operator
get_diagnostics                                                       admin operator
get_quotas                                                    auditor admin operator
list_roles                                                    auditor admin
make_role                                                             admin
get_role                                                      auditor admin
replace_role                                                          admin
remove_role                                                           admin
list_assignments                                              auditor admin
get_assignment                                                auditor admin
assign_roles                                                          admin
make_api_key                                                          admin
list_api_keys                                                         admin
get_api_key                                                           admin
rotate_api_key                                                        admin
revoke_api_key                                                        admin
place_hold                                                            admin
list_holds                                       investigator auditor admin
get_hold                                         investigator auditor admin
release_hold                                                          admin
make_policy                                                           admin
list_policies                                                 auditor admin
get_policy                                                    auditor admin
change_policy                                                         admin
delete_policy                                                         admin
run_policy                                                            admin
list_templates                                                auditor admin
request_erasure                                                       admin
request_pseudonyms                                                    admin
request_reversal                                                      admin
get_erasure                                                           admin
request_access                                                        admin
list_acts                                                     auditor admin
list_redactions                                               auditor admin
"""
ROWS = {words[0]: set(words[1:]) for line in MATRIX.strip().splitlines() if (words := line.split())}
SEES_PERSONS = {"support", "investigator", "admin"}


def asked(house: House) -> dict[str, tuple[str, str]]:
    """Method and path of every operation below the base path, ids filled in."""
    return {
        item.endpoint.operation_id: (item.endpoint.method, re.sub(r"\{\w+\}", "evt_1", item.path))
        for item in operations(house.app)
        if item.path.startswith(BASE)
    }


def test_the_matrix_has_every_operation(house: House) -> None:
    assert set(asked(house)) == set(ROWS)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_its_column_says(shop: Shop, role: str) -> None:
    await shop.record()
    client = shop.as_role(role)
    for operation, (method, path) in asked(shop.house).items():
        # A stream would not end: this one is refused after the right was looked at.
        headers = {"Last-Event-ID": "x"} if operation == "stream_events" else {}
        answer = await client.request(method, path, headers=headers, content=b"")
        assert (answer.status_code != 403) is (role in ROWS[operation]), operation
        assert answer.status_code not in (401, 500), operation
        if answer.status_code == 403:
            assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_token_or_with_a_role_that_is_none(shop: Shop) -> None:
    for token, status in ((None, 401), ("Admin", 403)):
        client = shop.house.client(token, shop.tenant)
        for method, path in asked(shop.house).values():
            answer = await client.request(method, path, content=b"{")
            assert answer.status_code == status, path
            assert ("www-authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"producer", "operator"}))
async def test_who_sees_persons(shop: Shop, role: str) -> None:
    await shop.record(payload={"note": "Jane"}, metadata={"ip": "192.0.2.1"})
    body = {
        "snapshot_id": "s", "captured_at": "2025-01-01T00:00:00Z", "source": "shop",
        "state": {"note": "Jane"},
    }  # fmt: skip
    await shop.as_role("producer").post(f"{BASE}/orders/ord_1/snapshots", json=body)
    for path in ("/events", "/events/evt_1", "/orders/ord_1/timeline", "/snapshots/s"):
        text = (await shop.get(path, role)).text
        assert ("Jane" in text) is (role in SEES_PERSONS), path
        assert ('"masked":true' in text) is (role not in SEES_PERSONS)
    assert "Jane" not in (await shop.get("/events/evt_1/bytes", role)).text


async def test_a_producer_reads_nothing_back_and_its_own_jobs_only(shop: Shop) -> None:
    await shop.record()
    lines = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    made: Any = await shop.as_role("producer").post(
        f"{BASE}/events/bulk", content=b"{bad", headers=lines
    )
    assert made.status_code == 200
    job = f"{BASE}/jobs/{made.json()['job_id']}"
    another = shop.house.client("producer", shop.tenant, subject="another")
    for client, status in (
        (shop.as_role("producer"), 200),
        (shop.as_role("operator"), 200),
        (shop.as_role("admin"), 200),
        (another, 404),
        (shop.as_role("investigator"), 404),
        (shop.as_role("history_reader"), 403),
    ):
        assert (await client.get(job)).status_code == status
    rejected = f"{job}/rejected"
    assert (await shop.as_role("producer").get(rejected)).json()["items"]
    assert (await shop.as_role("operator").get(rejected)).status_code == 403
