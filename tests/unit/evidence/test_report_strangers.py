"""What each stranger has touched in all."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from druid_reindex.evidence.parts_trail import Touched
from druid_reindex.evidence.report_strangers import COLUMNS, strangers_table
from told_nights import AFTER, CHUNKS, FOREIGN, MISSING, OBJECT

ARN = OBJECT.replace("s3://", "arn:aws:s3:::")
FIRST = replace(FOREIGN, resource=ARN, patients=371)
SHARD = replace(FIRST, resource=ARN.replace("/0/index", "/1/index"), rows=80)
NEXT = replace(
    FIRST, resource=ARN.replace(CHUNKS[0], CHUNKS[1]), interval=CHUNKS[1].replace("_", "/"), rows=100, patients=20
)


def row(*touched: Touched) -> dict[str, object]:
    (found,) = strangers_table(map(asdict, touched), "None.").rows
    return dict(zip(COLUMNS, found, strict=True))


def test_each_object_is_counted_once_and_each_chunks_patients_once() -> None:
    again = replace(FIRST, operation="HeadObject", first_seen="2026-10-06T08:00:00+00:00")
    found = row(FIRST, SHARD, NEXT, again)
    assert (found["Objects"], found["Time chunks"]) == (3, 2)
    assert found["Rows"] == 4120 + 80 + 100
    assert found["Distinct patients, at most"] == 371 + 20
    assert found["First seen (UTC)"] == "2026-10-06T08:00:00+00:00"
    assert found["Last seen (UTC)"] == FIRST.last_seen
    assert found["Discovered (UTC)"] == FIRST.discovered_at


def test_two_versions_of_a_chunk_may_have_other_patients() -> None:
    older = replace(FIRST, resource=ARN.replace(AFTER, "2026-10-02T06:41:09.118Z"), patients=300)
    assert row(FIRST, older)["Distinct patients, at most"] == 671


@pytest.mark.parametrize("name", ["rows", "patients"])
def test_a_sum_with_an_unknown_part_is_unknown(name: str) -> None:
    column = {"rows": "Rows", "patients": "Distinct patients, at most"}[name]
    assert row(FIRST, replace(NEXT, **{name: None}))[column] is None


def test_what_is_no_object_is_no_unknown_part() -> None:
    key = replace(FIRST, resource="arn:aws:kms:us-east-1:111122223333:key/1", rows=None, patients=None)
    bucket = replace(key, resource="arn:aws:s3:::drx-phi-111122223333")
    found = row(FIRST, key, bucket)
    assert (found["Objects"], found["Rows"], found["Distinct patients, at most"]) == (1, 4120, 371)


def test_calls_of_our_own_are_no_strangers() -> None:
    table = strangers_table([asdict(MISSING)], "None.")
    assert (list(table.rows), table.nothing) == ([], "None.")
