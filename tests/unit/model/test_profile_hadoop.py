"""A profile's Hadoop properties against what its security turns on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from changed_configs import changed_configs
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.profile_hadoop import PROTECTING
from druid_reindex.plan.hadoop import job_properties
from druid_reindex.plan.hadoop_site import HadoopSite
from emr_documents import GONE

FILE = "profiles/secure_step.yaml"
OF_A_BUCKET = "fs.s3a.bucket.drx-phi-111122223333.encryption.algorithm"


def read(folder: Path, **changes: Any) -> Any:
    return load_profile(changed_configs(folder, {FILE: changes}), "secure_step")


def classified(name: str, value: str) -> list[dict[str, Any]]:
    return [{"Classification": "core-site", "Properties": {name: value}}]


@pytest.mark.parametrize("name", [*PROTECTING, OF_A_BUCKET])
def test_a_job_cannot_turn_a_protection_off(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, **{"job.properties": {name: "authentication"}})
    assert f"job.properties.{name}: found 'authentication'" in str(refusal.value)
    assert f"or write {PROTECTING.get(name, 'SSE-KMS')}" in str(refusal.value)


@pytest.mark.parametrize("name", PROTECTING)
def test_a_cluster_cannot_either(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        read(tmp_path, configurations=[{"Classification": "hadoop", "Configurations": classified(name, "false")}])
    assert f"configurations[0].Configurations[0].Properties.{name}: found 'false'" in str(refusal.value)


@pytest.mark.parametrize("name", ["fs.s3a.encryption.key", "fs.s3a.bucket.a.b.server-side-encryption.key"])
def test_no_profile_names_a_key(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the boundary names the key"):
        read(tmp_path, **{"job.properties": {name: "arn:aws:kms:us-east-1:111122223333:key/other"}})


def test_the_protecting_value_and_other_names_are_taken(tmp_path: Path) -> None:
    properties = {name: value.upper() for name, value in PROTECTING.items()} | {"mapreduce.map.speculative": "false"}
    profile = read(tmp_path, **{"job.properties": properties, "configurations": classified("io.file.buffer.size", "1")})
    assert profile.job.properties == properties


def test_a_profile_without_security_has_none_to_weaken(tmp_path: Path) -> None:
    assert read(tmp_path, security=GONE, configurations=classified("hadoop.rpc.protection", "authentication"))


def test_what_the_provider_itself_writes_is_what_protects() -> None:
    configs = Path(__file__).parents[3] / "emr_configs"
    boundary, profile = load_boundaries(configs).phi, load_profile(configs, "secure")
    site = HadoopSite("ip-10-0-0-1.ec2.internal", "EC2.INTERNAL", in_transit=True)
    written = job_properties(boundary, profile) | site.job_properties()
    named = {name: value for name, value in written.items() if name in PROTECTING}
    assert len(named) >= 6
    assert named == {name: PROTECTING[name] for name in named}
