"""Judges one batch: asks Druid and S3 what is there now, has ``quality`` compare it, keeps verdict and page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import Terminal
from druid_reindex.operators.checked import checks_of
from druid_reindex.operators.encryption import refuse_other_keys
from druid_reindex.operators.loaded import visible_of
from druid_reindex.operators.measured import measured_now
from druid_reindex.operators.reindex import by_interval
from druid_reindex.operators.shaped import shaped_now
from druid_reindex.plan import names
from druid_reindex.plan.export import place_of
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.plan.timeline import visible
from druid_reindex.quality import expectations, facts
from druid_reindex.quality.holdings import PROTOCOL, distinct, holdings
from druid_reindex.quality.judge import Finding, Judged, Verdict, judge, of_results, of_types, unfinished

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.evidence.lineage_facets import Check
    from druid_reindex.model.expectation import Expectation, Result
    from druid_reindex.model.holding import Holding
    from druid_reindex.model.identity import RunId
    from druid_reindex.model.segment import Segment
    from druid_reindex.operators.night import NightOperator
    from druid_reindex.plan.night import Batch

TOTALS = ("chunks", "segments_after", "rows_before", "rows_after", "bytes_after")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A batch's verdict, what is served of it (``totals`` by name), under which keys and of which versions.

    ``expectations`` is how many Great Expectations judged, ``checks`` what was checked by them and beside them,
    ``holdings`` what each segment's object holds, as far as it was counted.
    """

    verdict: Verdict
    totals: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOTALS, 0))
    kms_keys: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    expectations: int = 0
    checks: tuple[Check, ...] = ()
    holdings: tuple[Holding, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether the night must not go on: what is served is not what it should be."""
        return self.verdict.verdict is Judged.FAILED or bool(self.verdict.findings)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A batch, the record of its result, and what is served of it; ``late`` says what was left when nobody waited on.

    Without a record, nobody knows that it was published.
    """

    batch: Batch
    record: dict[str, Any] | None = None
    segments: Sequence[Segment] = ()
    late: str = ""


@dataclass(frozen=True, slots=True)
class BatchJudge:
    """One batch of a run, to be judged by ``task``."""

    task: NightOperator
    context: Context
    run_id: RunId
    batch: Batch

    def judged(self, loaded: Loaded) -> Judgement:
        """The judgement of what is served of the batch now; raises Transient errors alone."""
        if loaded.record is None:
            return self._untouched()
        if loaded.late:
            return self._failed("load", loaded.late, "each segment served")
        try:
            return self._published(loaded.record, loaded.segments)
        except Terminal as error:
            return self._failed(error.attempted, f"{error.resource}: {error.came_back}", error.remedy)

    def keep(self, judgement: Judgement) -> None:
        """Store what was counted, for the evidence, and the verdict, for the tasks that take a batch back."""
        place = (self.task.settings.boundary, self.run_id, self.batch.number)
        counted = {"protocol": PROTOCOL, "holdings": [each.to_record() for each in judgement.holdings]}
        self.task.put_record(self.context, names.holdings_uri(*place), counted)
        self.task.put_record(self.context, names.verdict_uri(*place), judgement.verdict.to_record())

    @property
    def _batch(self) -> expectations.Batch:
        granularity = self.task.settings.pipeline.granularity.segment
        chunks = {str(each): sum(1 for _ in granularity.chunks(each)) for each in self.batch.intervals}
        return expectations.Batch(chunks, self.batch.shards)

    def _untouched(self) -> Judgement:
        """A batch without a result is unfinished, and must serve what it served before."""
        served = {segment.segment_id for segment in visible_of(self.task, self.batch)}
        before = {segment.segment_id for chunk in self.batch.chunks for segment in chunk.segments}
        if served == before:
            return Judgement(unfinished(self.batch.number))
        strange = sorted(served - before)
        found = f"{len(strange)} segments are served that were not there before, {', '.join(strange[:5])}"
        finding = Finding(self._batch.whole, "segments", found, f"the {len(before)} of before")
        return Judgement(unfinished(self.batch.number, [finding]))

    def _failed(self, check: str, found: str, wanted: str) -> Judgement:
        finding = Finding(self._batch.whole, check, found, wanted)
        return Judgement(Verdict(self.batch.number, Judged.FAILED, (finding,)))

    def _published(self, record: dict[str, Any], segments: Sequence[Segment]) -> Judgement:
        before = self._before(record)
        rows, found, types = self._facts(before, segments)
        wanted = expectations.of_chunks(self.task.settings.pipeline, before, self._batch, types)
        expected = self._expected(before)
        unheld = of_results(self._batch.whole, [result for _, result in expected])
        verdict = judge(self.batch.number, wanted, found, [*self._mistyped(), *unheld])
        totals = (
            len(self.batch.chunks), len(segments), sum(before.rows.values()), rows,
            sum(segment.size_bytes for segment in segments),
        )  # fmt: skip
        return Judgement(
            verdict, dict(zip(TOTALS, totals, strict=True)), tuple(self._keys(segments)),
            tuple(segment.version for segment in segments), len(expected),
            checks_of(wanted, verdict.findings, expected), self._holdings(found, segments),
        )  # fmt: skip

    def _before(self, record: dict[str, Any]) -> expectations.Before:
        """What was measured before; a record of an earlier release lacks what that one did not measure.

        Of a purge, it is what its step counted without the keys: how those rows look is not known.
        """
        uri = names.before_uri(self.task.settings.boundary, self.run_id, self.batch.number)
        kept = self.task.get_record(self.context, uri) or {}
        if purge := record.get("purge"):
            return expectations.Before(rows=purge["rows_without"], sums=purge["sums"], types=kept.get("types", {}))
        return expectations.Before(
            rows=record["rows_before"],
            sums=kept.get("sums", {}),
            units=kept.get("units", {}),
            shape=kept.get("shape", {}),
            types=kept.get("types", {}),
            file_rows=record.get("file_rows", 0),
        )

    def _facts(
        self, before: expectations.Before, segments: Sequence[Segment]
    ) -> tuple[int, facts.Facts, dict[str, str]]:
        pipeline, intervals = self.task.settings.pipeline, self.batch.intervals
        measured = measured_now(self.task, intervals, pipeline.datasource)
        shaped = shaped_now(self.task, intervals, of_rows=pipeline.datasource)
        seen = facts.Seen(measured.rows, measured.sums, shaped.units, shaped.shape, self._served(segments))
        found = facts.with_total(facts.facts_of(pipeline, seen, before.units), self._batch.whole)
        return sum(measured.rows.values()), found, dict(shaped.types)

    def _served(self, segments: Sequence[Segment]) -> dict[str, list[Segment]]:
        """The segments of each chunk, with what a Broker counts in them."""
        counted = {segment.segment_id: segment for segment in segments}
        by_chunk = by_interval(visible(segments), self.batch.intervals)
        return {chunk: [counted[each.segment_id] for each in found] for chunk, found in by_chunk.items()}

    def _holdings(self, found: facts.Facts, segments: Sequence[Segment]) -> tuple[Holding, ...]:
        """What each segment's object holds; a tombstone has none."""
        pipeline, stored = self.task.settings.pipeline, [each for each in segments if each.shard_spec_type != TOMBSTONE]
        return holdings(pipeline, self._served(stored), distinct(pipeline, found), lambda each: str(place_of(each)))

    def _mistyped(self) -> list[Finding]:
        """The columns that the new segments store in another type than the pipeline's."""
        pipeline = self.task.settings.pipeline
        found = self.task.druid.column_types(pipeline.datasource, self.batch.intervals)
        return of_types(self._batch.whole, expectations.types(pipeline), found)

    def _expected(self, before: expectations.Before) -> list[tuple[Expectation, Result]]:
        """What Great Expectations judged, and what came of each; its results and page are stored."""
        task, number = self.task, self.batch.number
        suite = expectations.suite(task.settings.pipeline, before)
        title = f"{task.settings.pipeline.datasource} {self._batch.whole}"
        report = task.expectations.run(task.settings.pipeline.datasource, self.batch.intervals, suite, title=title)
        boundary = task.settings.boundary
        task.require()
        task.put_json(names.expectations_uri(boundary, self.run_id, number), report.document)
        page = names.expectations_page_uri(boundary, self.run_id, number)
        task.store.put(page, report.page.encode(), kms_key_arn=boundary.kms_key_arn)
        return [*zip(suite, report.results, strict=True)]

    def _keys(self, segments: Sequence[Segment]) -> list[str]:
        """The KMS keys on the segments' objects. Raises IntegrityError for a key that is not the boundary's."""
        places = {place_of(segment) for segment in segments if segment.shard_spec_type != TOMBSTONE}
        wanted = self.task.settings.boundary.kms_key_arn
        remedy = f"make Druid's deep storage and the bucket's default use {wanted}"
        return refuse_other_keys(self.task.store, places, wanted, remedy=remedy)
