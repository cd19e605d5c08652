"""The state of one run as a value, and the text of it: what stopped, why, what is served, what runs, what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")

POSTURE_TASK = "posture"
PLAN_TASK = "plan"
APPROVE_TASK = "approve"
CLUSTER_UP_TASK = "cluster_up"
ATTEST_TASK = "attest"
REINDEX_TASK = "reindex"
CLUSTER_DOWN_TASK = "cluster_down"
VALIDATE_TASK = "validate"
ROLLBACK_TASK = "rollback"
VERDICT_TASK = "verdict"
# What the ids of these tasks begin with; the name of the unload or load follows.
UNLOAD_TASKS = "unload_"
LOAD_TASKS = "load_"
PREPARE_TASKS = "prepare_"
EXPORT_TASKS = "export_"
WHY_KEY = "why"  # the XCom in which a task that fails tells why
LIVE_RUN_STATES = frozenset({"queued", "running"})
MISSING_RUN = "missing"
_UNPLANNED = frozenset({POSTURE_TASK, PLAN_TASK, APPROVE_TASK})
_WIDTH = max(len("WHAT stopped"), len("SAFE NEXT")) + 2


@dataclass(frozen=True, slots=True)
class Unread:
    """A fact that could not be read, and why: neither good nor bad."""

    why: str

    def __str__(self) -> str:
        return f"could not read: {self.why}"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A task instance that failed, in its last try if that is known; ``batch`` is the batch of a mapped one."""

    task_id: str
    try_number: int | None
    since: datetime | None = None
    batch: int | None = None

    def __str__(self) -> str:
        name = self.task_id if self.batch is None else f"{self.task_id}[{self.batch}]"
        attempt = "" if self.try_number is None else f", try {self.try_number}"
        return f"{name}{attempt}{_since(self.since)}"


class Change(StrEnum):
    """How what a time chunk serves compares with what the plan had found there."""

    NONE = "as before"
    REBUILT = "rebuilt by this run"
    TAKEN_BACK = "taken back by this run: as before"
    OTHER = "neither as before nor as this run recorded it"


@dataclass(frozen=True, slots=True)
class Served:
    """What Druid serves in one time chunk of the plan; ``rows`` is None where nobody counts them."""

    interval: str
    versions: tuple[str, ...]
    rows: int | None
    change: Change

    def __str__(self) -> str:
        versions = ", ".join(self.versions) or "nothing"
        rows = "rows unknown" if self.rows is None else f"{self.rows:,} rows"
        return f"{self.interval}  {versions}  {rows}  {self.change}"


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """A cluster of the run that has not ended."""

    cluster_id: str
    state: str
    since: datetime | None
    usd_per_hour: float | None = None

    def __str__(self) -> str:
        price = "price unknown" if self.usd_per_hour is None else f"{self.usd_per_hour:.2f} USD/h"
        return f"cluster {self.cluster_id} {self.state}{_since(self.since)}, {price}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Which run holds the datasource's lease."""

    dag_id: str
    run_id: str
    since: datetime
    until: datetime
    is_this_run: bool

    def __str__(self) -> str:
        who = "this run" if self.is_this_run else f"{self.dag_id} {self.run_id}"
        return f"lease held by {who}{_since(self.since)} until {_time(self.until)}"


@dataclass(frozen=True, slots=True)
class StoppedStream:
    """A supervisor of the datasource that a night has suspended and not resumed yet."""

    supervisor_id: str
    since: datetime
    dag_id: str
    run_id: str
    is_this_run: bool

    def __str__(self) -> str:
        who = "this run" if self.is_this_run else f"{self.dag_id} {self.run_id}"
        return f"supervisor {self.supervisor_id}{_since(self.since)}, by {who}, which resumes it at its end"


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers of the batches that the run is to carry out, in order, and those that left their result."""

    batches: tuple[int, ...]
    done: frozenset[int]

    @property
    def first_open(self) -> int | None:
        """The first batch without a result; None when all have one."""
        return next((number for number in self.batches if number not in self.done), None)

    @property
    def end(self) -> int:
        """The number after the last batch: to go on from there does no batch again, and judges them all."""
        return max(self.batches, default=-1) + 1


@dataclass(frozen=True, slots=True)
class NightState:
    """What is known of one run; ``run_state`` is Airflow's word, or ``missing``. Times are UTC."""

    dag_id: str
    run_id: str
    datasource: str
    run_state: str | Unread
    stopped: tuple[Stopped, ...] | Unread
    why: str | Unread
    serving: tuple[Served, ...] | Unread
    running: tuple[RunningCluster, ...] | Unread
    lease: Holder | Unread | None
    progress: Progress | Unread | None
    deadline: datetime | Unread | None
    suspended: tuple[str, ...] | Unread = ()
    streams: tuple[StoppedStream, ...] | Unread = ()

    @property
    def is_live(self) -> bool:
        """Whether Airflow still works on the run."""
        return self.run_state in LIVE_RUN_STATES


