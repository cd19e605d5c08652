"""Doctor's looks at what protects the clusters, on the emulated account as its operator sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from druid_reindex.cli.doctor_aws import IDENTITY, SUBNETS, Night
from druid_reindex.cli.doctor_report import Check, Line, Mark, examine, good
from druid_reindex.cli.doctor_security import security_checks
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.sandbox.aws import service
from emulated_account import Emulator

ROOT = Path(__file__).parents[2]
PHI_ROLE = "arn:aws:iam::111122223333:role/DrxAirflowPhi"
GENERAL_ROLE = "arn:aws:iam::111122223333:role/DrxAirflowGeneral"


@pytest.fixture(autouse=True)
def operator(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in service.user_environment(emulator.home, "operator").items():
        monkeypatch.setenv(name, value)


def looked(principal: str | None) -> dict[str, Line]:
    boundaries = load_boundaries(ROOT / "emr_configs")
    pipeline = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", boundaries)
    profile, security = load_shape(ROOT / "emr_configs", pipeline.cluster.profile)
    night = Night(pipeline, profile, boundaries, principal, security)
    before = [Check(name, lambda: good("there")) for name in (IDENTITY, SUBNETS)]
    lines = {line.name: line for line in examine([*before, *security_checks(night)], lambda _name: None)}
    return {name: line for name, line in lines.items() if name not in {IDENTITY, SUBNETS}}


@pytest.mark.parametrize("principal", [None, PHI_ROLE])
def test_the_deployed_account_has_all_that_a_night_needs(principal: str | None) -> None:
    lines = looked(principal)
    assert [str(line) for line in lines.values() if line.outcome.mark is not Mark.GOOD] == []
    assert len(lines) == 5


def test_the_other_sides_role_may_not_read_the_kdcs_secret() -> None:
    lines = looked(GENERAL_ROLE)
    assert {name for name, line in lines.items() if line.outcome.mark is Mark.WRONG} == {"Kerberos' secrets"}
    assert "secretsmanager:GetSecretValue" in lines["Kerberos' secrets"].outcome.found
