"""Gathers the state of a run from outside: what Airflow says is handed in, Druid, EMR and S3 are asked.

Whatever cannot be read is ``Unread`` in its own place and hides nothing else, so nothing here raises an error of the
tree: the text of a failed night is wanted most when something does not answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from druid_reindex.clients.groups import GroupShelf
from druid_reindex.clients.leases import LeaseShelf
from druid_reindex.clients.suspensions import SuspensionShelf
from druid_reindex.errors import DruidReindexError, ProtocolError
from druid_reindex.evidence.night_state import (
    Change,
    Holder,
    NightState,
    Progress,
    RunningCluster,
    Served,
    Stopped,
    StoppedStream,
    Unread,
)
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.prices import PriceTable
from druid_reindex.model.profile import ClusterProfile
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse
from druid_reindex.plan import document, names
from druid_reindex.plan.group import is_open, of_run
from druid_reindex.plan.night import Batch, Chunk
from druid_reindex.plan.timeline import visible
from druid_reindex.ports import DruidPort, EmrPort, ObjectStorePort, ObjectVersionsPort, RedshiftPort

T = TypeVar("T")


@dataclass(frozen=True)
class Sources:
    """Whom to ask; each is made when it is first needed, so that one that cannot be made hides no other.

    ``redshift`` is asked for by the warehouse; it and ``versions``, S3 with what it keeps of deleted objects, are None
    for those who only look.
    """

    druid: Callable[[], DruidPort]
    emr: Callable[[], EmrPort]
    store: Callable[[], ObjectStorePort]
    redshift: Callable[[Warehouse], RedshiftPort] | None = None
    versions: Callable[[], ObjectVersionsPort] | None = None


@dataclass(frozen=True)
class Subject:
    """The run, and what its nights are made from."""

    run_id: RunId
    pipeline: Pipeline
    boundary: Boundary
    profile: ClusterProfile
    prices: PriceTable | None = None


@dataclass(frozen=True)
class AirflowFacts:
    """What Airflow says of the run; ``batches`` are the numbers that it is to carry out, None for all of the plan."""

    state: str | Unread
    stopped: tuple[Stopped, ...] | Unread = ()
    why: str | Unread = ""
    queued_at: datetime | Unread | None = None
    batches: tuple[int, ...] | None = None
    suspended: tuple[str, ...] | Unread = ()


@dataclass(frozen=True)
class _Planned:
    """The batches that the run is to carry out, the records of those that it did, and the chunks taken back."""

    batches: tuple[Batch, ...] = ()
    records: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    taken_back: frozenset[str] = frozenset()


def night_state(subject: Subject, told: AirflowFacts, sources: Sources) -> NightState:
    """All that is known of the run."""
    planned = _read(lambda: _stored_plan(subject, told.batches, sources.store()))
    return NightState(
        dag_id=subject.run_id.dag_id,
        run_id=subject.run_id.dag_run_id,
        datasource=subject.pipeline.datasource,
        run_state=told.state,
        stopped=told.stopped,
        why=told.why,
        serving=planned if isinstance(planned, Unread) else _read(lambda: _served(subject, planned, sources.druid())),
        running=_read(lambda: _running(subject, sources)),
        lease=_read(lambda: _holder(subject, sources.store())),
        progress=planned if isinstance(planned, Unread) else _progress(planned),
        deadline=_deadline(subject.pipeline, told.queued_at),
        suspended=told.suspended,
        streams=_read(lambda: _streams(subject, sources.store())),
    )


def usd_per_hour(profile: ClusterProfile, prices: PriceTable | None) -> float | None:
    """What a cluster of ``profile`` costs for an hour; None when the table has no price for one of its instances."""
    if prices is None or any(group.instance_type not in prices.instance_types for group in profile.nodes):
        return None
    return sum(g.count * prices.instance_types[g.instance_type].usd_per_hour for g in profile.nodes)


def results(subject: Subject, store: ObjectStorePort) -> frozenset[int]:
    """The numbers of the batches that left a result under the run's present plan."""
    planned = _stored_plan(subject, None, store)
    return frozenset() if planned is None else frozenset(planned.records)


def _stored_plan(subject: Subject, chosen: tuple[int, ...] | None, store: ObjectStorePort) -> _Planned | None:
    """The run's plan and its records as S3 has them; None before there is a plan."""
    found = store.get_with_etag(names.plan_uri(subject.boundary, subject.run_id))
    if found is None:
        return None
    batches = document.from_json(found[0]).batches
    wanted = tuple(batch for batch in batches if chosen is None or batch.number in chosen)
    place, sha256 = (subject.boundary, subject.run_id), digest(found[0])
    records = {b.number: _record(names.result_uri(*place, b.number), sha256, store, "after") for b in wanted}
    taken_back = [_record(names.rollback_uri(*place, batch.number), sha256, store) or {} for batch in wanted]
    return _Planned(
        wanted,
        {number: record for number, record in records.items() if record is not None},
        frozenset(chunk for record in taken_back for chunk in record.get("chunks", ())),
    )


