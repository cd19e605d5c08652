"""Which supervisors a night suspends, and which of those that are suspended are its own to resume.

Druid keeps each change of a supervisor in its history, so that the history says whose a suspension is: exactly one
suspension since the version that we had seen is ours. Where somebody has resumed it meanwhile, and perhaps suspended
it again, or given it another spec, it is theirs. A person's suspension in the moment between our look and our call is
told by Druid's answer, and where that answer is lost, it is taken for ours.
Source: https://github.com/apache/druid/blob/25.0.0/indexing-service/src/main/java/org/apache/druid/indexing/overlord/supervisor/SupervisorManager.java
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from druid_reindex.errors import ConflictError
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline, Submission, Supervisors
from druid_reindex.model.suspension import Suspended, Suspension
from druid_reindex.model.writers import SupervisorVersion, Writers

Change = Callable[[Suspension | None], Suspension | None]
# Whoever resumes a supervisor has had Druid's answer by then, or is dead.
RESUMED_WITHIN = timedelta(minutes=10)


def stands_in_the_way(pipeline: Pipeline, chunks: Iterable[Interval], now: datetime) -> bool:
    """Whether a supervisor that runs is in the way of rebuilding ``chunks`` at ``now``.

    It is in the way of any where the job takes no locks, else of those into which a stream may still append.
    """
    if pipeline.submit is Submission.EMR_STEP:
        return any(True for _ in chunks)
    return any(chunk.end > now - pipeline.streaming_window for chunk in chunks)


def to_suspend(pipeline: Pipeline, chunks: Iterable[Interval], writers: Writers, now: datetime) -> tuple[str, ...]:
    """The supervisors that run, are in the way of ``chunks``, and may be suspended: the datasource's own alone."""
    if pipeline.supervisors is Supervisors.LEAVE or not stands_in_the_way(pipeline, chunks, now):
        return ()
    return tuple(each.supervisor_id for each in writers.supervisors if each.is_known and not each.is_suspended)


def is_ours(suspended: Suspended, versions: Sequence[SupervisorVersion]) -> bool:
    """Whether the supervisor, whose history is ``versions``, newest first, is suspended by us and by nobody since."""
    since = list(takewhile(lambda each: each.version != suspended.before, versions))
    return bool(since) and since[0].is_suspended and sum(each.is_suspended for each in since) == 1


def adopt(mine: Suspension, now: datetime) -> Change:
    """What was left suspended is resumed by the run of ``mine``, which holds the datasource's lease.

    Raises ConflictError while somebody is resuming it.
    """

    def change(current: Suspension | None) -> Suspension | None:
        if current is None or not current.supervisors:
            return None
        busy = [each for each in current.supervisors if _is_busy(each, now)]
        if busy:
            raise ConflictError(
                "take over what is suspended",
                resource=f"supervisor {busy[0].supervisor_id} of {mine.datasource}",
                came_back=f"it has been about to be resumed since {busy[0].resuming_since:%Y-%m-%dT%H:%M:%SZ}",
                remedy=f"a retry of this task looks again; {RESUMED_WITHIN} after that instant it goes on by itself",
            )
        taken = replace(mine, supervisors=tuple(replace(each, resuming_since=None) for each in current.supervisors))
        return None if taken == current else taken

    return change


def ask(mine: Suspension, supervisor_id: str, before: str, now: datetime) -> Change:
    """The run of ``mine``, which holds the datasource's lease, is about to suspend the supervisor."""

    def change(current: Suspension | None) -> Suspension:
        known = current.supervisors if current is not None else ()
        others = (each for each in known if each.supervisor_id != supervisor_id)
        return replace(mine, supervisors=(*others, Suspended(supervisor_id, before, now)))

    return change


def resuming(mine: Suspension, supervisor_id: str, now: datetime) -> Change:
    """The run of ``mine`` is about to resume the supervisor; nothing where another run has taken it over."""

    def change(current: Suspension | None) -> Suspension | None:
        if current is None or current.run != mine.run:
            return None
        return replace(current, supervisors=tuple(
            replace(each, resuming_since=now) if each.supervisor_id == supervisor_id else each
            for each in current.supervisors
        ))  # fmt: skip

    return change


def settled(mine: Suspension, supervisor_id: str) -> Change:
    """The supervisor is no longer suspended by the run of ``mine``."""

    def change(current: Suspension | None) -> Suspension | None:
        if current is None or current.run != mine.run:
            return None
        left = tuple(each for each in current.supervisors if each.supervisor_id != supervisor_id)
        return replace(current, supervisors=left)

    return change


def _is_busy(each: Suspended, now: datetime) -> bool:
    return each.resuming_since is not None and now - each.resuming_since < RESUMED_WITHIN
