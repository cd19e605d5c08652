"""What must hold of an account."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from druid_reindex.cli import doctor_judge as judge
from druid_reindex.cli.doctor_report import Mark, Outcome
from druid_reindex.cli.init import marked
from druid_reindex.model.account import (
    BucketEncryption,
    CallerIdentity,
    KmsKey,
    Permission,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.pipeline import Pipeline, Submission
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.profile import BootstrapScript
from druid_reindex.posture.subjects import wanted_buckets
from jdbc_source import TABLE, configs_with_database

ROOT = Path(__file__).parents[3]
CONFIGS = ROOT / "emr_configs"
BOUNDARIES = load_boundaries(CONFIGS)
PHI = BOUNDARIES.phi
KEY = KmsKey(PHI.kms_key_arn, "Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
PRIVATE = Subnet("subnet-1", "vpc-1", (), gives_public_addresses=False)


def pipeline(**changes: object) -> Pipeline:
    found = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", BOUNDARIES)
    return found.model_copy(update=changes)


def is_wrong(outcome: Outcome, *parts: str) -> bool:
    assert all(part in outcome.found for part in parts), outcome
    assert bool(outcome.remedy) == (outcome.mark is Mark.WRONG)
    return outcome.mark is Mark.WRONG


def test_values_that_are_still_marked_are_counted() -> None:
    shipped = (CONFIGS / "boundaries.yaml").read_text()
    assert not is_wrong(judge.filled_in(shipped))
    assert is_wrong(judge.filled_in(marked(shipped, deployment_id=str(uuid4()))), "values are marked", "in line ")


def test_the_caller_is_in_the_account_of_the_data_key() -> None:
    mine = CallerIdentity("111122223333", "arn:aws:iam::111122223333:user/airflow")
    assert not is_wrong(judge.same_account(mine, PHI), mine.arn)
    assert is_wrong(judge.same_account(CallerIdentity("444455556666", "arn:x"), PHI), "444455556666", "111122223333")


def test_a_denied_action_is_named_and_no_decision_is_no_pass() -> None:
    yes, no = Permission("s3:GetObject", "a", "allowed"), Permission("s3:PutObject", "b", "implicitDeny")
    assert not is_wrong(judge.allowed("role", [yes]), "1 actions")
    assert is_wrong(judge.allowed("role", [yes, no]), "s3:PutObject on b (implicitDeny)")
    assert is_wrong(judge.allowed("role", []), "no decision")


def test_the_shipped_policies_allow_what_is_asked_for() -> None:
    asked = judge.night_needs(BOUNDARIES, PHI) + judge.pass_role_needs(
        f"arn:aws:iam::111122223333:role/{PHI.emr_service_role}",
        f"arn:aws:iam::111122223333:role/{PHI.emr_instance_profile}",
    )
    for needs, file in ((asked, "airflow_phi"), (judge.cluster_needs(BOUNDARIES, PHI), "cluster_phi")):
        policy = json.loads((CONFIGS / "iam" / f"{file}.json").read_text())
        for need in needs:
            for action in need.actions:
                assert any(allows(each, action, need.resource) for each in policy["Statement"]), (file, action, need)


def allows(statement: dict[str, object], action: str, resource: str) -> bool:
    actions, resources = (
        [each] if isinstance(each := statement[name], str) else list(each)  # type: ignore[call-overload]
        for name in ("Action", "Resource")
    )
    return action in actions and any(re.fullmatch(re.escape(r).replace(r"\*", ".*"), resource) for r in resources)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"state": "PendingDeletion"}, "PendingDeletion"), ({"manager": "AWS"}, "by AWS"), ({"spec": "RSA_2048"}, "RSA")],
)
def test_a_key_that_cannot_encrypt_is_wrong(changes: dict[str, str], told: str) -> None:
    assert not is_wrong(judge.usable_key(KEY))
    assert is_wrong(judge.usable_key(replace(KEY, **changes)), told)


def test_subnets_exist_and_are_private() -> None:
    public = Subnet("subnet-2", "vpc-1", ("igw-1",), gives_public_addresses=True)
    assert not is_wrong(judge.private_subnets(["subnet-1"], [PRIVATE]))
    assert is_wrong(judge.private_subnets(["subnet-1", "subnet-9"], [PRIVATE]), "subnet-9")
    told = "subnet-2 has a route to igw-1 and public addresses at launch"
    assert is_wrong(judge.private_subnets(["subnet-1", "subnet-2"], [PRIVATE, public]), told)


def test_security_groups_exist_in_the_vpc_of_the_subnets() -> None:
    group = SecurityGroup("sg-1", "vpc-1", ())
    assert not is_wrong(judge.known_groups(["sg-1"], [group], [PRIVATE]), "vpc-1")
    assert is_wrong(judge.known_groups(["sg-1", "sg-2"], [group], [PRIVATE]), "sg-2")
    assert is_wrong(judge.known_groups(["sg-1"], [SecurityGroup("sg-1", "vpc-2", ())], [PRIVATE]), "vpc-1, vpc-2")


def test_buckets_encrypt_with_the_keys_of_the_boundary() -> None:
    wanted = wanted_buckets(BOUNDARIES, PHI)
    assert wanted == {
        "drx-phi-111122223333": PHI.kms_key_arn,
        "drx-logs-111122223333": PHI.emr_log_kms_key_arn,
        "drx-artifacts-111122223333": "",
    }
    found = {bucket: BucketEncryption("aws:kms", key or "any") for bucket, key in wanted.items()}
    assert not is_wrong(judge.encrypted_buckets(wanted, found))
    other = found | {"drx-phi-111122223333": BucketEncryption("aws:kms", "other")}
    assert is_wrong(judge.encrypted_buckets(wanted, other), "drx-phi-111122223333: aws:kms other, not arn:")
    open_one = found | {"drx-artifacts-111122223333": BucketEncryption("AES256", "")}
    assert is_wrong(judge.encrypted_buckets(wanted, open_one), "drx-artifacts-111122223333: AES256, not aws:kms")


def test_artifacts_are_what_a_cluster_of_the_pipeline_reads() -> None:
    profile = load_profile(CONFIGS, "small")
    assert judge.wanted_artifacts(pipeline(submit=Submission.OVERLORD), BOUNDARIES, profile) == []
    assert not is_wrong(judge.present_artifacts({}), "read none")
    mine = profile.model_copy(update={"bootstrap": (BootstrapScript(name="mine", path="bootstrap/mine.sh"),)})
    wanted = judge.wanted_artifacts(pipeline(submit=Submission.EMR_STEP), BOUNDARIES, mine)
    assert [uri.key for uri in wanted][:3] == [
        "bootstrap/mine.sh",
        "bootstrap/install_druid.sh",
        "bootstrap/druid_index.sh",
    ]
    assert not is_wrong(judge.present_artifacts(dict.fromkeys(wanted, True)), "7 objects")
    assert is_wrong(judge.present_artifacts(dict.fromkeys(wanted, False)), str(wanted[0]))


def test_a_pipeline_that_exports_or_makes_tokens_needs_its_scripts() -> None:
    profile = load_profile(CONFIGS, "small")
    load = {"name": "a", "table": "b.c", "columns": ["day"], "mode": "merge", "keys": ["day"], "format": "json"}
    exporting = Pipeline.model_validate(pipeline(submit=Submission.OVERLORD).model_dump() | {"loads": [load]})
    assert "bootstrap/export.sh" in {uri.key for uri in judge.wanted_artifacts(exporting, BOUNDARIES, profile)}
    token = {"column": "patient_id", "kind": "patient", "name": "patient_token"}
    unload = {"name": "a", "sql": "unload/a.sql", "format": "json", "tokens": [token]}
    tokens = Pipeline.model_validate(pipeline(submit=Submission.OVERLORD).model_dump() | {"unloads": [unload]})
    assert [uri.key for uri in judge.wanted_artifacts(tokens, BOUNDARIES, profile)] == [
        "bootstrap/tokenise.sh",
        "bootstrap/journalled.sh",
    ]


def test_a_pipeline_that_unloads_a_database_needs_the_program_and_the_jars(tmp_path: Path) -> None:
    boundaries = load_boundaries(configs_with_database(tmp_path))
    databases = Pipeline.model_validate(pipeline(submit=Submission.OVERLORD).model_dump() | {"unloads": [TABLE]})
    found = judge.wanted_artifacts(databases, boundaries, load_profile(CONFIGS, "small"))
    assert [uri.key for uri in found] == [
        "bootstrap/unload_jdbc.sh",
        "bootstrap/UnloadJdbc.java",
        "jdbc/postgresql-42.7.8.jar",
        "bootstrap/journalled.sh",
    ]


def test_the_archive_is_the_one_that_the_bootstrap_script_reads() -> None:
    script = (CONFIGS / "bootstrap/install_druid.sh").read_text()
    version = re.search(r'^version="(.+)"$', script, re.MULTILINE)
    assert version
    assert f"druid/druid-{version[1]}.tar.gz" == judge.DRUID_ARCHIVE
    assert "druid/druid-${version}.tar.gz" in script
    copied = re.search(r"^for script in (.+); do$", script, re.MULTILINE)
    assert copied
    assert [f"bootstrap/{name}" for name in copied[1].split()] == [judge.INDEX_SCRIPT, judge.EXPORT_SCRIPT]
