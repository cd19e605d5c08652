"""A call to Druid is a value: two records of the same call are one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from druid_reindex.model.druid_call import DruidCall

ASKED = DruidCall(
    attempted_at=datetime(2026, 10, 6, 2, 30, tzinfo=UTC),
    server="overlord.internal:8290",
    method="GET",
    path="/druid/indexer/v1/task/t/status",
    user="phi",
    status=200,
    error=None,
    query_id=None,
    run="00000000-0000-5000-8000-000000000000",
    task="plan.-1.1",
)


def test_two_records_of_one_call_are_one() -> None:
    assert {ASKED, replace(ASKED), replace(ASKED, status=503)} == {ASKED, replace(ASKED, status=503)}
