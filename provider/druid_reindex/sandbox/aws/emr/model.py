"""The nouns of the emulated EMR: clusters, their instance groups and instances, bootstrap actions and steps."""

from __future__ import annotations

import random
import string
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from druid_reindex.sandbox.addresses import ClusterAddress

_random = random.SystemRandom()


def now() -> datetime:
    """Return the time as EMR reports it: UTC."""
    return datetime.now(UTC)


class ClusterState(StrEnum):
    """Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-overview.html (cluster lifecycle)."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"


class StepState(StrEnum):
    """Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_StepStatus.html."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


ENDING = frozenset({ClusterState.TERMINATING, ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS})
ENDED = frozenset({ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS})
ACTIVE_STEPS = frozenset({StepState.PENDING, StepState.CANCEL_PENDING, StepState.RUNNING})
STARTED_STEPS = frozenset({StepState.CANCEL_PENDING, StepState.RUNNING})


@dataclass
class Timeline:
    """When something was created, became ready (a step: started) and ended."""

    created: datetime = field(default_factory=now)
    ready: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class Reason:
    """Why a cluster is in its state; AWS gives no code while all is well."""

    message: str = ""
    code: str | None = None


@dataclass(frozen=True)
class Ending:
    """Why a cluster ends, and whether that is an error."""

    reason: Reason
    with_errors: bool = False


@dataclass
class Step:
    """One step and what became of it; `config` is its HadoopJarStep as requested."""

    id: str
    name: str
    config: dict[str, Any]
    action_on_failure: str
    state: StepState = StepState.PENDING
    timeline: Timeline = field(default_factory=Timeline)
    message: str = ""
    failure: dict[str, str] | None = None
    cancellation: str | None = None


@dataclass
class BootstrapAction:
    """A script that every node runs before its applications start."""

    name: str
    path: str
    args: tuple[str, ...]


@dataclass
class Instance:
    """One emulated EC2 instance; all of a cluster share its address."""

    id: str
    ec2_id: str
    group_id: str
    group_type: str
    instance_type: str
    market: str


@dataclass
class InstanceGroup:
    """Instances of one kind and role; `collection` tells whether AWS would call it a group or a fleet."""

    id: str
    name: str
    role: str
    instance_type: str
    market: str
    count: int
    config: dict[str, Any]


@dataclass
class Cluster:
    """One cluster. Whoever reads or changes it holds `changed`; its runner waits on it."""

    id: str
    name: str
    request: dict[str, Any]
    hadoop_version: str
    role_arn: str
    groups: list[InstanceGroup]
    instances: list[Instance]
    bootstrap_actions: list[BootstrapAction]
    availability_zone: str
    is_fleet: bool = False
    steps: list[Step] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    termination_protected: bool = False
    keep_alive: bool = False
    step_concurrency: int = 1
    idle_timeout_seconds: int | None = None
    state: ClusterState = ClusterState.STARTING
    reason: Reason = field(default_factory=Reason)
    timeline: Timeline = field(default_factory=Timeline)
    ending: Ending | None = None
    address: ClusterAddress | None = None
    # The security configuration's JSON; empty when the cluster has none.
    security: Mapping[str, Any] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    @property
    def primary(self) -> Instance:
        """The primary node."""
        return next(instance for instance in self.instances if instance.group_type == "MASTER")

    def step(self, step_id: str) -> Step | None:
        """Return the step with this id; None when the cluster has none."""
        return next((step for step in self.steps if step.id == step_id), None)

    def steps_in(self, states: frozenset[StepState]) -> list[Step]:
        """Return the steps in one of `states`, oldest first."""
        return [step for step in self.steps if step.state in states]

    def move(self, state: ClusterState, reason: Reason | None = None) -> None:
        """Enter `state`; the timeline follows."""
        self.state = state
        self.reason = reason or Reason()
        if state in (ClusterState.RUNNING, ClusterState.WAITING) and self.timeline.ready is None:
            self.timeline.ready = now()
        if state in ENDED:
            self.timeline.ended = now()
        self.changed.notify_all()

    def end(self, ending: Ending) -> None:
        """Ask the runner to terminate the cluster, which is TERMINATING from then on; the first reason stands.

        Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-overview.html (the cluster's lifecycle)
        """
        if self.ending is None:
            self.ending = ending
            self.move(ClusterState.TERMINATING, ending.reason)


def new_id(prefix: str) -> str:
    """Return a new EMR id: `prefix` and 13 letters or digits."""
    return f"{prefix}-" + "".join(_random.choice(string.ascii_uppercase + string.digits) for _ in range(13))


def new_ec2_id() -> str:
    """Return a new EC2 instance id."""
    return f"i-{_random.getrandbits(68):017x}"
