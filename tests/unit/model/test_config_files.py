"""The files of emr_configs: what is wrong is named by file, line, field, value and what works."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from changed_configs import rewrite
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.config_files import load_boundaries, load_profile
from jdbc_source import EHR, configs_with_database

SHIPPED = Path(__file__).parents[3] / "emr_configs"
ROLE = "arn:aws:iam::111122223333:role/DrxRedshift"


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "emr_configs"))


def refused_line(file: Path, before: str, after: str) -> tuple[str, int]:
    """The file with the last ``before`` replaced, as the error's text, and the line that was changed."""
    text = file.read_text()
    place = text.rindex(before)
    file.write_text(text[:place] + after + text[place + len(before) :])
    with pytest.raises(ConfigurationError) as refusal:
        load_boundaries(file.parent) if file.name == "boundaries.yaml" else load_profile(file.parents[1], file.stem)
    return str(refusal.value), text[:place].count("\n") + 1


@pytest.mark.parametrize("profile", sorted((SHIPPED / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_files_are_good(profile: Path) -> None:
    assert load_profile(SHIPPED, profile.stem).name == profile.stem
    assert load_boundaries(SHIPPED).phi.pool != load_boundaries(SHIPPED).general.pool


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("pool: druid_reindex_general", "pool: druid_reindex_phi", "general.pool: found 'druid_reindex_phi', which"),
        ("aws_conn_id: aws_general", "aws_conn_id: aws_phi", "general.aws_conn_id: found 'aws_phi', which phi has"),
        ("22222222-2222-4222-8222-222222222222", "11111111-1111-4111-8111-111111111111", "general.kms_key_arn: found"),
        ("data_uri: s3://drx-general-111122223333/", "data_uri: s3://drx-phi-111122223333/", "general.data_uri: found"),
        ("runs_uri: s3://drx-general-111122223333/runs/", "runs_uri: s3://elsewhere/runs/",
         "general.runs_uri: found 's3://elsewhere/runs/'; write a prefix under data_uri"),
        ("arn:aws:kms:us-east-1:111122223333:key/2", "arn:aws:kms:eu-west-1:111122223333:key/2",
         "general.kms_key_arn: found a key of eu-west-1; write a key of the Region us-east-1"),
        ("network: *network", (f"redshift: {{workgroup_name: own, database: nights, role_arns: ['{ROLE}']}}\n  "
         "network: *network"), f"general.redshift.role_arns[0]: found '{ROLE}', which phi has too"),
        ("network: *network", "network: {}", "general.network.subnet_ids: found nothing; add it: a list of private"),
        ("  queue: general", "  quene: general", "general.quene: found 'general' in a field that does not exist; did"),
        ("region: us-east-1", "region: Virginia", "region: found 'Virginia'; write an AWS Region such as us-east-1"),
    ],
)  # fmt: skip
def test_a_wrong_boundary(configs: Path, before: str, after: str, told: str) -> None:
    message, line = refused_line(configs / "boundaries.yaml", before, after)
    assert f"boundaries.yaml:{line}: {told}" in message


def test_a_databases_login_is_one_sides_alone(tmp_path: Path) -> None:
    configs = configs_with_database(tmp_path)
    rewrite(configs / "boundaries.yaml", {"general.databases": {"shop": EHR}})
    with pytest.raises(ConfigurationError, match=r"general\.databases\.shop\.secret_id: .*which phi has too"):
        load_boundaries(configs)


def test_a_field_behind_an_alias_is_named_where_it_stands(configs: Path) -> None:
    message, line = refused_line(configs / "boundaries.yaml", "sg-0d70000000000001", "default")
    assert f"boundaries.yaml:{line}: phi.network.primary_security_group: found 'default'" in message
    assert f"boundaries.yaml:{line}: general.network.primary_security_group: found 'default'" in message


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("name: small", "name: large", "name: found 'large'; a profile is named as its file: write small"),
        ("release_label: emr-7.2.0", "release_label: 7.2", "release_label: found 7.2; it is text; put it in quotes"),
        ("role: MASTER", "role: CORE", "instance_groups: found 0 MASTER groups; write exactly one"),
        ("role: CORE", "role: MASTER", "instance_groups[1]: found 2 MASTER groups; write exactly one"),
        ("m6g.xlarge, count: 1", "m6g.xlarge, count: 2", "instance_groups[0].count: found 2; EMR runs 1 or 3"),
        ("r6g.xlarge", "xlarge", "instance_groups[1].instance_type: found 'xlarge'; write an EC2 instance type"),
        ("map_memory_mb: 768", "map_memory_mb: 64", "job.map_memory_mb: found 64; "),
        ("job:", "jobs: {}\njob:", "jobs: found an empty mapping in a field that does not exist; did you mean job?"),
    ],
)  # fmt: skip
def test_a_wrong_profile(configs: Path, before: str, after: str, told: str) -> None:
    message, _ = refused_line(configs / "profiles" / "small.yaml", before, after)
    assert told in message


def test_a_profile_that_is_not_there_tells_which_are(configs: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"name one of these profiles: .*small"):
        load_profile(configs, "huge")
