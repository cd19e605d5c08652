"""Cluster profiles that EMR would refuse, or that no night should run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from changed_configs import changed_configs
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_profile
from wrong_security import PROFILES, Wrong, fleets

FILE = "profiles/secure_step.yaml"


@pytest.mark.parametrize("case", PROFILES, ids=lambda case: case.what)
def test_a_wrong_profile_is_refused_with_field_and_remedy(case: Wrong, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_profile(changed_configs(tmp_path, {FILE: case.changes}), "secure_step")
    told = [line for line in str(refusal.value).splitlines() if f": {case.field}: found" in line]
    assert any(case.remedy in line for line in told), str(refusal.value)
    assert "xyzzy" not in str(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [
        fleets(),
        fleets(spot_units=2) | {"spot_policy": "core_and_task"},
        {"tenancy": "dedicated"},
        {"instance_groups[1].market": "SPOT", "spot_policy": "core_and_task"},
        {"instance_groups[0].count": 3},
        {"tags": {"cost-centre": "vitals"}, "bootstrap": [{"name": "x", "path": "x.sh", "args": ["--secret-id", "a"]}]},
        {"release_label": "emr-5.36.0"},
    ],
)  # fmt: skip
def test_sound_profiles(changes: dict[str, object], tmp_path: Path) -> None:
    profile = load_profile(changed_configs(tmp_path, {FILE: changes}), "secure_step")
    assert {node.role for node in profile.nodes} == {"MASTER", "CORE"}


def test_a_fleet_counts_as_the_group_of_its_first_type(tmp_path: Path) -> None:
    types = [{"instance_type": "r6g.2xlarge", "weight": 8}, {"instance_type": "r6g.xlarge", "weight": 4}]
    changes = fleets(instance_types=types, on_demand_units=4, spot_units=16) | {"spot_policy": "core_and_task"}
    _, core = load_profile(changed_configs(tmp_path, {FILE: changes}), "secure_step").nodes
    assert (core.instance_type, core.count, core.market) == ("r6g.2xlarge", 3, "SPOT")
