"""Nights that share a cluster, on the emulated account: one cluster whatever is spoilt, ended by the last one out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.model.pipeline import ClusterChoice
from druid_reindex.operators import connections
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names
from druid_reindex.sandbox.aws.site import REGION
from druid_server import DruidServer
from emulated_account import Emulator
from faults import Fault, Injector, TlsFiles, faulty
from faulty_night import GREEN, FaultyNight, cluster_states, connected, let_nodes_report, publish_object
from night_world import SETTINGS, rebuilt
from posture_facts import good_facts

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def grouped(datasource: str = "patient_vitals") -> NightSettings:
    shared = {"datasource": datasource, "cluster": ClusterChoice(profile="secure", group="nightly")}
    return replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update=shared))


@pytest.fixture
def night(
    spoilt_aws: Injector, emulator: Emulator, tls: TlsFiles, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyNight]:
    """A night of a pipeline that shares its cluster, behind injectors."""
    made = FaultyNight(
        spoilt_aws, Injector(silent_seconds=0.8), grouped(), launched=partial(let_nodes_report, emulator)
    )
    publish_object(made.settings, REGION)
    with faulty(DruidServer("25.0.0", made.world.druid), made.druid, tls) as url:
        config = DruidConfig(url, url, url, ca_file=emulator.home.ca_file, read_seconds=0.5)
        with connected(made, config, REGION):
            monkeypatch.setattr(connections, "posture_facts", lambda *_: good_facts())
            yield made


def launched(night: FaultyNight) -> str:
    return str(night.world.xcoms["cluster_up", "return_value"]["cluster_id"])


@pytest.mark.parametrize("fault", [None, Fault.UNANSWERED, Fault.THROTTLED, Fault.RESET], ids=str)
def test_a_night_whose_every_call_is_spoilt_once_launches_one_cluster_and_ends_it(
    night: FaultyNight, emr: Any, fault: Fault | None
) -> None:
    assert night.run(fault) == GREEN, night.stopped
    assert cluster_states(night, emr) == ["TERMINATED"]
    assert {each.segment_id for each in night.world.druid.segments} >= {rebuilt().segment_id}
    described = emr.describe_cluster(ClusterId=launched(night))["Cluster"]
    assert described["StepConcurrencyLevel"] == 5


def test_the_cluster_ends_with_the_last_night_that_uses_it(night: FaultyNight, emr: Any) -> None:
    other = FaultyNight(night.aws, night.druid, grouped("patient_labs"))
    told = {"batches": [0], "fence": None, "profile": "secure", "plan_sha256": "", "dry_run": False, "explanation": ""}
    for each in (night, other):
        each.world.xcoms["plan", "night"] = told
        each._task(LaunchEmrClusterOperator, "cluster_up")
        assert each.world.states["cluster_up"] == "success", each.stopped
    assert launched(night) == launched(other)
    for task, kind in (("cluster_down", TerminateEmrClusterOperator), ("verdict", NightVerdictOperator)):
        night._task(kind, task)
    assert night.world.states["verdict"] == "success", night.stopped
    assert night.world.xcoms["cluster_down", "return_value"]["used_by"] == [
        f"nightly_reindex__patient_vitals {other.world.run_id}"
    ]
    assert cluster_states(night, emr) == ["WAITING"]
    other._task(TerminateEmrClusterOperator, "cluster_down")
    assert cluster_states(night, emr) == ["TERMINATED"]
    (tag,) = (each for each in emr.describe_cluster(ClusterId=launched(night))["Cluster"]["Tags"]
              if each["Key"] == names.GROUP_TAG)  # fmt: skip
    assert tag["Value"].startswith("nightly-")
