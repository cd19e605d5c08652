"""What the step is told that exports segments."""

from __future__ import annotations

from druid_reindex.model.transfer import Load
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.export import export_spec, place_of
from timelines import boundaries, segment, tombstone

PHI = boundaries().phi
FOLDER = S3Uri.parse(PHI.runs_uri) / "r/export/snapshot/g1"
LOAD = Load.model_validate({
    "name": "snapshot", "table": "clinic.snapshot", "columns": ["day", "events"], "mode": "merge", "keys": ["day"],
    "sources": {"day": "__time"}, "format": "csv", "compression": "gzip",
})  # fmt: skip


def test_it_lists_the_segments_that_hold_rows_and_the_tables_columns() -> None:
    one, two = segment("09-01/09-02", "v1", rows=3), segment("09-02/09-03", "v1", rows=4)
    spec = export_spec(LOAD, [two, tombstone("09-03/09-04", "v1"), one], boundary=PHI, folder=FOLDER)
    assert spec == {
        "protocol": 1,
        "segments": [{"url": str(place_of(one)), "rows": 3}, {"url": str(place_of(two)), "rows": 4}],
        "columns": [{"name": "day", "from": "__time"}, {"name": "events", "from": "events"}],
        "time_format": "date",
        "format": "csv",
        "compression": "gzip",
        "output": f"{FOLDER}/files/",
        "kms_key_arn": PHI.kms_key_arn,
    }
    assert str(place_of(one)).startswith("s3://drx-phi-111122223333/druid/segments/")
