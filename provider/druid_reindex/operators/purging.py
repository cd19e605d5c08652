"""A night that leaves the rows of keys out: the file that it pins, and a batch's steps before and after its job.

What the file says is read by steps of the cluster alone, under the cluster's role; here are its address and ETag.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from druid_reindex.errors import ConfigurationError, NotFoundError
from druid_reindex.model.identity import digest
from druid_reindex.model.interval import ALL_TIME
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.encryption import refuse_other_keys
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.operators.run_cluster import script_job
from druid_reindex.operators.steps import RESULT, StepUnit
from druid_reindex.operators.transfers import read_whole
from druid_reindex.plan import emr, names, purge
from druid_reindex.plan.document import canonical

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.cluster import Cluster
    from druid_reindex.model.pipeline import Pipeline
    from druid_reindex.model.segment import Segment
    from druid_reindex.operators.request import Purge
    from druid_reindex.operators.scripts import ScriptJob
    from druid_reindex.plan.night import Batch, Chunk


def pinned(task: NightOperator, asked: Purge) -> purge.KeyFile:
    """The file of keys as it is now, which no step reads once it is another one.

    Raises ConfigurationError where it lies elsewhere than the cluster may read, or the pipeline cannot be purged by it;
    NotFoundError where it is not there, IntegrityError where it is not under the boundary's key.
    """
    from druid_reindex.clients.purged import etag_of  # noqa: PLC0415

    purge.refuse_inexact(task.settings.pipeline, asked.column)
    boundary, uri = task.settings.boundary, asked.key_file
    if not S3Uri.parse(boundary.runs_uri).covers(uri):
        raise ConfigurationError(
            "find the keys of a purge",
            resource=str(uri),
            came_back=f"an address outside {boundary.runs_uri}, which clusters of this side do not read",
            remedy=f"put the file below {S3Uri.parse(boundary.runs_uri) / 'keys'}",
        )
    etag = etag_of(task.store, uri)
    if etag is None:
        raise NotFoundError(
            "find the keys of a purge",
            resource=str(uri),
            came_back="no object",
            remedy="put the file there, one key in each line",
        )
    refuse_other_keys(task.store, [uri], boundary.kms_key_arn, remedy="put the file there anew under that key")
    return purge.KeyFile(str(uri), etag, asked.column)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a step wrote of a batch: how many ``keys`` it was given, and by chunk what it counted.

    ``pipeline`` reads the files, ``batch`` is without the chunks of which nothing is left, which are ``emptied``.
    """

    keys: int
    chunks: Mapping[str, purge.Sifted]
    pipeline: Pipeline
    batch: Batch
    emptied: Sequence[Chunk]


