"""How a cluster ends; what runs on it is a contract test."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from druid_reindex.sandbox.aws.emr import lifecycle
from druid_reindex.sandbox.aws.emr.lifecycle import USER_REQUEST, ClusterRunner
from druid_reindex.sandbox.aws.emr.model import Cluster, ClusterState
from druid_reindex.sandbox.aws.emr.service_role import ServiceCalls
from druid_reindex.sandbox.processes import SandboxStartError
from emulated_account import until
from emulated_clusters import IdleNode, new_cluster


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "LOOK_SECONDS", 0.05)


def run(cluster: Cluster, node: Any) -> ClusterRunner:
    runner = ClusterRunner(cluster, node)
    runner.start()
    return runner


def end(runner: ClusterRunner) -> None:
    with runner.cluster.changed:
        runner.cluster.end(USER_REQUEST)
    runner.join()


def test_running_needs_the_daemons() -> None:
    node = IdleNode()
    node.gate.clear()
    runner = run(cluster := new_cluster(), node)
    until(lambda: cluster.state, ClusterState.BOOTSTRAPPING)
    assert cluster.address is not None
    node.gate.set()
    until(lambda: cluster.state, ClusterState.WAITING)
    end(runner)
    assert (cluster.state, node.is_stopped) == (ClusterState.TERMINATED, True)


def test_a_cluster_that_is_asked_to_end_while_it_starts_is_seen_to_end() -> None:
    node = IdleNode()
    node.gate.clear()
    runner = run(cluster := new_cluster(), node)
    until(lambda: cluster.state, ClusterState.BOOTSTRAPPING)
    with cluster.changed:
        cluster.end(USER_REQUEST)
    assert cluster.state is ClusterState.TERMINATING
    node.gate.set()
    runner.join()
    assert cluster.state is ClusterState.TERMINATED


def test_daemons_that_do_not_start_are_a_bootstrap_failure() -> None:
    error = SandboxStartError("Starting it", resource="a log", came_back="nothing", remedy="read it")
    node = IdleNode(error=error)
    run(cluster := new_cluster(), node).join()
    assert cluster.state is ClusterState.TERMINATED_WITH_ERRORS
    assert cluster.reason.code == "BOOTSTRAP_FAILURE"
    assert "application provisioning failed" in cluster.reason.message
    assert node.is_stopped


def test_a_daemon_that_dies_is_an_instance_failure() -> None:
    run(cluster := new_cluster(), IdleNode(dead="namenode")).join()
    assert cluster.reason.code == "INSTANCE_FAILURE"
    assert "namenode" in cluster.reason.message


def test_an_idle_cluster_ends_and_a_busy_or_protected_one_does_not() -> None:
    run(idle := new_cluster(idle_timeout_seconds=0), IdleNode()).join()
    assert (idle.state, idle.reason) == (ClusterState.TERMINATED, lifecycle.IDLE.reason)
    busy = run(new_cluster(idle_timeout_seconds=1), IdleNode(is_idle=False))
    protected = run(new_cluster(idle_timeout_seconds=0, termination_protected=True), IdleNode())
    time.sleep(1.3)
    assert {runner.cluster.state for runner in (busy, protected)} == {ClusterState.WAITING}
    end(busy)
    end(protected)


def test_an_error_of_the_machine_is_an_internal_error() -> None:
    node = IdleNode()
    node.provision = lambda: (_ for _ in ()).throw(OSError("no space left"))  # type: ignore[method-assign]
    run(cluster := new_cluster(), node).join()
    assert (cluster.state, cluster.reason.code) == (ClusterState.TERMINATED_WITH_ERRORS, "INTERNAL_ERROR")
    assert "no space left" in cluster.reason.message
    assert node.is_stopped


def test_without_its_service_roles_permission_a_cluster_never_has_nodes() -> None:
    class Calls:
        def launch(self, _cluster: Cluster) -> str:
            return "User: emr is not authorized to perform: ec2:RunInstances"

        def end(self, _cluster: Cluster) -> None:
            """There is nothing to end."""

    node: Any = IdleNode()
    runner = ClusterRunner(cluster := new_cluster(), node, cast("ServiceCalls", Calls()))
    runner.start()
    runner.join()
    assert (cluster.state, cluster.reason.code) == (ClusterState.TERMINATED_WITH_ERRORS, "VALIDATION_ERROR")
    assert "ec2:RunInstances" in cluster.reason.message
    assert cluster.address is None
