"""A call is a value: two records of the same call are one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from druid_reindex.model.aws_call import AwsCall

PUT = AwsCall(
    attempted_at=datetime(2026, 10, 6, 2, 30, tzinfo=UTC),
    event_source="s3.amazonaws.com",
    operation="PutObject",
    region="us-east-1",
    account="111122223333",
    access_key_id="ASIAEXAMPLE",
    request_id="0A49CE4060975EAC",
    status=200,
    error_code=None,
    resources=("arn:aws:s3:::drx-phi/runs/plan.json",),
    run="00000000-0000-5000-8000-000000000000",
    task="plan.-1.1",
)


def test_two_records_of_one_call_are_one() -> None:
    again = replace(PUT, request_id="0A49CE4060975EAD")
    assert {PUT, replace(PUT), again} == {PUT, again}
