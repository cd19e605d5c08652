"""What a night is planned from, and what is kept of what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from druid_reindex.clients.planning import Planning
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.built import from_json
from druid_reindex.plan.night import NightPlan, counted_reasons
from timelines import WINDOW, boundaries, one_job, pipeline, segment, span
from twins import FakeDruid, FakeStore

PHI = boundaries().phi
DAY = "09-01/09-02"
LEDGER = names.built_uri(PHI, "patient_vitals")
BIG: dict[str, Any] = {"rows": 4_000_000, "size": 400_000_000}
READS_FILES = [
    {"type": "datasource", "datasource": "patient_events"},
    {"type": "static", "paths": ["s3://drx-phi-111122223333/in/{day}/"]},
]


@dataclass
class Nights:
    """One datasource, night after night."""

    druid: FakeDruid = field(default_factory=FakeDruid)
    store: FakeStore = field(default_factory=FakeStore)
    pipeline: Pipeline = field(default_factory=pipeline)

    def plan(self, *forced: Interval, window: Interval = WINDOW) -> NightPlan:
        """The plan of tonight; what it takes as the baseline is kept."""
        planning = Planning(self.pipeline, {}, PHI, self.druid, self.store)
        found = planning.decide(window, forced)
        planning.adopt(found)
        return found

    def reasons(self) -> dict[str, int]:
        return counted_reasons(self.plan().chunks)


def of(datasource: str, segments: list[Segment]) -> list[Segment]:
    return [
        Segment.from_payload({**each.payload, "dataSource": datasource}, num_rows=each.num_rows) for each in segments
    ]


def test_the_first_night_keeps_what_it_takes_as_the_baseline_and_the_second_writes_nothing() -> None:
    nights = Nights(FakeDruid(one_job(DAY, 1, **BIG)))
    assert nights.plan().is_empty
    kept = nights.store.get(LEDGER)
    assert [*from_json(kept)] == [str(span(DAY))]
    nights.store.objects[LEDGER] = (kept, "as it was")
    assert nights.plan().is_empty
    assert nights.store.kms_keys([LEDGER]) == {LEDGER: "as it was"}


def test_rows_that_are_appended_and_a_definition_that_changes_are_seen() -> None:
    nights = Nights(FakeDruid([*one_job(DAY, 1, **BIG), *one_job("08-01/08-02", 1, **BIG)]))
    assert nights.plan(window=span("07-01/10-06")).is_empty
    nights.druid.segments.append(segment(DAY, "2026-10-06T02:30:00.000Z", 1, shard={
        "type": "numbered", "partitionNum": 1, "partitions": 1}))  # fmt: skip
    assert nights.reasons() == {"fragmented": 1, "rows appended": 1}
    nights.pipeline = pipeline(granularity={"query": "HOUR"})
    assert nights.reasons() == {"definition changed": 1, "fragmented": 1, "rows appended": 1}
    assert nights.plan().stale == (span("08-01/08-02"),)
    nights.druid.segments = nights.druid.segments[:1]
    assert nights.plan().stale == ()


def test_a_lost_ledger_is_there_again_after_a_night_even_an_empty_one() -> None:
    nights = Nights()
    nights.plan()
    assert from_json(nights.store.get(LEDGER)) == {}


def test_a_recovered_ledger_is_kept_with_what_is_adopted() -> None:
    nights = Nights(FakeDruid([*one_job(DAY, 1, **BIG), *one_job("09-02/09-03", 1, version="2026-10-01", **BIG)]))
    built = f'{{"{span(DAY)}": {{"version": "2026-10-06T02:30:00.000Z", "definition": "1:before"}}}}'
    uri = S3Uri.parse(PHI.runs_uri) / "r/batches/0/result.json"
    body = f'{{"datasource": "patient_vitals", "built": {built}}}'
    nights.store.put(uri, body.encode(), kms_key_arn="k")
    assert nights.reasons() == {"definition changed": 1}
    known = from_json(nights.store.get(LEDGER))
    assert known[str(span(DAY))][0].definition == "1:before"
    assert known[str(span("09-02/09-03"))][0].version == "2026-10-01"


@pytest.mark.parametrize(("key", "expected"), [("in/2026-09-01/more", {"inputs changed": 1}), ("in/2026-08-01/x", {})])
def test_a_file_of_the_day_that_came_late_is_seen(key: str, expected: dict[str, int]) -> None:
    own = one_job(DAY, 1, **BIG)
    read = of("patient_events", one_job(DAY, 1, version="2026-01-01", **BIG))
    nights = Nights(FakeDruid([*own, *read]), pipeline=pipeline(inputs=READS_FILES))
    nights.store.put(S3Uri("drx-phi-111122223333", "in/2026-09-01/part"), b"1", kms_key_arn="k")
    assert nights.reasons() == {}
    nights.store.put(S3Uri("drx-phi-111122223333", key), b"2", kms_key_arn="k")
    assert nights.reasons() == expected


def test_everything_is_all_that_is_served_in_whole_chunks() -> None:
    druid = FakeDruid([segment("09-01/09-02"), segment("09-20T05/09-20T06")])
    assert Planning(pipeline(), {}, PHI, druid, FakeStore()).everything() == span("09-01/09-21")
    assert Planning(pipeline(), {}, PHI, FakeDruid(), FakeStore()).everything() is None
