"""Tests of a night's settings."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from changed_configs import PIPELINE, SHIPPED, changed_configs, rewrite
from druid_reindex.errors import ConfigurationError
from druid_reindex.operators.settings import NightSettings


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
