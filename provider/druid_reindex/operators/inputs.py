"""What a batch is built from, as far as it is known only when it runs: files; and what is kept of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from druid_reindex.model.pipeline import Pipeline, StaticInput
from druid_reindex.operators.transfers import prepared, unloaded

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.segment import Segment
    from druid_reindex.operators.night import NightOperator
    from druid_reindex.plan.manifest import Manifest
    from druid_reindex.plan.night import Batch, NightPlan


@dataclass(frozen=True, slots=True)
class Read:
    """The pipeline with the addresses of all its files, and how many rows these have; None where nobody counted.

    ``manifests`` are the addresses of those that list the files of unloads.
    """

    pipeline: Pipeline
    file_rows: int | None
    manifests: tuple[str, ...] = ()


def read_inputs(task: NightOperator, context: Context) -> Read:
    """What the task's batch reads, each file of an unload there and under the boundary's key.

    Raises NotFoundError for an unload that has not run, or a file that is gone; IntegrityError for another manifest.
    """
    pipeline = task.settings.pipeline
    wanted = {each.unload for each in pipeline.files}
    manifests = {
        unload.name: (prepared if unload.tokens else unloaded)(task, context, unload.name)
        for unload in pipeline.unloads
        if unload.name in wanted
    }
    return with_files(pipeline, manifests)


def with_files(pipeline: Pipeline, manifests: Mapping[str, Manifest]) -> Read:
    """``pipeline`` with the files of ``manifests``, by the name of the unload, in place of the names."""
    inputs = tuple(
        entry.model_copy(update={"paths": tuple(str(file.uri) for file in manifests[entry.unload].files)})
        if isinstance(entry, StaticInput) and entry.unload is not None
        else entry
        for entry in pipeline.inputs
    )
    counted = all(each.unload is not None for each in pipeline.files)
    rows = sum(manifest.rows for manifest in manifests.values()) if counted else None
    return Read(pipeline.model_copy(update={"inputs": inputs}), rows, tuple(str(m.uri) for m in manifests.values()))


def keep_built(
    task: NightOperator, pipeline: Pipeline, plan: NightPlan, batch: Batch, after: Mapping[str, list[Segment]]
) -> dict[str, Any]:
    """What the batch's chunks, now served by the segments ``after``, were built from, once the ledger has it.

    ``pipeline`` is as the batch was built: of another datasource, or of its own segments.
    """
    from druid_reindex.clients.ledgers import LedgerShelf  # noqa: PLC0415
    from druid_reindex.plan.built import entry  # noqa: PLC0415
    from druid_reindex.plan.changes import published  # noqa: PLC0415

    found = {
        name: built
        for chunk in batch.chunks
        for name, built in published(pipeline, chunk, after[str(chunk.interval)], plan.definition).items()
    }
    task.require()
    LedgerShelf(task.store, task.settings.boundary, pipeline.datasource).keep(found)
    return {name: entry(built) for name, built in found.items()}
