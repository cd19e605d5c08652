"""A security configuration as a task of a hand-written DAG."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from changed_configs import PIPELINE, SHIPPED, rewrite
from druid_reindex.operators.security import EmrSecurityConfigurationOperator
from druid_reindex.operators.settings import NightSettings
from night_world import SETTINGS, World, make, wanted_configuration


def test_it_is_made_once_and_named(world: World, tmp_path: Path) -> None:
    file = Path(shutil.copy(PIPELINE, tmp_path / PIPELINE.name))
    rewrite(file, {"cluster.profile": "secure_step", "submit": "emr_step"})
    task = make(EmrSecurityConfigurationOperator, "security")
    task.settings = settings = NightSettings.read(file, configs=SHIPPED)
    wanted = wanted_configuration(settings)
    assert world.run(task) == {"name": wanted.name}
    assert world.run(task) == {"name": wanted.name}
    assert [*world.emr.configurations] == [wanted.name]


def test_a_profile_without_security_is_refused(world: World) -> None:
    task = make(EmrSecurityConfigurationOperator, "security")
    task.settings = replace(SETTINGS, security=None)
    with pytest.raises(AirflowFailException, match="it names no security"):
        world.run(task)
