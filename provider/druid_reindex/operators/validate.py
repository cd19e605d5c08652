"""``validate``: what the night published is served, whole, under the right key, with the rows from before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import IntegrityError
from druid_reindex.model.interval import umbrella
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import links
from druid_reindex.operators.night import NightOperator, planned
from druid_reindex.operators.reindex import ids_by_interval
from druid_reindex.operators.triggers.waits import DruidLoadTrigger
from druid_reindex.operators.waiting import Wait
from druid_reindex.plan import measure, names
from druid_reindex.plan.timeline import visible

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.identity import RunId
    from druid_reindex.plan.night import Batch


class ValidateSegmentsOperator(NightOperator):
    """Judges each batch by itself, whatever became of the others.

    A published one must be served with equal rows and the boundary's key, any other must have changed nothing.

    Returns ``chunks``, ``segments_after``, ``rows_before``, ``rows_after``, ``bytes_after``, ``kms_keys`` and
    ``versions``.
    """

    operator_extra_links = links.VALIDATE_LINKS

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Wait for load, count, compare. Raises IntegrityError that names the chunks."""
        night = planned(context)
        if not night.get("batches"):
            raise AirflowSkipException(night.get("explanation", "there is no plan"))
        links.tell_datasource(context, self.settings)
        self.hold(context)
        run_id = self.run_identity(context)
        found = [self._judge(context, run_id, batch) for batch in self.stored_plan(context).batches]
        return {
            **{
                name: sum(each[name] for each in found)
                for name in ("chunks", "segments_after", "rows_before", "rows_after", "bytes_after")
            },
            **{name: sorted({value for each in found for value in each[name]}) for name in ("kms_keys", "versions")},
        }

    def _judge(self, context: Context, run_id: RunId, batch: Batch) -> dict[str, Any]:
        record = self.get_record(context, names.result_uri(self.settings.boundary, run_id, batch.number))
        if record is None:
            return self._untouched(batch)
        self._wait_for_load(batch)
        segments = self._visible(batch)
        self._same_rows(record, batch)
        return {
            "chunks": len(batch.chunks),
            "segments_after": len(segments),
            "rows_before": sum(record["rows_before"].values()),
            "rows_after": sum(self._rows(batch).values()),
            "bytes_after": sum(segment.size_bytes for segment in segments),
            "kms_keys": self._keys(segments),
            "versions": [segment.version for segment in segments],
        }

    def _untouched(self, batch: Batch) -> dict[str, Any]:
        """A batch without a result must serve what it served before."""
        served = {segment.segment_id for segment in self._visible(batch)}
        before = {segment.segment_id for chunk in batch.chunks for segment in chunk.segments}
        if served != before:
            raise IntegrityError(
                "validate a batch that did not finish",
                resource=f"{self.settings.pipeline.datasource} batch {batch.number}",
                came_back=f"{len(served - before)} segments are served that were not there before",
                remedy=f"look at these first: {', '.join(sorted(served - before)[:5])}",
            )
        return dict.fromkeys(("chunks", "segments_after", "rows_before", "rows_after", "bytes_after"), 0) | {
            "kms_keys": [],
            "versions": [],
        }

    def _visible(self, batch: Batch) -> list[Segment]:
        used = self.druid.used_segments(self.settings.pipeline.datasource, batch.intervals)
        wanted = {i for ids in ids_by_interval(visible(used), batch.intervals).values() for i in ids}
        return [segment for segment in used if segment.segment_id in wanted]

    def _wait_for_load(self, batch: Batch) -> None:
        """Wait until no segment is left to load, and each visible one is announced by a Historical."""
        datasource, whole = self.settings.pipeline.datasource, umbrella(batch.intervals)
        arguments = self.settings.druid_arguments | {"datasource": datasource, "interval": str(whole)}
        wait = Wait(f"load of {datasource} {whole}", DruidLoadTrigger, arguments)
        self.waiting.until(
            lambda: self.druid.load_status(datasource, whole, refresh=True),
            lambda status: status.segments_left == 0,
            wait,
            tell=lambda status: f"{status.segments_left} segments left",
        )
        self.waiting.until(
            lambda: self._unannounced(batch),
            lambda missing: not missing,
            wait,
            tell=lambda missing: f"{len(missing)} segments not announced",
        )

    def _unannounced(self, batch: Batch) -> set[str]:
        announced = self.druid.segment_rows(self.settings.pipeline.datasource, batch.intervals)
        return {segment.segment_id for segment in self._visible(batch)} - announced.keys()

    def _rows(self, batch: Batch) -> dict[str, int]:
        sql, parameters = measure.rows_query(self.settings.pipeline, batch.intervals)
        return measure.rows_by_interval(self.druid.query(sql, parameters), batch.intervals)

    def _same_rows(self, record: dict[str, Any], batch: Batch) -> None:
        before, after = record["rows_before"], self._rows(batch)
        changed = [
            f"{chunk}: {rows} before, {after[chunk]} now" for chunk, rows in before.items() if rows != after[chunk]
        ]
        if changed:
            raise IntegrityError(
                "compare rows before and after",
                resource=f"{self.settings.pipeline.datasource} batch {batch.number}",
                came_back="; ".join(changed),
                remedy="find out whether something else wrote these chunks during the night",
            )

    def _keys(self, segments: list[Segment]) -> list[str]:
        """The KMS keys on the segments' objects. Raises IntegrityError for a key that is not the boundary's."""
        places = {S3Uri(s.payload["loadSpec"]["bucket"], s.payload["loadSpec"]["key"]) for s in segments}
        keys = self.store.kms_keys(places)
        wrong = {str(uri): key for uri, key in keys.items() if key != self.settings.boundary.kms_key_arn}
        if wrong:
            uri, key = next(iter(wrong.items()))
            raise IntegrityError(
                "check the new segments' encryption",
                resource=f"{uri} and {len(wrong) - 1} more",
                came_back=f"encrypted with {key or 'no KMS key'}",
                remedy=f"make Druid's deep storage and the bucket's default use {self.settings.boundary.kms_key_arn}",
            )
        return sorted(set(keys.values()))
