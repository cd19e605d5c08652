"""Tests of what the operators of a night share."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from changed_configs import PIPELINE, SHIPPED, changed_configs, rewrite
from druid_reindex.errors import ConfigurationError, RefusedError, UnavailableError
from druid_reindex.operators.night import NightSettings, as_airflow
from druid_reindex.operators.plan import PlanNightOperator
from night_world import SETTINGS, World, make

WORDS = {"resource": "r", "came_back": "c", "remedy": "m"}


def test_the_error_decides_about_retries() -> None:
    assert type(as_airflow(RefusedError("a", **WORDS))) is AirflowFailException
    assert type(as_airflow(UnavailableError("a", **WORDS))) is AirflowException


def test_the_boundary_gives_pool_queue_and_connections() -> None:
    operator = make(PlanNightOperator, "plan")
    assert (operator.pool, operator.queue, operator.retries) == ("druid_reindex_phi", "phi", 2)
    assert (SETTINGS.druid_conn_id, SETTINGS.aws_conn_id) == ("druid_phi", "aws_phi")


def test_a_protected_pipelines_task_does_not_parse_in_a_general_dag() -> None:
    with pytest.raises(ConfigurationError, match="tagged general"), DAG("d", tags={"general"}, schedule=None):
        make(PlanNightOperator, "plan")


def test_the_identity_is_equal_for_all_tasks_of_a_run(world: World) -> None:
    one = make(PlanNightOperator, "plan").run_identity(world.context())
    assert make(PlanNightOperator, "other").run_identity(world.context()) == one
    world.run_id = "manual__2"
    assert make(PlanNightOperator, "plan").run_identity(world.context()) != one


def test_a_run_may_ask_for_the_profiles_that_go_with_the_pipeline(tmp_path: Path) -> None:
    file = Path(shutil.copy(PIPELINE, tmp_path / PIPELINE.name))
    overlord = NightSettings.read(rewrite(file, {"submit": "overlord", "cluster.profile": "secure"}), configs=SHIPPED)
    steps = NightSettings.read(rewrite(file, {"submit": "emr_step", "cluster.profile": "secure_step"}), configs=SHIPPED)
    assert ("secure" in overlord.profiles, "secure_step" in overlord.profiles) == (True, False)
    assert ("secure" in steps.profiles, "secure_step" in steps.profiles) == (False, True)
    with pytest.raises(ConfigurationError, match="submit: found 'overlord' with 'secure_step', whose KDC is dedicated"):
        overlord.on_profile("secure_step")
    moved = replace(overlord, configs=changed_configs(tmp_path, {"profiles/secure_step.yaml": {"tenancy": "host"}}))
    assert "secure_step" not in moved.profiles
    assert overlord.on_profile("secure") is overlord
