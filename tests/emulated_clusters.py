"""Emulated clusters for unit tests: values, and a node that runs nothing."""

from __future__ import annotations

import threading
from typing import Any

from druid_reindex.sandbox.addresses import ClusterAddress
from druid_reindex.sandbox.aws.emr.model import Cluster, Instance, InstanceGroup, Step, new_id

ADDRESS = ClusterAddress("127.77.1.2", "ip-127-77-1-2.ec2.internal")


def new_step(name: str = "step", action: str = "CONTINUE") -> Step:
    return Step(new_id("s"), name, {"Jar": "command-runner.jar", "Args": ["true"]}, action)


def new_cluster(*steps: str, **changes: Any) -> Cluster:
    """A STARTING cluster of one node that is kept alive."""
    group = InstanceGroup("ig-1", "Primary", "MASTER", "m6g.xlarge", "ON_DEMAND", 1, {})
    values: dict[str, Any] = {
        "id": new_id("j"),
        "name": "night",
        "request": {"Instances": {}, "ReleaseLabel": "emr-7.2.0", "JobFlowRole": "Profile"},
        "hadoop_version": "3.3.6",
        "role_arn": "arn:aws:iam::111122223333:role/Node",
        "groups": [group],
        "instances": [Instance("ci-1", "i-1", "ig-1", "MASTER", "m6g.xlarge", "ON_DEMAND")],
        "bootstrap_actions": [],
        "availability_zone": "us-east-1a",
        "steps": [new_step(name) for name in steps],
        "keep_alive": True,
    }
    return Cluster(**(values | changes))


class IdleNode:
    """A node whose daemons start when `gate` opens, and on which nothing runs."""

    def __init__(self, *, error: Exception | None = None, dead: str | None = None, is_idle: bool = True) -> None:
        self.error = error
        self.dead = dead
        self.idle = is_idle
        self.is_stopped = False
        self.gate = threading.Event()
        self.gate.set()

    def provision(self) -> ClusterAddress:
        return ADDRESS

    def start_daemons(self) -> None:
        self.gate.wait(10)
        if self.error is not None:
            raise self.error

    def start_units(self) -> None:
        """It has none."""

    def is_idle(self) -> bool:
        return self.idle

    def failed_daemon(self) -> str | None:
        return self.dead

    def stop(self) -> None:
        self.is_stopped = True
