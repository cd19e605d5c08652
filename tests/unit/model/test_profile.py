"""Cluster profiles."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.profile import ClusterProfile

LEAST: dict[str, Any] = {
    "name": "tiny",
    "release_label": "emr-7.2.0",
    "instance_groups": [
        {"role": "MASTER", "instance_type": "m6g.xlarge"},
        {"role": "CORE", "instance_type": "r6gd.4xlarge", "count": 3, "market": "SPOT"},
    ],
}


def test_the_least_that_a_profile_says() -> None:
    profile = ClusterProfile.model_validate(LEAST)
    assert profile.applications == ("Hadoop",)
    assert [group.count for group in profile.instance_groups] == [1, 3]
    assert profile.job.map_memory_mb == 2_048


def test_each_field_says_what_works() -> None:
    models = [ClusterProfile]
    for kind in models:
        for name, info in kind.model_fields.items():
            assert info.description, f"{kind.__name__}.{name}"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Tiny"},
        {"release_label": "7.2.0"},
        {"instance_fleets": [{"role": "MASTER", "instance_types": []}]},
        {"instance_groups": [{"role": "PRIMARY", "instance_type": "m6g.xlarge"}]},
        {"instance_groups": [{"role": "MASTER", "instance_type": "m6g"}]},
        {"instance_groups": [{"role": "MASTER", "instance_type": "m6g.xlarge", "count": "1"}]},
        {"idle_timeout_seconds": 30},
        {"step_concurrency_level": 0},
        {"ebs_root_volume_gib": 10},
        {"bootstrap": [{"name": "x", "path": "/etc/x.sh"}]},
        {"bootstrap": [{"name": "x", "path": "s3://bucket/x.sh"}]},
        {"job": {"properties": {"mapreduce.map.speculative": False}}},
        {"subnet": "subnet-1"},
    ],
)
def test_wrong_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClusterProfile.model_validate(LEAST | changes)