def render(state: NightState) -> str:
    """The text that a person is shown; each section is said, also when it is empty or could not be read."""
    sections = {
        "WHAT stopped": _stopped(state),
        "WHY": [str(state.why) or "nothing failed"],
        "SERVING": _listed(state.serving, "no time chunk was planned: Druid serves what it served before"),
        "RUNNING": [*_listed(state.running, "no cluster"), _lease(state.lease)],
        "SUSPENDED": _suspended(state),
        "SAFE NEXT": [safe_next(state)],
        "DEADLINE": [_deadline(state.deadline)],
    }
    return "\n".join(line for title, lines in sections.items() for line in _section(title, lines))


def as_json(state: NightState) -> dict[str, Any]:
    """The state for a program: instants in ISO 8601, what could not be read as ``{"unread": why}``; see ``render``."""
    document: dict[str, Any] = _jsonable(state)
    return document | {"safe_next": safe_next(state)}


def safe_next(state: NightState) -> str:
    """The next command that cannot do harm, and what it is for."""
    if isinstance(state.run_state, Unread):
        return f"{_command('status', state)}  once Airflow answers: nothing else is safe until then"
    if state.run_state == MISSING_RUN:
        return "druid-reindex orphans  Airflow does not know the run: this lists what it may have left"
    if state.is_live:
        return f"wait; to stop it: {_command('abort', state)}"
    return _left_behind(state) or ("nothing: the night is over" if state.run_state == "success" else _go_on(state))


def _left_behind(state: NightState) -> str:
    """What comes before going on with a run that is over: what still costs, and who else is at work."""
    if isinstance(state.running, Unread):
        return "druid-reindex orphans  the run is over: this lists the clusters that no live run owns"
    if state.running:
        return "druid-reindex orphans --reap  the run is over: this ends the clusters that no live run owns"
    if isinstance(state.streams, tuple) and any(stream.is_this_run for stream in state.streams):
        return "druid-reindex orphans --reap  the run is over: this resumes the supervisors that it has suspended"
    if isinstance(state.lease, Holder) and not state.lease.is_this_run:
        return f"{_status(state.lease.dag_id, state.lease.run_id)}  it holds the lease: wait until it is over"
    return ""


def _go_on(state: NightState) -> str:
    if isinstance(state.stopped, Unread) or isinstance(state.progress, Unread):
        return f"{_command('status', state)}  once all can be read: from where to go on is not known"
    failed = {each.task_id for each in state.stopped}
    if ROLLBACK_TASK in failed:
        return f"{_command('rollback', state)}  shows what of the night is served, and takes it back when you agree"
    if state.progress is None or failed & _UNPLANNED:
        return f"{_command('resume', state)}  after mending the cause: plans the night anew"
    if state.progress.first_open is not None:
        return f"{_command('resume', state)} --from-batch {state.progress.first_open}  after mending the cause"
    if VALIDATE_TASK in failed:
        hold = f"druid-reindex hold {shlex.quote(state.datasource)}"
        return f"{hold}  so that no further night changes what a person must look at (see WHY)"
    return f"{_command('resume', state)} --from-batch {state.progress.end}  judges the night again"


def _jsonable(value: Any) -> Any:
    if isinstance(value, Unread):
        return {"unread": value.why}
    if is_dataclass(value):
        return {each.name: _jsonable(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple | frozenset):
        return [_jsonable(each) for each in sorted(value)] if isinstance(value, frozenset) else [*map(_jsonable, value)]
    return value.isoformat() if isinstance(value, datetime) else value


def _stopped(state: NightState) -> list[str]:
    if isinstance(state.run_state, Unread):
        return [str(state.run_state)]
    told = f"run {state.run_id} is {state.run_state}"
    return [told, *_listed(state.stopped, "no task failed")]


def _listed(values: tuple[object, ...] | Unread, nothing: str) -> list[str]:
    if isinstance(values, Unread):
        return [str(values)]
    return [str(value) for value in values] or [nothing]


def _suspended(state: NightState) -> list[str]:
    both = [line for each in (state.suspended, state.streams) for line in _listed(each, "")]
    return [line for line in both if line] or ["nothing by us"]


def _lease(lease: Holder | Unread | None) -> str:
    return "no lease" if lease is None else str(lease) if isinstance(lease, Holder) else f"lease: {lease}"


def _deadline(deadline: datetime | Unread | None) -> str:
    return "none: policy.finish_within_hours is not set" if deadline is None else _told(deadline)


def _told(value: datetime | Unread) -> str:
    return str(value) if isinstance(value, Unread) else _time(value)


def _section(title: str, lines: list[str]) -> Iterator[str]:
    for line in "\n".join(lines).splitlines():
        yield f"{title:<{_WIDTH}}{line}".rstrip()
        title = ""


def _command(verb: str, state: NightState) -> str:
    return f"druid-reindex {verb} {shlex.quote(state.run_id)} --dag-id {shlex.quote(state.dag_id)}"


def _status(dag_id: str, run_id: str) -> str:
    return f"druid-reindex status {shlex.quote(run_id)} --dag-id {shlex.quote(dag_id)}"


def _since(instant: datetime | None) -> str:
    return f" since {_time(instant)}" if instant is not None else ""


def _time(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
