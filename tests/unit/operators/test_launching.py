"""Launching: the security configuration first, passwords in the request alone, the next subnet for want of capacity."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from changed_configs import PIPELINE, SHIPPED, changed_configs, rewrite
from druid_reindex.errors import RefusedError
from druid_reindex.model.cluster import ClusterState
from druid_reindex.operators.cluster import LaunchEmrClusterOperator
from druid_reindex.operators.settings import NightSettings
from night_world import SETTINGS, World, make, wanted_configuration
from twins import UP, FakeEmr

SUBNETS = ("subnet-0d70000000000001", "subnet-0d70000000000002")
NO_CAPACITY = ("VALIDATION_ERROR", "[INTERNAL_ERROR_EC2_INSUFFICIENT_CAPACITY_AZ]")
OVER = (ClusterState.STARTING, ClusterState.TERMINATED_WITH_ERRORS)


@pytest.fixture
def secure(tmp_path: Path) -> NightSettings:
    return settings_of(tmp_path, SHIPPED, {"cluster.profile": "secure_step", "submit": "emr_step"})


@pytest.fixture
def outside(tmp_path: Path) -> NightSettings:
    configs = changed_configs(tmp_path, {"profiles/secure_step.yaml": {"security": "external_kdc"}})
    return settings_of(tmp_path, configs, {"cluster.profile": "secure_step", "submit": "overlord"})


def settings_of(folder: Path, configs: Path, changes: dict[str, Any]) -> NightSettings:
    file = Path(shutil.copy(PIPELINE, folder / PIPELINE.name))
    return NightSettings.read(rewrite(file, changes), configs=configs)


def up(world: World, settings: NightSettings | None = None) -> Any:
    launch = make(LaunchEmrClusterOperator, "cluster_up")
    launch.settings = settings or launch.settings
    return world.run(launch)


def plan(world: World, settings: NightSettings) -> None:
    world.plan()
    world.xcoms["plan", "night"]["profile"] = settings.profile.name


def without_capacity(emr: FakeEmr, *fails: bool) -> None:
    """The nth launch finds no capacity where ``fails[n]``, the last one counts for all later ones."""
    launch = emr.run_job_flow

    def run(payload: Any) -> str:
        fail = fails[min(len(emr.launched), len(fails) - 1)]
        emr.lifecycle, emr.reason = (OVER, NO_CAPACITY) if fail else (UP, ("", ""))
        return launch(payload)

    emr.run_job_flow = run  # type: ignore[method-assign]


def subnets(world: World) -> list[str]:
    return [payload["Instances"]["Ec2SubnetId"] for payload in world.emr.launched]


def test_a_secure_cluster_runs_under_its_configuration(world: World, secure: NightSettings) -> None:
    plan(world, secure)
    up(world, secure)
    wanted = wanted_configuration(secure)
    (request,) = world.emr.launched
    assert request["SecurityConfiguration"] == wanted.name
    assert world.emr.configurations[wanted.name].text == wanted.text
    assert request["KerberosAttributes"].keys() == {"Realm", "KdcAdminPassword"}
    assert request["KerberosAttributes"]["Realm"] == "EC2.INTERNAL"
    assert world.vault.asked == []


def test_a_profile_without_security_asks_for_nothing(world: World) -> None:
    world.plan()
    up(world, replace(SETTINGS, security=None))
    assert world.emr.configurations == {}
    assert not {"SecurityConfiguration", "KerberosAttributes"} & world.emr.launched[0].keys()


def test_the_password_is_nowhere_else(world: World, secure: NightSettings, caplog: pytest.LogCaptureFixture) -> None:
    plan(world, secure)
    with caplog.at_level(logging.DEBUG):
        up(world, secure)
    password = world.emr.launched[0]["KerberosAttributes"]["KdcAdminPassword"]
    kept = [json.dumps([*map(str, world.xcoms.items())]), caplog.text, repr(world.emr.configurations),
            *(body.decode(errors="replace") for body, _ in world.store.objects.values()),
            json.dumps(world.emr.launched[0] | {"KerberosAttributes": None})]  # fmt: skip
    assert caplog.text
    assert not any(password in text for text in kept)


def test_each_launch_has_a_password_of_its_own(world: World, secure: NightSettings) -> None:
    without_capacity(world.emr, True, False)
    plan(world, secure)
    up(world, secure)
    first, second = [payload["KerberosAttributes"]["KdcAdminPassword"] for payload in world.emr.launched]
    assert first != second


def test_an_external_kdcs_password_comes_from_its_secret(world: World, outside: NightSettings) -> None:
    plan(world, outside)
    up(world, outside)
    attributes = world.emr.launched[0]["KerberosAttributes"]
    assert attributes == {"Realm": "SITE.INTERNAL", "KdcAdminPassword": "of the KDC"}
    assert world.vault.asked == ["druid-reindex/kdc"]


def test_a_missing_secret_launches_nothing(world: World, outside: NightSettings) -> None:
    world.vault.held.clear()
    plan(world, outside)
    with pytest.raises(AirflowFailException, match="druid-reindex/kdc"):
        up(world, outside)
    assert world.emr.launched == []


def test_another_content_under_the_name_launches_nothing(world: World, secure: NightSettings) -> None:
    world.emr.create_security_configuration(wanted_configuration(secure).name, "{}")
    plan(world, secure)
    with pytest.raises(AirflowFailException, match="another content"):
        up(world, secure)
    assert world.emr.launched == []


def test_a_configuration_that_was_swept_meanwhile_is_made_by_the_next_try(
    world: World, secure: NightSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = world.emr.run_job_flow

    def swept(payload: Any) -> str:
        world.emr.configurations.clear()
        return launch(payload)

    plan(world, secure)
    with monkeypatch.context() as patch:
        patch.setattr(world.emr, "run_job_flow", swept)
        with pytest.raises(AirflowException, match="deleted meanwhile") as error:
            up(world, secure)
    assert not isinstance(error.value, AirflowFailException)
    assert up(world, secure)["cluster_id"]


def test_another_refusal_is_told_as_it_is(world: World, secure: NightSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_payload: Any) -> str:
        raise RefusedError("launch a cluster", resource="EMR", came_back="Invalid InstanceProfile", remedy="correct it")

    monkeypatch.setattr(world.emr, "run_job_flow", refused)
    plan(world, secure)
    with pytest.raises(AirflowFailException, match="Invalid InstanceProfile"):
        up(world, secure)


def test_without_capacity_the_next_subnet_is_tried(world: World) -> None:
    without_capacity(world.emr, True, False)
    world.plan()
    assert up(world)["cluster_id"] == "j-0000000000002"
    assert subnets(world) == [*SUBNETS]


def test_without_capacity_anywhere_the_try_fails_and_the_next_begins_again(world: World) -> None:
    without_capacity(world.emr, True)
    world.plan()
    for launches in (2, 4):
        with pytest.raises(AirflowException, match="INSUFFICIENT_CAPACITY") as error:
            up(world)
        assert not isinstance(error.value, AirflowFailException)
        assert len(world.emr.launched) == launches
    assert subnets(world) == [*SUBNETS, *SUBNETS]


def test_another_end_tries_no_other_subnet(world: World) -> None:
    world.emr.lifecycle, world.emr.reason = OVER, ("BOOTSTRAP_FAILURE", "it broke")
    world.plan()
    with pytest.raises(AirflowFailException, match="it broke"):
        up(world)
    assert len(world.emr.launched) == 1


def test_one_subnet_alone_is_not_looked_back_for(world: World) -> None:
    without_capacity(world.emr, True)
    world.plan()
    launch = make(LaunchEmrClusterOperator, "cluster_up")
    boundaries = launch.settings.boundaries
    network = boundaries.phi.network.model_copy(update={"subnet_ids": SUBNETS[1:]})
    phi = boundaries.phi.model_copy(update={"network": network})
    one = replace(launch.settings, boundaries=boundaries.model_copy(update={"phi": phi}))
    with pytest.raises(AirflowException, match="INSUFFICIENT_CAPACITY"):
        up(world, one)
    assert subnets(world) == [SUBNETS[1]]
