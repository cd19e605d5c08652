"""Tests of `attest`, between `cluster_up` and `reindex` of a gated night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.operators import attest
from druid_reindex.operators.attest import AttestClusterOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.triggers.reports import NodesReportedTrigger
from gated_night import gate, stored, tell, up
from night_world import World, make
from node_reports import CLUSTER, NODES, instances, volumes
from posture_facts import PHI

LATE = "i-0000000000000000c"


@pytest.fixture
def gated(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    gate(monkeypatch)
    return world


def attested(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.run(make(AttestClusterOperator, "attest"))
    return found


def reindex(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.run(make(ReindexSegmentsOperator, "reindex", batch=0))
    return found


def test_the_bootstrap_action_tells_nodes_where_to_report(gated: World) -> None:
    up(gated)
    action = gated.emr.launched[0]["BootstrapActions"][-1]["ScriptBootstrapAction"]
    assert action["Path"] == "s3://drx-artifacts-111122223333/bootstrap/attest.sh"
    prefix, nonce = action["Args"]
    assert prefix.endswith("/attestation/")
    assert len(nonce) == 64


def test_a_cluster_whose_nodes_have_all_reported(gated: World) -> None:
    up(gated, *NODES)
    told = attested(gated)
    assert told["cluster_id"] == CLUSTER
    assert told["instances"] == dict.fromkeys(NODES, "pass")
    assert (told["realm"], told["security_configuration"]) == ("EC2.INTERNAL", "druid-reindex-0")
    assert stored(gated, "attestation.json")["is_open"]
    assert len(gated.deferred) == 1  # cluster_up's own


def test_a_node_that_has_not_reported_yet_is_waited_for_without_a_slot(gated: World) -> None:
    up(gated, NODES[0])
    listed: list[Any] = [instances(*NODES)] * 2
    gated.survey.listed = [*listed, []]
    with pytest.raises(AirflowFailException, match="ATT-01"):
        attested(gated)
    trigger = gated.deferred[-1].trigger
    assert isinstance(trigger, NodesReportedTrigger)
    assert trigger.lease is not None


def test_a_node_that_reports_while_it_is_waited_for(gated: World, monkeypatch: pytest.MonkeyPatch) -> None:
    up(gated, NODES[0])
    judge = NodesReportedTrigger.judge

    def reports(self: NodesReportedTrigger, answers: Any) -> str | None:
        tell(gated, NODES[1])
        return judge(self, answers)

    monkeypatch.setattr(NodesReportedTrigger, "judge", reports)
    assert attested(gated)["instances"] == dict.fromkeys(NODES, "pass")


def test_a_node_that_never_reports_stops_the_night(gated: World, monkeypatch: pytest.MonkeyPatch) -> None:
    up(gated, NODES[0])
    monkeypatch.setattr(attest, "LONGEST_REPORT_SECONDS", 0.0)
    with pytest.raises(AirflowFailException, match=f"ATT-01 .*unknown on {NODES[1]}.*has not reported"):
        attested(gated)
    assert gated.druid.submitted == []


def test_a_node_that_is_not_protected_stops_the_night(gated: World) -> None:
    up(gated, *NODES)
    tell(gated, NODES[1], rpc={"protection": "authentication"})
    with pytest.raises(AirflowFailException, match=f"ATT-05 .*fail on {NODES[1]}"):
        attested(gated)
    assert not stored(gated, "attestation.json")["is_open"]


def test_a_report_that_is_no_report_is_unknown(gated: World) -> None:
    up(gated, *NODES)
    tell(gated, NODES[1], schema="druid-reindex/node-attestation/9")
    with pytest.raises(AirflowFailException, match=r"ATT-01 .*unknown on"):
        attested(gated)


def test_without_a_cluster_there_is_nothing_to_attest(gated: World) -> None:
    up(gated)
    gated.xcoms["cluster_up", "return_value"] = {"cluster_id": None, "primary_dns": None}
    assert attested(gated) == {"cluster_id": None, "instances": {}}


def test_a_reindex_asks_no_more_when_no_node_has_joined(gated: World) -> None:
    up(gated, *NODES)
    attested(gated)
    assert reindex(gated)["segments_after"] == 1


def test_a_node_that_joins_later_is_attested_before_it_counts(gated: World) -> None:
    up(gated, *NODES)
    attested(gated)
    gated.survey.listed = [instances(*NODES, LATE)]
    gated.survey.attached = volumes(*NODES, LATE, key=PHI.disk_key_arn)
    with pytest.raises(AirflowFailException, match=f"unknown on {LATE}"):
        reindex(gated)
    assert gated.druid.submitted == []
    tell(gated, LATE)
    assert reindex(gated)["segments_after"] == 1


def test_a_node_that_joins_while_a_batch_runs_stops_the_run(gated: World) -> None:
    up(gated, *NODES)
    attested(gated)
    gated.survey.listed = [instances(*NODES), instances(*NODES, LATE)]
    with pytest.raises(AirflowFailException, match=f"unknown on {LATE}"):
        reindex(gated)


def test_an_attestation_that_was_marked_a_success_by_hand_is_made_by_reindex(gated: World) -> None:
    up(gated, NODES[0])
    with pytest.raises(AirflowFailException, match="has not reported"):
        reindex(gated)
    tell(gated, NODES[1])
    assert reindex(gated)["segments_after"] == 1


def test_a_pipeline_that_is_not_gated_is_not_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attest, "is_gated", lambda _settings: False)
    up(world)
    world.survey.listed = [instances(LATE)]
    assert reindex(world)["segments_after"] == 1


def test_the_wait_ends_twenty_minutes_after_the_try_began(gated: World) -> None:
    started = datetime.now(UTC)
    deadline = make(AttestClusterOperator, "attest")._deadline(gated.context("attest"))
    assert timedelta(minutes=20) <= deadline - started < timedelta(minutes=21)
