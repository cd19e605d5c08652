"""What a purge has left out, and what it leaves."""

from __future__ import annotations

import json
from typing import Any

from druid_reindex.clients.purged import Purged, etag_of, files_of_rows, old_versions
from druid_reindex.clients.stored_versions import Place
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.deep_storage import SegmentName
from timelines import RUN, boundaries, one_job, segment, span
from twins import FakeDruid, FakeStore, FakeVersions

PHI, DATASOURCE = boundaries().phi, "patient_vitals"
FIRST, SECOND = str(span("09-01/09-02")), str(span("09-02/09-03"))
OLD = [segment("09-01/09-02", "2026-09-04"), segment("09-02/09-03", "2026-09-05")]
ROOT = S3Uri.parse(PHI.segments_uri)
COPY = S3Uri("drx-phi-replica-111122223333", ROOT.key)


def record(kept: int = 9, left: int = 0) -> dict[str, Any]:
    """The result of a batch of which the second day has had no row but those of keys."""
    told = {"keys": 3, "rows_with": {FIRST: 1, SECOND: 4}, "rows_without": {FIRST: kept, SECOND: 0}, "rows_left": left}
    return {"before": {FIRST: [OLD[0].segment_id], SECOND: [OLD[1].segment_id]}, "purge": told}


def purged(*records: dict[str, Any], batches: int = 0) -> Purged:
    store = FakeStore()
    for number, each in enumerate(records):
        store.put(names.result_uri(PHI, RUN, number), json.dumps(each).encode(), kms_key_arn="k")
    return Purged.of(DATASOURCE, RUN, range(batches or len(records)), PHI, store)


def test_batches_are_added_up() -> None:
    found = purged(record(), record(kept=1_000))
    assert (found.done, found.keys, found.rows_with, found.rows_without, found.is_whole) == (2, 3, 10, 1_009, True)
    assert str(found) == (
        "2 of 2 batches rebuilt without 3 keys: 10 rows left out, 1,009 kept, 0 of the keys in the new segments"
    )


def test_a_batch_without_a_record_of_an_ordinary_night_or_with_a_row_left_is_not_proven() -> None:
    assert not purged(record(), batches=2).is_whole
    assert not purged(record(), {"before": {}}).is_whole
    assert not purged(record(left=1)).is_whole


def test_without_batches_nothing_was_looked_for() -> None:
    assert "no row of the keys was looked for" in str(purged())


def test_old_versions_are_those_of_any_place_and_of_chunks_that_were_emptied() -> None:
    bucket, copy = FakeVersions(), FakeVersions()
    new = one_job("09-01/09-02", 1, version="2026-10-06")
    for each in (*OLD, *new):
        bucket.add(SegmentName.of(each).folder(ROOT, DATASOURCE) / "index.zip")
    gone = segment("09-01/09-02", "2026-08-01")
    copy.add(SegmentName.of(gone).folder(COPY, DATASOURCE) / "index.zip")
    places = (Place(bucket, ROOT), Place(copy, COPY))
    old, unknown = old_versions(DATASOURCE, purged(record()), FakeDruid([*new]), places)
    assert old == sorted(SegmentName.of(each) for each in (*OLD, gone))
    assert unknown == []


def test_files_with_rows_are_counted_by_what_they_are_and_records_are_none() -> None:
    store, runs = FakeStore(), S3Uri.parse(PHI.runs_uri)
    for key in (
        "r1/plan.json", "r1/export/snapshot/g1/files/part-0.gz", "r1/export/snapshot/g1/files/manifest",
        "r1/export/snapshot/result.json", "r2/unload/claims/g1/0000_part_00", "r2/purge/0/s/files/part-0.json.gz",
        "keys/one.txt", "leases/patient_vitals.json",
    ):  # fmt: skip
        store.put(runs / key, b"", kms_key_arn="k")
    assert files_of_rows(PHI, store) == {"export": 1, "purge": 1, "unload": 1}


def test_an_etag_is_that_of_the_object_itself() -> None:
    store, keys = FakeStore(), S3Uri("b", "runs/keys/one.txt")
    assert etag_of(store, keys) is None
    etag = store.put(keys, b"t1", kms_key_arn="k")
    store.put(S3Uri("b", "runs/keys/one.txt.bak"), b"t2", kms_key_arn="k")
    assert etag_of(store, keys) == etag