@dataclass
class Purging:
    """The steps of one run on its ``cluster``; ``begun`` hears of each job, to cancel it."""

    task: NightOperator
    context: Context
    cluster: Cluster
    keys: purge.KeyFile
    begun: Callable[[ScriptJob], None]

    @classmethod
    def of(
        cls, task: NightOperator, context: Context, cluster: Cluster, begun: Callable[[ScriptJob], None]
    ) -> Self | None:
        """None for an ordinary night."""
        told = planned_night(context).get("purge")
        return cls(task, context, cluster, purge.KeyFile(**told), begun) if told else None

    def sift(self, batch: Batch, rows: Mapping[str, int]) -> Kept:
        """The batch's rows without the keys, as files; ``rows`` are those that Druid serves of each chunk.

        Before the run's first batch the keys are looked for in the datasource that the pipeline is built from.
        Raises IntegrityError where the step saw other rows, or its files are not whole; ConfigurationError where the
        keys are in that datasource.
        """
        settings = self.task.settings
        if settings.pipeline.is_derived and batch.number == planned_night(self.context)["batches"][0]:
            self._prove_source()

        def spec(folder: S3Uri) -> dict[str, Any]:
            return purge.sift_spec(settings.pipeline, self.keys, batch, boundary=settings.boundary, folder=folder)

        keys, found, folder = self._step(f"sift{batch.number}", batch.number, spec)
        purge.refuse_uncounted(settings.pipeline.datasource, rows, found)
        manifest = read_whole(self.task, folder / "files/manifest", below=folder)
        left, emptied = purge.without_emptied(batch, found)
        files = [str(file.uri) for file in manifest.files]
        return Kept(keys, found, purge.combined(settings.pipeline, files), left, emptied)

    def finish(self, kept: Kept, after: Mapping[str, Sequence[Segment]]) -> dict[str, Any]:
        """What may be told of the batch's purge, once no row of the keys is in what serves it ``after`` its job.

        Raises IntegrityError that counts what is left.
        """
        settings = self.task.settings

        def spec(_folder: S3Uri) -> dict[str, Any]:
            return purge.count_spec(settings.pipeline, self.keys, after, boundary=settings.boundary)

        _, found, _ = self._step(f"count{kept.batch.number}", kept.batch.number, spec)
        purge.refuse_left(settings.pipeline.datasource, kept.chunks, found)
        self._empty(kept.emptied)
        self._withhold()
        return self.keys.to_json() | {
            "keys": kept.keys,
            "rows_without": {chunk: told.without_keys for chunk, told in kept.chunks.items()},
            "rows_with": {chunk: told.with_keys for chunk, told in kept.chunks.items()},
            "sums": {chunk: dict(told.metrics) for chunk, told in kept.chunks.items()},
            "rows_left": sum(told.with_keys for told in found.values()),
        }

    def _withhold(self) -> None:
        """Keep the rows of the keys out of what later nights unload, for these would bring them back."""
        from druid_reindex.clients.withheld import WithheldShelf  # noqa: PLC0415

        pipeline = self.task.settings.pipeline
        if pipeline.files:
            self.task.require()
            WithheldShelf(self.task.store, self.task.settings.boundary, pipeline.datasource).add(self.keys)

    def _empty(self, chunks: Sequence[Chunk]) -> None:
        """Take chunks out of service of which nothing is left: a job without a row publishes nothing.

        Raises IntegrityError where somebody has written one of them meanwhile.
        """
        if not chunks:
            return
        datasource, intervals = self.task.settings.pipeline.datasource, [chunk.interval for chunk in chunks]
        goes = purge.emptied_ids(chunks, self.task.druid.used_segments(datasource, intervals))
        self.task.require()
        self.task.druid.mark_unused(datasource, goes)
        purge.refuse_served(datasource, chunks, self.task.druid.used_segments(datasource, intervals))

    def _prove_source(self) -> None:
        """Count what the datasource serves that the pipeline's nights read: a row of the keys would come back.

        Raises ConfigurationError where there is one.
        """
        pipeline, boundary = self.task.settings.pipeline, self.task.settings.boundary
        used = self.task.druid.used_segments(pipeline.source, [ALL_TIME])
        spec = purge.source_spec(pipeline, self.keys, used, boundary=boundary)
        if spec["segments"]:
            _, found, _ = self._step("source", 0, lambda _folder: spec)
            purge.refuse_in_source(pipeline.source, found)

    def _step(
        self, name: str, batch: int, spec: Callable[[S3Uri], dict[str, Any]]
    ) -> tuple[int, dict[str, purge.Sifted], S3Uri]:
        task, boundary = self.task, self.task.settings.boundary
        job = script_job(task, self.context, self.cluster)
        self.begun(job)
        unit = StepUnit(
            name=name,
            digest=digest(canonical(spec(S3Uri("any-bucket")))),
            place=names.purge_prefix(boundary, task.run_identity(self.context), batch),
            spec=lambda _name, folder: spec(folder),
            payload=lambda step, spec_uri, _seconds: emr.export_step(step, spec_uri, task.settings.boundaries.region),
        )
        _, folder = job.run(self.cluster, unit)
        return *purge.sifted(json.loads(task.store.get(folder / RESULT))), folder