def _record(uri: S3Uri, plan_sha256: str, store: ObjectStorePort, *needed: str) -> Mapping[str, Any] | None:
    """A batch's record under the present plan, which must have what is ``needed``."""
    found = store.get_with_etag(uri)
    if found is None:
        return None
    try:
        record: dict[str, Any] = json.loads(found[0])
        complete = all(record[name] is not None for name in needed)
        return record if record["plan_sha256"] == plan_sha256 and complete else None
    except (ValueError, KeyError, TypeError) as unreadable:
        raise ProtocolError(
            "read a batch's record",
            resource=str(uri),
            came_back=f"{type(unreadable).__name__}",
            remedy="look at it with the release of druid-reindex that ran the night",
        ) from unreadable


def _served(subject: Subject, planned: _Planned | None, druid: DruidPort) -> tuple[Served, ...]:
    chunks = [(chunk, batch) for batch in planned.batches for chunk in batch.chunks] if planned is not None else []
    if planned is None or not chunks:
        return ()
    intervals = [chunk.interval for chunk, _ in chunks]
    datasource = subject.pipeline.datasource
    sets = visible(druid.used_segments(datasource, intervals))
    rows = druid.segment_rows(datasource, intervals)
    served = []
    for chunk, batch in chunks:
        within = [each for each in sets if each.interval.overlaps(chunk.interval)]
        segments = [segment for each in within for segment in each.segments]
        counts = [rows.get(each.segment_id) for each in segments if each.shard_spec_type != "tombstone"]
        known = None if None in counts else sum(count for count in counts if count is not None)
        versions = tuple(sorted({each.version for each in within}))
        change = _change({each.segment_id for each in segments}, chunk, planned.records.get(batch.number))
        if change is Change.NONE and str(chunk.interval) in planned.taken_back:
            change = Change.TAKEN_BACK
        served.append(Served(str(chunk.interval), versions, known, change))
    return tuple(served)


def _change(ids: set[str], chunk: Chunk, record: Mapping[str, Any] | None) -> Change:
    if record is not None and ids == set(record["after"].get(str(chunk.interval), ())):
        return Change.REBUILT
    return Change.NONE if ids == {segment.segment_id for segment in chunk.segments} else Change.OTHER


def _running(subject: Subject, sources: Sources) -> tuple[RunningCluster, ...]:
    """The run's own clusters, and the one that it shares until it has left its group."""
    price = usd_per_hour(subject.profile, subject.prices)
    tagged = sources.emr().living_clusters(names.RUN_TAG)
    keys = {each.tags[names.GROUP_TAG] for each in tagged if names.GROUP_TAG in each.tags}
    groups = [GroupShelf(sources.store(), subject.boundary, key).read() for key in sorted(keys)]
    joined = [group for group in groups if group is not None and group.has(subject.run_id)]
    shared = [each for each in tagged if any(is_open(each, group) for group in joined)]
    return tuple(
        RunningCluster(cluster.cluster_id, cluster.state.value, cluster.created_at, price)
        for cluster in (*of_run(tagged, subject.run_id), *shared)
        if not cluster.state.is_ended
    )


def _holder(subject: Subject, store: ObjectStorePort) -> Holder | None:
    lease = LeaseShelf(store, subject.boundary, subject.pipeline.datasource).read()
    if lease is None or not lease.is_open:
        return None
    is_this_run = lease.owner == str(subject.run_id)
    return Holder(lease.dag_id, lease.run_id, lease.since, lease.until, is_this_run)


def _streams(subject: Subject, store: ObjectStorePort) -> tuple[StoppedStream, ...]:
    found = SuspensionShelf(store, subject.boundary, subject.pipeline.datasource).read()
    if found is None:
        return ()
    by = found.run.dag_id, found.run.dag_run_id, found.run == subject.run_id
    return tuple(StoppedStream(each.supervisor_id, each.since, *by) for each in found.supervisors)


def _progress(planned: _Planned | None) -> Progress | None:
    if planned is None:
        return None
    return Progress(tuple(batch.number for batch in planned.batches), frozenset(planned.records))


def _deadline(pipeline: Pipeline, queued_at: datetime | Unread | None) -> datetime | Unread | None:
    hours = pipeline.policy.finish_within_hours
    if hours is None or queued_at is None or isinstance(queued_at, Unread):
        return None if hours is None else queued_at
    return queued_at + timedelta(hours=hours)


def _read(read: Callable[[], T]) -> T | Unread:
    try:
        return read()
    except DruidReindexError as error:
        return Unread(str(error))
