"""A night that suspends its datasource's supervisors while it rebuilds what they append to, and resumes them after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from druid_reindex.model.pipeline import Supervisors
from druid_reindex.operators.alone import await_ended, refuse_standing
from druid_reindex.plan import names

if TYPE_CHECKING:
    from collections.abc import Collection

    from druid_reindex.clients.suspensions import Suspender
    from druid_reindex.model.identity import RunId
    from druid_reindex.model.interval import Interval
    from druid_reindex.model.writers import Writers
    from druid_reindex.operators.night import NightOperator


@dataclass
class Suspending:
    """What ``plan`` does about the supervisors; ``held`` are those that the night resumes at its end."""

    task: NightOperator
    run_id: RunId
    suspender: Suspender
    held: tuple[str, ...] = ()

    @classmethod
    def of(cls, task: NightOperator, run_id: RunId, fence: int | None) -> Suspending | None:
        """None where the pipeline leaves supervisors alone, or the run holds no lease."""
        suspender = suspender_of(task, run_id, fence) if fence is not None else None
        return cls(task, run_id, suspender, suspender.adopt()) if suspender is not None else None

    def makes_way(self, chunks: Collection[Interval], writers: Writers) -> bool:
        """Whether any was suspended just now: what is planned has then to be looked at again.

        None is where something else stands in the way, which raises ConfigurationError. What an earlier run has left
        suspended, and is in nobody's way, is resumed.
        """
        from druid_reindex.plan.suspension import stands_in_the_way, to_suspend  # noqa: PLC0415

        pipeline, now = self.task.settings.pipeline, datetime.now(UTC)
        wanted = to_suspend(pipeline, chunks, writers, now)
        if wanted:
            others = tuple(each for each in writers.supervisors if each.supervisor_id not in wanted)
            refuse_standing(self.task, replace(writers, supervisors=others))
            self.suspender.suspend(wanted, self.task.require)
            self.held = self.suspender.adopt()
        elif self.held and not stands_in_the_way(pipeline, chunks, now):
            self.suspender.resume()
            self.held = ()
        return bool(wanted)

    def await_published(self, writers: Writers) -> None:
        """Wait until the tasks of what is suspended have published and ended; others' are waited for with them."""
        if self.held:
            prefix = names.task_prefix(self.task.settings.pipeline.datasource, self.run_id)
            await_ended(self.task, tuple(each for each in writers.active if not each.startswith(prefix)))


def suspender_of(task: NightOperator, run_id: RunId, fence: int | None) -> Suspender | None:
    """The run's hand on the supervisors; None where the pipeline leaves them alone."""
    from druid_reindex.clients.suspensions import Suspender, SuspensionShelf  # noqa: PLC0415
    from druid_reindex.model.suspension import Suspension  # noqa: PLC0415

    settings = task.settings
    if settings.pipeline.supervisors is Supervisors.LEAVE:
        return None
    datasource, deployment_id = settings.pipeline.datasource, settings.boundaries.deployment_id
    mine = Suspension(datasource, deployment_id, run_id, fence or 0, settings.druid_conn_id)
    return Suspender(SuspensionShelf(task.store, settings.boundary, datasource), task.druid, mine, task.log.info)
