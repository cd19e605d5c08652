"""EMR clusters and steps as values.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ClusterStatus.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ClusterState(StrEnum):
    """EMR's cluster states."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"

    @property
    def is_up(self) -> bool:
        """Whether steps and jobs can run: only RUNNING and WAITING."""
        return self in {ClusterState.RUNNING, ClusterState.WAITING}

    @property
    def is_ended(self) -> bool:
        """Whether the cluster is gone for good."""
        return self in {ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS}

    @property
    def is_over(self) -> bool:
        """Whether the cluster is gone, or going: nothing runs on it any more."""
        return self.is_ended or self is ClusterState.TERMINATING


class StepState(StrEnum):
    """EMR's step states."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"

    @property
    def is_ended(self) -> bool:
        """Whether the step will not change any more."""
        return self not in {StepState.PENDING, StepState.CANCEL_PENDING, StepState.RUNNING}


@dataclass(frozen=True, slots=True)
class Cluster:
    """What DescribeCluster says of one cluster; times are UTC, None while they have not happened."""

    cluster_id: str
    name: str
    state: ClusterState
    reason_code: str = ""
    reason_message: str = ""
    primary_dns: str = ""
    log_uri: str = ""
    release_label: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    ready_at: datetime | None = None
    ended_at: datetime | None = None
    normalized_instance_hours: int = 0
    security_configuration: str = ""


@dataclass(frozen=True, slots=True)
class StoredConfiguration:
    """A security configuration as EMR has it: its name, its text, and since when (UTC)."""

    name: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What DescribeStep says of one step; ``log_file`` is EMR's pointer into the log archive, when it has one."""

    step_id: str
    name: str
    state: StepState
    reason: str = ""
    message: str = ""
    log_file: str = ""
