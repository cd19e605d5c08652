"""Disposes of segments: killed by Druid, then each version of their objects deleted, and looked for once more.

Each part finds what was done before, so that all of it may be begun again after any call, by the same run or by
another: what there is in Druid and in S3 decides, and each version is recorded before it is deleted. Druid's own kill
leaves the objects behind delete markers where a bucket has versions.
What it costs: a listing of the versions in each interval concerned, and one request for each version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.leases import utc_now
from druid_reindex.clients.stored_versions import Place, Stored
from druid_reindex.errors import ConflictError, IntegrityError, ReindexFailedError
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import ObjectVersion
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.disposal import Decision, Found, Kill, decide, kill_payload, kill_task_id, reach
from druid_reindex.ports import DruidPort

T = TypeVar("T", str, ObjectVersion)
_VERSIONS_AT_ONCE = 500  # deleted between two looks at the lease
_NAMED = 3


@dataclass(frozen=True)
class SegmentDisposal:
    """One run's hand on segments that are to go; ``require`` raises when its lease is lost.

    The first of ``places`` is Druid's deep storage, the others are copies of it.
    """

    datasource: str
    deployment_id: UUID
    run_id: RunId
    druid: DruidPort
    places: tuple[Place, ...]
    shelf: DisposalShelf
    require: Callable[[], None]
    log: Callable[[str], None]
    clock: Callable[[], datetime] = field(default=utc_now)

    def decided(self, doomed: Iterable[SegmentName]) -> Decision:
        """How these segments go, and which stay for what reason. Nothing is changed."""
        wanted = frozenset(doomed)
        return self._decided(wanted, self._stored(wanted))

    def begun(self) -> Disposal | None:
        """What this run has begun to dispose of, or has disposed of; None where it has not begun."""
        return self.shelf.read(self.run_id)

    def begin(self, doomed: Iterable[SegmentName]) -> Disposal:
        """The record of what goes, kept before anything is changed; what an earlier try has begun goes on with it.

        A kill of that try that has failed is made anew.
        """
        known = self.begun()
        wanted = frozenset(doomed) | self._names(known.segments if known else ())
        stored = self._stored(wanted)
        decision = self._decided(wanted, stored)
        if known is not None and known.is_done and not decision.kills:
            return known
        record = known or Disposal(self.datasource, self.deployment_id, self.run_id, self.clock())
        segments = _all(record.segments, self._ids(decision.names))
        record = replace(
            record,
            segments=segments,
            kills={task_id: str(kill.interval) for task_id, kill in self._tasks(decision).items()},
            objects=_all(record.objects, *(each.of(self._names(segments)) for each in stored)),
            absent=tuple(each for each in self._ids(decision.absent) if each not in segments),
            left={name.segment_id(self.datasource): why for name, why in decision.left.items()},
            ended_at=None,
        )
        self._keep(record)
        return record

    def pending(self, record: Disposal) -> str:
        """What is still to happen until Druid has killed all of it, after asking for what is not asked; else empty.

        Raises ReindexFailedError for a kill that failed, and ConflictError where what there is has changed since
        ``begin``, which is then to be asked again.
        """
        if record.is_done:
            return ""
        states = {task_id: self.druid.task_status(task_id).state for task_id in record.kills}
        for task_id in (each for each, state in states.items() if state is TaskState.FAILED):
            raise ReindexFailedError(
                "kill segments", resource=task_id, came_back=self.druid.task_failure(task_id),
                remedy="mend the cause, then do it again: what was killed already stays killed",
            )  # fmt: skip
        if absent := [each for each, state in states.items() if state is TaskState.ABSENT]:
            self._submit(record, absent)
        left = sum(state is not TaskState.SUCCESS for state in states.values())
        return f"{left} of {len(states)} kill tasks have not ended" if left else ""

    def living(self, record: Disposal) -> list[str]:
        """The kill tasks that have not ended."""
        return [each for each in record.kills if not self.druid.task_status(each).state.is_ended]

    def finish(self, record: Disposal) -> Disposal:
        """The record, once no version of any object of the segments is left in any of the places.

        To be called once nothing is pending. Raises IntegrityError where one is left, or where a segment is used again.
        """
        if record.is_done:
            return record
        doomed = self._names(record.segments)
        self._refuse_used(doomed)
        found = [each.of(doomed) for each in self._stored(doomed)]
        record = replace(record, objects=_all(record.objects, *found))
        self._keep(record)
        for place, versions in zip(self.places, found, strict=True):
            for first in range(0, len(versions), _VERSIONS_AT_ONCE):
                self.require()
                place.store.delete_versions(versions[first : first + _VERSIONS_AT_ONCE])
        self._refuse_left(doomed)
        checked = dict.fromkeys((*record.checked, *(str(place.root / self.datasource) for place in self.places)))
        done = replace(record, checked=tuple(checked), ended_at=self.clock())
        self._keep(done)
        self.log(f"disposed of {len(done.segments)} segments, {len(done.objects)} versions: none is left")
        return done

    def _submit(self, record: Disposal, absent: Iterable[str]) -> None:
        """Ask for these kills, if they are still what is right to do."""
        decision = self.decided(self._names(record.segments))
        kills = self._tasks(decision)
        if changed := [each for each in absent if each not in kills]:
            raise ConflictError(
                "kill segments",
                resource=f"{self.datasource} {', '.join(record.kills[each] for each in changed[:_NAMED])}",
                came_back="what there is has changed since it was decided what to kill",
                remedy="do it again: it is decided anew",
            )
        if ids := self._ids(decision.overshadowed):
            self.require()
            marked = self.druid.mark_unused(self.datasource, ids)
            self.log(f"{marked} of {len(ids)} overshadowed segments marked unused")
        for task_id in absent:
            self.require()
            self.log(f"killing {len(kills[task_id].names)} segments of {kills[task_id].interval}: task {task_id}")
            self.druid.submit_task(kill_payload(self.datasource, kills[task_id], task_id))

    def _tasks(self, decision: Decision) -> dict[str, Kill]:
        """The kills by their tasks' ids; one that has failed is followed by another generation."""
        found = {}
        for kill in decision.kills:
            generation = 1
            while self._has_failed(task_id := kill_task_id(self.datasource, self.run_id, kill, generation)):
                generation += 1
            found[task_id] = kill
        return found

    def _has_failed(self, task_id: str) -> bool:
        return self.druid.task_status(task_id).state is TaskState.FAILED

    def _decided(self, doomed: frozenset[SegmentName], stored: list[Stored]) -> Decision:
        used = tuple(self.druid.used_segments(self.datasource, reach(doomed)))
        own, everywhere = stored[0], frozenset(name for each in stored for name in each.versions)
        odd = {interval for each in own.odd for interval in (reach(doomed) if each is None else [each])}
        found = Found(used, own.kept, everywhere, tuple(sorted(odd)))
        return decide(doomed, found, by_version=self.druid.kills_by_version())

    def _stored(self, doomed: frozenset[SegmentName]) -> list[Stored]:
        spans = reach(doomed)
        return [place.stored(self.datasource, spans) if spans else Stored() for place in self.places]

    def _refuse_used(self, doomed: frozenset[SegmentName]) -> None:
        used = {SegmentName.of(each) for each in self.druid.used_segments(self.datasource, reach(doomed))}
        if again := sorted(doomed & used):
            raise IntegrityError(
                "dispose of segments",
                resource=f"{self.datasource}, {len(again)} segments",
                came_back=f"used again: {', '.join(map(str, again[:_NAMED]))}",
                remedy="find out who marked them used; no version of their objects was deleted by this try",
            )

    def _refuse_left(self, doomed: frozenset[SegmentName]) -> None:
        left = [version.uri for each in self._stored(doomed) for version in each.of(doomed)]
        if left:
            raise IntegrityError(
                "look whether all is gone",
                resource=f"{self.datasource}, {len(left)} versions",
                came_back=f"there still: {', '.join(map(str, left[:_NAMED]))}",
                remedy="find out who writes there, or what holds them (Object Lock, a legal hold), then do it again",
            )

    def _keep(self, record: Disposal) -> None:
        self.require()
        self.shelf.keep(record)

    def _ids(self, names: Iterable[SegmentName]) -> tuple[str, ...]:
        return tuple(name.segment_id(self.datasource) for name in names)

    def _names(self, ids: Iterable[str]) -> frozenset[SegmentName]:
        return frozenset(SegmentName.parse(self.datasource, each) for each in ids)


def _all(*values: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted({value for each in values for value in each}))
