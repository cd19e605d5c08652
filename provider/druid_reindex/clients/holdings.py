"""Gathers what the objects of a night's data hold, in counts: from its plan, its records and its manifests in S3.

What was replaced is told by the plan, and by what was measured before the rebuild; what replaced it by ``validate``;
files that tables were moved in by the manifests that say how many rows each has. Nobody is asked anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from druid_reindex.errors import DruidReindexError, IntegrityError
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.holding import Holding, read_holding
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.export import place_of
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.plan.night import Batch
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.ports import ObjectStorePort
from druid_reindex.quality.holdings import holdings

NOT_IN_FILES = "nobody counts the patients in files"


@dataclass
class HeldByNight:
    """One night under the plan ``plan_sha256``; ``uncounted`` fills with what could not be read, and why."""

    run_id: RunId
    pipeline: Pipeline
    boundary: Boundary
    store: ObjectStorePort
    plan_sha256: str | None
    uncounted: list[str] = field(default_factory=list)

    def of(self, batches: Iterable[Batch]) -> tuple[Holding, ...]:
        """What each object holds that ``batches`` have replaced or made, and each file that the night moved."""
        found: dict[str, Holding] = {}
        for uri, look in self._looks(batches):
            try:
                found |= {each.uri: each for each in look()}
            except DruidReindexError as error:
                self.uncounted.append(str(error))
            except (ValueError, KeyError, TypeError) as unreadable:
                self.uncounted.append(f"{uri}: in a form that this release does not know: {type(unreadable).__name__}")
        return tuple(found[uri] for uri in sorted(found))

    def _looks(self, batches: Iterable[Batch]) -> Iterator[tuple[S3Uri, Callable[[], Sequence[Holding]]]]:
        for batch in batches:
            before = names.before_uri(self.boundary, self.run_id, batch.number)
            after = names.holdings_uri(self.boundary, self.run_id, batch.number)
            yield before, partial(self._replaced, batch, before)
            yield after, partial(self._made, after)
        for record in self._moves():
            yield record, partial(self._files, record)

    def _replaced(self, batch: Batch, record: S3Uri) -> Sequence[Holding]:
        """The segments that served before; where nobody measured them, their patients are not known."""
        chunks = {str(each.interval): _stored(each.segments) for each in batch.chunks}
        name, shape = self.pipeline.patient_dimension, self._under_plan(record).get("shape", {})
        patients = {chunk: each["distinct"][name] for chunk, each in shape.items() if name in each.get("distinct", {})}
        return holdings(self.pipeline, chunks, patients, lambda each: str(place_of(each)))

    def _made(self, record: S3Uri) -> Sequence[Holding]:
        return [read_holding(each) for each in self._under_plan(record).get("holdings", ())]

    def _files(self, record: S3Uri) -> Sequence[Holding]:
        """The files of a manifest. Raises IntegrityError where it is not the one that was recorded."""
        if not (told := self._json(record)):
            return ()
        uri = S3Uri.parse(told["manifest_uri"])
        manifest = read_manifest(uri, self.store.get(uri), below=S3Uri.parse(self.boundary.data_uri))
        if manifest.sha256 != told["manifest_sha256"]:
            raise IntegrityError(
                "count what files hold",
                resource=str(uri),
                came_back=f"SHA-256 {manifest.sha256}, where {told['manifest_sha256']} was recorded",
                remedy="find out in S3's versions and CloudTrail who wrote it",
            )
        return [Holding(str(each.uri), rows=each.rows, how=NOT_IN_FILES) for each in manifest.files]

    def _moves(self) -> Iterator[S3Uri]:
        """Where it is recorded which files tables were moved in."""
        for unload in self.pipeline.unloads:
            yield names.unload_prefix(self.boundary, self.run_id, unload.name) / "result.json"
            yield names.prepared_prefix(self.boundary, self.run_id, unload.name) / "result.json"
        for load in self.pipeline.exports:
            yield names.export_prefix(self.boundary, self.run_id, load.name) / "result.json"

    def _under_plan(self, uri: S3Uri) -> Mapping[str, Any]:
        """The record, where it is of the night's present plan; a cleared run may have one of the plan before."""
        told = self._json(uri)
        return told if told.get("plan_sha256") == self.plan_sha256 else {}

    def _json(self, uri: S3Uri) -> Mapping[str, Any]:
        """The JSON object at ``uri``; empty where there is none."""
        found = self.store.get_with_etag(uri)
        told: Mapping[str, Any] = json.loads(found[0]) if found is not None else {}
        return told


def _stored(segments: Iterable[Segment]) -> list[Segment]:
    """Those that have an object: a tombstone has none."""
    return [each for each in segments if each.shard_spec_type != TOMBSTONE]
