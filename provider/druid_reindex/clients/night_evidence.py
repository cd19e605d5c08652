"""Gathers the parts of a night's pack from what the night has left in S3, and from Druid and EMR.

Whatever cannot be read is a part of its own, unread, and hides nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from druid_reindex import __version__
from druid_reindex.clients.holdings import HeldByNight
from druid_reindex.clients.own_code import distributions_sha256, provider_sha256
from druid_reindex.errors import DruidReindexError, IntegrityError, NotFoundError
from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Body, Kind, Part, Record, absent, pending, told, unread
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId, canonical, digest
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import document, names
from druid_reindex.plan.export import place_of
from druid_reindex.plan.night import Batch, NightPlan
from druid_reindex.plan.partitions import TOMBSTONE
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort

LATER = "CloudTrail delivers its record of calls after the night; a supplement tells it"


@dataclass(frozen=True, slots=True)
class Told:
    """What Airflow says of the night; ``plan_sha256`` is None where it has told no plan.

    ``security_configuration`` is the name of the cluster's, None where none was attested.
    """

    asked: parts.Asked
    tasks: Sequence[parts.Task]
    cluster: Mapping[str, Any]
    plan_sha256: str | None
    batches: Sequence[int]
    security_configuration: str | None
    agreement: str | None


@dataclass(frozen=True)
class NightEvidence:
    """One night, and whom to ask about it; Druid and EMR are made when they are asked."""

    run_id: RunId
    pipeline: Pipeline
    boundary: Boundary
    told: Told
    store: ObjectStorePort
    druid: Callable[[], DruidPort]
    emr: Callable[[], EmrPort]

    def gather(self) -> list[Part]:
        """Each part but those that tell which pack it is and who signs it."""
        plan = self._plan()
        looks: dict[Kind, Callable[[], Body | str]] = {
            Kind.ASKED: lambda: self.told.asked,
            Kind.CODE: self._code,
            Kind.PLAN: lambda: self._planned(plan),
            Kind.POSTURE: lambda: self._report(parts.Posture, names.posture_uri(self.boundary, self.run_id)),
            Kind.ATTESTATION: lambda: self._report(
                parts.Attestation, names.attestation_uri(self.boundary, self.run_id)
            ),
            Kind.SECURITY_CONFIGURATION: self._security_configuration,
            Kind.CLUSTER: self._cluster,
            Kind.TASKS: lambda: parts.Tasks(tuple(self.told.tasks)),
            Kind.SEGMENTS: lambda: self._segments(plan),
            Kind.OBJECTS: lambda: self._objects(plan),
            Kind.QUALITY: lambda: self._quality(plan),
            Kind.ROLLBACK: lambda: self._rollback(plan),
            Kind.FILES: self._files,
            Kind.AGREEMENT: self._agreement,
        }
        later = (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES)
        return [*(_part(kind, look) for kind, look in looks.items()), *(pending(kind, LATER) for kind in later)]

    def _plan(self) -> NightPlan | DruidReindexError | None:
        """The stored plan, or why it could not be read; None when the night has none."""
        try:
            return document.from_json(self._plan_bytes()) if self.told.plan_sha256 else None
        except DruidReindexError as error:
            return error

    def _plan_bytes(self) -> bytes:
        uri = names.plan_uri(self.boundary, self.run_id)
        body = self.store.get(uri)
        if digest(body) != self.told.plan_sha256:
            raise IntegrityError(
                "read the night's plan",
                resource=str(uri),
                came_back=f"SHA-256 {digest(body)}, where {self.told.plan_sha256} was stored",
                remedy="find out in S3's versions and CloudTrail who wrote it",
            )
        return body

    def _planned(self, plan: NightPlan | DruidReindexError | None) -> Body | str:
        if plan is None:
            return "the night made no plan"
        found = _known(plan)
        stored = Record(str(names.plan_uri(self.boundary, self.run_id)), str(self.told.plan_sha256))
        return parts.Plan(stored, found.explained, len(found.batches), len(found.chunks))

    def _code(self) -> Body:
        pipeline = digest(canonical(self.pipeline.model_dump(mode="json")))
        return parts.Code(__version__, provider_sha256(), pipeline, distributions_sha256())

    def _report(self, kind: type[parts.Posture] | type[parts.Attestation], uri: S3Uri) -> Body | str:
        found = self._record(uri)
        return kind(found) if found is not None else f"there is no {uri}"

    def _security_configuration(self) -> Body | str:
        name = self.told.security_configuration
        if name is None:
            return "no cluster was attested"
        found = self.emr().security_configuration(name)
        if found is None:
            raise NotFoundError("read a security configuration", resource=name, came_back="EMR has none", remedy="none")
        return parts.SecurityConfiguration(found.name, found.text)

    def _cluster(self) -> Body | str:
        told = self.told.cluster
        if not told.get("clusters"):
            return "no cluster was launched, or none was asked about"
        return parts.Cluster(
            tuple(told["clusters"]), told["state"], told["reason"], int(told["normalized_instance_hours"])
        )

    def _segments(self, plan: NightPlan | DruidReindexError | None) -> Body | str:
        results = self._of_batches(plan, names.result_uri)
        if not results or plan is None:
            return "no batch left a result"
        held = HeldByNight(self.run_id, self.pipeline, self.boundary, self.store, self.told.plan_sha256)
        holdings = held.of(self._chosen(_known(plan)))
        return parts.Segments(tuple(_batch(*each) for each in results), holdings, tuple(held.uncounted))

    def _objects(self, plan: NightPlan | DruidReindexError | None) -> Body | str:
        results = self._of_batches(plan, names.result_uri)
        if not results or plan is None:
            return "no batch left a result"
        wanted = {each for number, record in results for each in _batch(number, record).after}
        intervals = [each for batch in self._chosen(_known(plan)) for each in batch.intervals]
        used = self.druid().used_segments(self.pipeline.datasource, intervals)
        found = [each for each in used if each.segment_id in wanted]
        gone = sorted(wanted - {each.segment_id for each in found})
        return parts.Objects(self._stored([each for each in found if each.shard_spec_type != TOMBSTONE]), gone)

    def _stored(self, segments: Sequence[Segment]) -> tuple[parts.StoredFile, ...]:
        """Each segment's object with ETag and key, in the order of addresses."""
        places = sorted({place_of(each) for each in segments})
        if not places:
            return ()
        folder = S3Uri(places[0].bucket, os.path.commonpath([each.key.rpartition("/")[0] for each in places]))
        etags = {each.uri: each.etag for each in self.store.listing(folder)}
        keys = self.store.kms_keys(places)
        return tuple(parts.StoredFile(str(each), etags[each], keys[each]) for each in places)

    def _quality(self, plan: NightPlan | DruidReindexError | None) -> Body | str:
        verdicts = self._of_batches(plan, names.verdict_uri)
        results = self._of_batches(plan, names.expectations_uri)
        if not verdicts:
            return "nothing was judged"
        bare = tuple(Record(record.uri, record.sha256) for _, record in results)
        return parts.Quality(tuple(record for _, record in verdicts), bare)

    def _rollback(self, plan: NightPlan | DruidReindexError | None) -> Body | str:
        records = self._of_batches(plan, names.rollback_uri)
        return parts.Rollback(tuple(record for _, record in records)) if records else "nothing was taken back"

    def _files(self) -> Body:
        found = self.store.listing(names.run_prefix(self.boundary, self.run_id))
        return parts.Files(tuple(parts.Listed(str(each.uri), each.etag) for each in found))

    def _agreement(self) -> Body | str:
        named = self.told.agreement
        return parts.Agreement(named) if named else "boundaries.yaml names none (evidence.agreement)"

    def _of_batches(
        self, plan: NightPlan | DruidReindexError | None, place: Callable[[Boundary, RunId, int], S3Uri]
    ) -> list[tuple[int, Record]]:
        """The record of each chosen batch that has one at that place. Raises what kept the plan from being read."""
        if plan is None:
            return []
        batches = self._chosen(_known(plan))
        found = ((each.number, self._record(place(self.boundary, self.run_id, each.number))) for each in batches)
        return [(number, record) for number, record in found if record is not None]

    def _chosen(self, plan: NightPlan) -> list[Batch]:
        return [each for each in plan.batches if each.number in self.told.batches]

    def _record(self, uri: S3Uri) -> Record | None:
        """The JSON object at ``uri``; None when there is none."""
        found = self.store.get_with_etag(uri)
        return Record(str(uri), digest(found[0]), json.loads(found[0])) if found is not None else None


def _part(kind: Kind, look: Callable[[], Body | str]) -> Part:
    """The part, told, or absent where the look gives a reason, or unread."""
    try:
        found = look()
    except DruidReindexError as error:
        return unread(kind, str(error))
    except (ValueError, KeyError, TypeError) as unreadable:
        return unread(kind, f"in a form that this release does not know: {type(unreadable).__name__}")
    return absent(kind, found) if isinstance(found, str) else told(found)


def _known(plan: NightPlan | DruidReindexError) -> NightPlan:
    if isinstance(plan, DruidReindexError):
        raise plan
    return plan


def _batch(number: int, record: Record) -> parts.Batch:
    """The ids before and after; the record itself by its digest."""
    told: Mapping[str, Any] = record.document or {}
    before, after = (sorted(each for ids in told[name].values() for each in ids) for name in ("before", "after"))
    return parts.Batch(number, before, after, Record(record.uri, record.sha256))
