"""A night in memory that is gated: its profile names a security configuration, and its cluster's nodes report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import attest, connections, posture
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.triggers.reports import report_uri
from druid_reindex.plan import names
from night_world import SETTINGS, World, make
from node_reports import NODES, body, instances, live, report, volumes
from posture_facts import PHI, SECURITY, good_facts, intended

DAG = "nightly_reindex__patient_vitals"


def gate(patch: pytest.MonkeyPatch) -> None:
    """Nights of the shipped pipeline run under the security that the recorded facts are about."""
    for module in (posture, attest):
        patch.setattr(module, "security", lambda *_: SECURITY)


def let_nodes_report(world: World, patch: pytest.MonkeyPatch) -> None:
    """Account and Druid are as they should be, and the nodes of each cluster report as their bootstrap action says."""
    gate(patch)
    patch.setattr(connections, "posture_facts", lambda *_: good_facts())
    launch = world.emr.run_job_flow

    def launched(payload: Mapping[str, Any]) -> str:
        cluster_id = launch(payload)
        prefix, nonce = payload["BootstrapActions"][-1]["ScriptBootstrapAction"]["Args"]
        world.survey.live = live(dict(payload), cluster_id=cluster_id)
        world.survey.listed = [instances(*NODES)]
        world.survey.attached = volumes(*NODES, key=PHI.disk_key_arn)
        for node in NODES:
            told = report(node, nonce, cluster_id=cluster_id)
            world.store.put(report_uri(S3Uri.parse(prefix), node), body(told), kms_key_arn=PHI.kms_key_arn)
        return cluster_id

    patch.setattr(world.emr, "run_job_flow", launched)


def run_of(world: World) -> RunId:
    return RunId.of(SETTINGS.boundaries.deployment_id, dag_id=DAG, run_id=world.run_id)


def up(world: World, *reporting: str) -> None:
    """A planned night whose cluster is up; the nodes of ``reporting`` have reported that all is well."""
    world.plan()
    world.run(make(LaunchEmrClusterOperator, "cluster_up"))
    world.survey.live = live(dict(intended().request))
    world.survey.listed = [instances(*NODES)]
    world.survey.attached = volumes(*NODES, key=PHI.disk_key_arn)
    for node in reporting:
        tell(world, node)


def tell(world: World, node: str, **changes: Any) -> None:
    """The node's report, with ``changes``."""
    launched_by = str(run_of(world))
    told = report(node, names.attestation_nonce(launched_by), **changes)
    world.store.put(report_uri(names.attestation_prefix(PHI, launched_by), node), body(told), kms_key_arn="k")


def stored(world: World, name: str) -> Any:
    """The JSON below the run's prefix."""
    return json.loads(world.store.get(names.run_prefix(PHI, run_of(world)) / name))
