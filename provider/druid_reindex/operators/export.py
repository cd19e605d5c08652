"""``export_…``: what the night has rebuilt, as files that Redshift's COPY reads, written by a step of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Load
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import links
from druid_reindex.operators.lineage import site_of
from druid_reindex.operators.loaded import await_load
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.operators.run_cluster import cluster_of, script_job
from druid_reindex.operators.transfers import entered, read_whole
from druid_reindex.plan import emr, names
from druid_reindex.plan.document import canonical

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.segment import Segment
    from druid_reindex.operators.scripts import ScriptJob
    from druid_reindex.operators.steps import StepUnit

RECORD_PROTOCOL = 1


class ExportSegmentsOperator(NightOperator):
    """The rows of the chunks that the night has rebuilt, as encrypted files with a manifest, once for each rebuild.

    The step reads the segments in deep storage with Druid's own tool; the manifest that ``load`` reads is put in its
    place when all of it is there. Skipped by an empty plan.

    Returns ``rows``, ``files``, ``segments``, ``manifest_uri``, ``manifest_sha256`` and ``step_id``.

    :param load: the load that will read the files: its columns, format and compression
    """

    operator_extra_links = links.REINDEX_LINKS

    def __init__(self, *, load: Load, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.load = load
        self._job: ScriptJob | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Export the segments, or return the record of the time they were."""
        entered(self, context, leased=True)
        segments = self._segments(context)
        sha256 = digest(canonical(sorted(segment.segment_id for segment in segments)))
        uri = names.export_prefix(self.settings.boundary, self.run_identity(context), self.load.name) / "result.json"
        record = self.get_record(context, uri)
        if record is None or record["segments_sha256"] != sha256:
            told = {"protocol": RECORD_PROTOCOL, "segments": len(segments), "segments_sha256": sha256}
            record = told | self._exported(context, segments)
            self.put_record(context, uri, record)
        shown = ("rows", "files", "segments", "manifest_uri", "manifest_sha256", "step_id")
        return {name: record[name] for name in shown}

    def lineage(self) -> Lineage:
        """The datasource, and the files."""
        return lineage_tasks.export(site_of(self), self.load, self.returned)

    def on_kill(self) -> None:
        """Cancel the step that this try waits for."""
        if self._job is not None:
            self._job.cancel()

    def _segments(self, context: Context) -> list[Segment]:
        """What serves the rebuilt chunks now, and how many rows. Raises NotFoundError for a batch without a result."""
        chosen, boundary, run_id = planned_night(context)["batches"], self.settings.boundary, self.run_identity(context)
        found: list[Segment] = []
        for batch in self.stored_plan(context).batches:
            if batch.number not in chosen:
                continue
            place = names.result_uri(boundary, run_id, batch.number)
            if self.get_record(context, place) is None:
                raise NotFoundError(
                    "find what a batch has rebuilt",
                    resource=str(place),
                    came_back="no record",
                    remedy=f"clear the task of batch {batch.number} first",
                )
            found += await_load(self, batch)
        return found

    def _exported(self, context: Context, segments: list[Segment]) -> dict[str, Any]:
        rows = sum(segment.num_rows or 0 for segment in segments)
        cluster = cluster_of(self, context)
        self._job = script_job(self, context, cluster)
        step_id, folder = self._job.run(cluster, self._unit(context, segments))
        written = folder / "files/manifest"
        manifest = read_whole(self, written, below=folder)
        if manifest.rows != rows:
            raise IntegrityError(
                "export segments",
                resource=str(manifest.uri),
                came_back=f"{manifest.rows} rows, of {rows} that are served",
                remedy="find out who wrote it, then clear this task",
            )
        self.require()
        boundary = self.settings.boundary
        place = names.export_manifest_uri(boundary, self.run_identity(context), self.load.name)
        self.store.put(place, self.store.get(written), kms_key_arn=boundary.kms_key_arn)
        return {
            "rows": rows,
            "files": len(manifest.files),
            "manifest_uri": str(place),
            "manifest_sha256": manifest.sha256,
            "step_id": step_id,
        }

    def _unit(self, context: Context, segments: list[Segment]) -> StepUnit:
        from druid_reindex.operators.steps import StepUnit  # noqa: PLC0415
        from druid_reindex.plan.export import export_spec  # noqa: PLC0415

        boundary, region = self.settings.boundary, self.settings.boundaries.region

        def spec(_name: str, folder: S3Uri) -> dict[str, Any]:
            return export_spec(self.load, segments, boundary=boundary, folder=folder)

        return StepUnit(
            name=f"export_{self.load.name}",
            digest=digest(canonical(spec("", S3Uri("any-bucket")))),
            place=names.export_prefix(boundary, self.run_identity(context), self.load.name),
            spec=spec,
            payload=lambda name, spec_uri, _seconds: emr.export_step(name, spec_uri, region),
        )
