"""What a night waits for, as triggers: a cluster, a step, a Druid task, segments being loaded."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from airflow.triggers.base import BaseTrigger, TriggerEvent

from druid_reindex.errors import DruidReindexError, Terminal
from druid_reindex.model.interval import Interval
from druid_reindex.model.lease import Lease, from_json
from druid_reindex.operators import connections
from druid_reindex.operators.triggers.journal import WaitJournal
from druid_reindex.operators.triggers.polls import Question, Seen, shared
from druid_reindex.operators.triggers.renewal import HeldLease, stored
from druid_reindex.plan import names

if TYPE_CHECKING:
    from druid_reindex.ports import ObjectStorePort


class LookAgainTrigger(BaseTrigger):
    """Fires once, with ``why`` and ``item``, when the task should look again at what is there, gone, or too late.

    :param conn_id: the Airflow connection of the service that is asked
    :param poll_seconds: time between two looks; longer after looks that failed
    :param deadline: the instant (ISO 8601) after which nothing is waited for; failed looks count towards it
    :param lease: the lease that is renewed meanwhile, as ``HeldLease.arguments`` gives it; losing it ends the wait
    :param journal: where what is asked is journalled, as ``WaitJournal.arguments`` gives it
    """

    def __init__(
        self,
        *,
        conn_id: str,
        poll_seconds: float,
        deadline: str,
        lease: dict[str, str] | None = None,
        journal: dict[str, str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.poll_seconds = poll_seconds
        self.deadline = deadline
        self.lease = lease
        self.journal = journal

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and the arguments that make an equal trigger in another process."""
        arguments = {
            "conn_id": self.conn_id,
            "poll_seconds": self.poll_seconds,
            "deadline": self.deadline,
            "lease": self.lease,
            "journal": self.journal,
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments | self.waited_for()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event."""
        left_seconds = (datetime.fromisoformat(self.deadline) - datetime.now(UTC)).total_seconds()
        try:
            async with asyncio.timeout(max(0.0, left_seconds)):
                why = await (self._settled() if self.lease is None else self._settled_or_lost(HeldLease(**self.lease)))
        except TimeoutError:
            why = f"the deadline {self.deadline} has passed"
        yield TriggerEvent({"why": why, "item": self.item})  # type: ignore[no-untyped-call]

    async def _settled(self) -> str:
        question = WaitJournal(**self.journal).of(self.question()) if self.journal else self.question()
        async with shared(question, self.poll_seconds) as poll, aclosing(poll.watch(self.item)) as answers:
            async for seen in answers:
                why = self._why(seen)
                if why is not None:
                    return why
        return "nobody asks any more"

    async def _settled_or_lost(self, lease: HeldLease) -> str:
        waits = [asyncio.create_task(self._settled()), asyncio.create_task(lease.lost())]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _why(self, seen: Seen) -> str | None:
        if isinstance(seen, Terminal):
            return str(seen)
        if isinstance(seen, DruidReindexError):
            self.log.warning("looking again later: %s", seen)
            return None
        return self.judge(seen)

    def journalled(self) -> AbstractAsyncContextManager[None]:
        """The journal of what this trigger asks by itself, until the block ends."""
        return WaitJournal(**self.journal).kept() if self.journal else nullcontext()

    @property
    @abstractmethod
    def item(self) -> str:
        """What this trigger asks for, among the items of its question."""

    @abstractmethod
    def waited_for(self) -> dict[str, Any]:
        """The arguments beyond those of every trigger."""

    @abstractmethod
    def question(self) -> Question:
        """What is asked, of whom."""

    @abstractmethod
    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """Why the task should look again; None to go on waiting."""


class EmrClusterTrigger(LookAgainTrigger):
    """Waits until a cluster is up, or until it has ended. Killed while its own one comes up, it is terminated."""

    def __init__(
        self, *, region: str, cluster_id: str, until: Literal["up", "ended"], shared: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.region, self.cluster_id, self.until, self.shared = region, cluster_id, until, shared

    @property
    def item(self) -> str:
        """The cluster."""
        return self.cluster_id

    def waited_for(self) -> dict[str, Any]:
        """The cluster, and which of its states."""
        cluster = {"cluster_id": self.cluster_id, "until": self.until, "shared": self.shared}
        return {"region": self.region} | cluster

    def question(self) -> Question:
        """One DescribeCluster."""

        async def ask(emr: Any, items: frozenset[str]) -> dict[str, Any]:
            return {cluster_id: await emr.describe_cluster(cluster_id) for cluster_id in items}

        return Question(
            ("cluster", self.conn_id, self.region, self.cluster_id),
            lambda: connections.async_emr(self.conn_id, self.region),
            ask,
        )

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """The cluster's state, once it is the one that is waited for, or none that leads there."""
        state = answers[self.cluster_id].state
        if state.is_ended or (self.until == "up" and (state.is_up or state.is_over)):
            return f"cluster {self.cluster_id} is {state.value}"
        return None

    async def on_kill(self) -> None:
        """Terminate a cluster that is not up yet: its teardown does not run. A shared one is its other runs'."""
        if self.until == "up" and not self.shared:
            async with self.journalled(), connections.async_emr(self.conn_id, self.region) as emr:
                await emr.terminate(self.cluster_id)


class EmrStepTrigger(LookAgainTrigger):
    """Waits until a step has ended; one ListSteps asks for all that wait on the cluster. Killed, the step is cancelled.

    The cluster itself is left to its teardown, which Airflow runs or clears together with the task.
    """

    def __init__(self, *, region: str, cluster_id: str, step_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region, self.cluster_id, self.step_id = region, cluster_id, step_id

    @property
    def item(self) -> str:
        """The step."""
        return self.step_id

    def waited_for(self) -> dict[str, Any]:
        """The step and its cluster."""
        return {"region": self.region, "cluster_id": self.cluster_id, "step_id": self.step_id}

    def question(self) -> Question:
        """One ListSteps for the whole cluster."""

        async def ask(emr: Any, items: frozenset[str]) -> dict[str, Any]:
            found: dict[str, Any] = await emr.steps(self.cluster_id, items)
            return found

        return Question(
            ("steps", self.conn_id, self.region, self.cluster_id),
            lambda: connections.async_emr(self.conn_id, self.region),
            ask,
        )

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """The step's state once it has ended; a step that EMR does not list is for the task to find out about."""
        step = answers.get(self.step_id)
        if step is None:
            return f"EMR does not list step {self.step_id}"
        return f"step {self.step_id} is {step.state.value}" if step.state.is_ended else None

    async def on_kill(self) -> None:
        """Cancel the step."""
        async with self.journalled(), connections.async_emr(self.conn_id, self.region) as emr:
            await emr.cancel_step(self.cluster_id, self.step_id)


class DruidTaskTrigger(LookAgainTrigger):
    """Waits until a Druid task has ended. Killed, the task is shut down, unless it is somebody else's.

    :param protected: whether plain http is refused
    :param ours: whether this run submitted the task
    """

    def __init__(self, *, task: str, protected: bool = True, ours: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.task_name, self.protected, self.ours = task, protected, ours

    @property
    def item(self) -> str:
        """The task."""
        return self.task_name

    def waited_for(self) -> dict[str, Any]:
        """The task, and how Druid is reached."""
        return {"task": self.task_name, "protected": self.protected, "ours": self.ours}

    def question(self) -> Question:
        """The states of all tasks that are waited for at this Overlord."""

        async def ask(druid: Any, items: frozenset[str]) -> dict[str, Any]:
            found: dict[str, Any] = await druid.task_statuses(items)
            return found

        return Question(
            ("tasks", self.conn_id, self.protected),
            lambda: connections.async_druid(self.conn_id, protected=self.protected),
            ask,
        )

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """The task's state once it has ended, or is not known."""
        status = answers.get(self.task_name)
        if status is None:
            return f"the Overlord does not know task {self.task_name}"
        return f"task {self.task_name} is {status.state.value}" if status.state.is_ended else None

    async def on_kill(self) -> None:
        """Shut the task down."""
        if self.ours:
            druid_at = connections.async_druid(self.conn_id, protected=self.protected)
            async with self.journalled(), druid_at as druid:
                await druid.shutdown_task(self.task_name)


class DruidLoadTrigger(LookAgainTrigger):
    """Waits until Historicals have announced every published segment of an interval. There is nothing to cancel.

    :param protected: whether plain http is refused
    :param swapped: whether those are waited for, too, that are not in service any more and served still
    """

    def __init__(
        self, *, datasource: str, interval: str, protected: bool = True, swapped: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.datasource, self.interval, self.protected, self.swapped = datasource, interval, protected, swapped

    @property
    def item(self) -> str:
        """The interval."""
        return self.interval

    def waited_for(self) -> dict[str, Any]:
        """The datasource and the interval, what is waited for, and how Druid is reached."""
        waited = {"datasource": self.datasource, "interval": self.interval, "swapped": self.swapped}
        return waited | {"protected": self.protected}

    def question(self) -> Question:
        """How many segments of each interval nobody serves."""

        async def ask(druid: Any, items: frozenset[str]) -> dict[str, Any]:
            return {
                item: await druid.unannounced(self.datasource, Interval.parse(item), swapped=self.swapped)
                for item in items
            }

        return Question(
            ("load", self.conn_id, self.protected, self.datasource, self.swapped),
            lambda: connections.async_druid(self.conn_id, protected=self.protected),
            ask,
        )

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """That everything is served."""
        return None if answers[self.interval] else f"{self.datasource} {self.interval} is served"


class LeaseFreeTrigger(LookAgainTrigger):
    """Waits until a datasource's lease can be taken. There is nothing to cancel."""

    def __init__(self, *, region: str, runs_uri: str, datasource: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region, self.runs_uri, self.datasource = region, runs_uri, datasource

    @property
    def item(self) -> str:
        """The datasource."""
        return self.datasource

    def waited_for(self) -> dict[str, Any]:
        """The datasource, and where its lease is."""
        return {"region": self.region, "runs_uri": self.runs_uri, "datasource": self.datasource}

    def question(self) -> Question:
        """The leases that are waited for."""

        def read(store: ObjectStorePort, item: str) -> Lease | None:
            lease = store.get_with_etag(names.lease_uri(self, item))
            return from_json(lease[0]) if lease else None

        return stored(("lease", self.runs_uri), self.conn_id, self.region, read)

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """That nobody has it any more."""
        lease = answers[self.datasource]
        if lease is None or lease.free_at <= datetime.now(UTC):
            return f"the lease of {self.datasource} is free"
        return None
