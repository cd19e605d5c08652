"""The looks at the account: who asks, and each thing that the boundary names."""

from __future__ import annotations

from dataclasses import replace

from doctor_account import BOUNDARIES, ROLE, ROOT, USER, Account
from druid_reindex.cli.doctor_aws import IDENTITY, Night, aws_checks
from druid_reindex.cli.doctor_report import Line, Mark, examine
from druid_reindex.model.config_files import load_profile
from druid_reindex.model.pipeline_file import load_pipeline


def looked(account: Account, principal: str | None = None) -> dict[str, Line]:
    pipeline = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", BOUNDARIES)
    night = Night(pipeline, load_profile(ROOT / "emr_configs", "small"), BOUNDARIES, principal)
    vars(night)["survey"] = account
    vars(night)["session"] = None
    checks = [check for check in aws_checks(night) if check.name != "artifacts"]
    return {line.name: line for line in examine(checks, lambda _name: None)}


def test_all_is_good() -> None:
    account = Account()
    lines = looked(account)
    assert {line.outcome.mark for line in lines.values()} == {Mark.GOOD}
    passed = {(need.resource, need.passed_to) for _, need in account.asked if need.passed_to}
    assert passed == {
        (ROLE + "DrxEmrService", "elasticmapreduce.amazonaws.com"),
        (ROLE + "DrxEmrEc2Phi", "ec2.amazonaws.com"),
    }
    assert {principal for principal, _ in account.asked} == {USER, ROLE + "DrxEmrEc2Phi"}


def test_without_credentials_nothing_else_is_asked() -> None:
    lines = looked(Account(caller=""))
    assert lines.pop(IDENTITY).outcome.mark is Mark.WRONG
    assert {line.outcome.mark for line in lines.values()} == {Mark.UNREAD}


def test_another_principal_is_judged_in_the_place_of_the_caller() -> None:
    account = Account(denied={"iam:PassRole"})
    lines = looked(account, principal=ROLE + "DrxAirflowPhi")
    assert account.asked[0][0] == ROLE + "DrxAirflowPhi"
    assert lines["IAM of Airflow"].outcome.mark is Mark.WRONG
    assert "iam:PassRole" in lines["IAM of Airflow"].outcome.found
    assert lines["IAM of the clusters"].outcome.mark is Mark.GOOD


def test_a_bucket_with_another_key_is_told() -> None:
    lines = looked(replace(Account(), key_arn="arn:aws:kms:us-east-1:111122223333:key/other"))
    assert lines["buckets"].outcome.mark is Mark.WRONG
