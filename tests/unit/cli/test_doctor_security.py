"""The looks at what protects the clusters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from changed_configs import changed_configs, rewrite
from doctor_account import KDC, PHI, SECRETS_KEY, USER, Account
from druid_reindex.cli.doctor_aws import IDENTITY, SUBNETS, Night
from druid_reindex.cli.doctor_report import Check, Line, Mark, examine, good
from druid_reindex.cli.doctor_security import security_checks
from druid_reindex.model.config_files import load_boundaries, load_shape
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan import certificates
from twins import FakeStore
from wrong_security import REALM

ROOT = Path(__file__).parents[3]
VITALS = ROOT / "dags/pipelines/patient_vitals.yaml"
SETTLED = ("security configuration", "tenancy")
ALL = (*SETTLED, "KMS key of the disks", "Kerberos' secrets", "certificates")
Changes = dict[str, dict[str, object]]


def night(folder: Path, account: Account, store: FakeStore, changes: Changes, **pipeline: object) -> Night:
    """A night on a copy of the shipped files, changed, that asks `account` and `store`."""
    configs = changed_configs(folder, changes)
    file = folder / "patient_vitals.yaml"
    file.write_bytes(VITALS.read_bytes())
    boundaries = load_boundaries(configs)
    read = load_pipeline(rewrite(file, {"cluster.profile": "secure", **pipeline}), boundaries)
    profile, security = load_shape(configs, read.cluster.profile)
    made = Night(read, profile, boundaries, security=security)
    vars(made).update(survey=account, emr_survey=account, store=store)
    return made


@dataclass
class Doctor:
    """The lines of these checks, for an account and files that a test changes."""

    folder: Path
    visits: int = 0

    def night(
        self,
        account: Account | None = None,
        store: FakeStore | None = None,
        changes: Changes | None = None,
        **pipeline: object,
    ) -> Night:
        """A night on a fresh copy of the shipped files."""
        self.visits += 1
        folder = self.folder / str(self.visits)
        folder.mkdir()
        return night(folder, account or Account(), store or FakeStore(), changes or {}, **pipeline)

    def __call__(self, account: Account | None = None, **more: Any) -> dict[str, Line]:
        before = [Check(name, lambda: good("there")) for name in (IDENTITY, SUBNETS)]
        checks = [*before, *security_checks(self.night(account, **more))]
        lines = {line.name: line for line in examine(checks, lambda _name: None)}
        return {name: line for name, line in lines.items() if name not in {IDENTITY, SUBNETS}}


@pytest.fixture
def looked(tmp_path: Path) -> Doctor:
    return Doctor(tmp_path)


def wrong(lines: dict[str, Line]) -> dict[str, Line]:
    found = {name: line for name, line in lines.items() if line.outcome.mark is not Mark.GOOD}
    assert all(line.outcome.mark is Mark.WRONG and line.outcome.remedy for line in found.values())
    return found


def test_all_is_good_before_the_first_night(looked: Doctor) -> None:
    account = Account()
    lines = looked(account)
    assert tuple(lines) == ALL
    assert wrong(lines) == {}
    assert "external_kdc: emr-7.2.0 has all of it" in lines["security configuration"].outcome.found
    assert "the next night makes it" in lines["certificates"].outcome.found
    asked = {(action, need.resource) for _, need in account.asked for action in need.actions}
    assert asked == {
        ("secretsmanager:GetSecretValue", account.secrets[KDC].arn),
        ("kms:Decrypt", SECRETS_KEY),
    }
    assert {principal for principal, _ in account.asked} == {USER}


def test_general_data_may_have_no_security_configuration(looked: Doctor) -> None:
    shop = {"datasource": "shop_visits", "classification": "general", "declared_actors": []}
    lines = looked(**shop, **{"cluster.profile": "small"})
    assert tuple(lines) == SETTLED
    assert wrong(lines) == {}


def test_a_release_that_lacks_something_is_told(looked: Doctor) -> None:
    lines = looked(changes={"profiles/secure.yaml": {"release_label": "emr-5.31.0"}})
    (line,) = wrong(lines).values()
    assert line.name == "security configuration"
    assert "emr-5.32.0 or emr-6.2.0" in line.outcome.remedy


def test_protected_data_without_one_are_told(looked: Doctor) -> None:
    lines = looked(**{"cluster.profile": "small"})
    assert set(wrong(lines)) == {"security configuration"}


@pytest.mark.parametrize("tenancy", ["dedicated", "host"])
def test_a_vpc_of_another_tenancy_is_told(looked: Doctor, tenancy: str) -> None:
    (line,) = wrong(looked(Account(vpc_tenancy=tenancy))).values()
    assert line.outcome.found == f"vpc-1 has {tenancy} tenancy, boundaries.yaml says default"


def test_dedicated_hardware_where_it_is_asked_for(looked: Doctor) -> None:
    asked = {
        "boundaries.yaml": {"phi.network.tenancy": "dedicated"},
        "profiles/secure.yaml": {"tenancy": "dedicated"},
    }
    lines = looked(Account(vpc_tenancy="dedicated"), changes=asked)
    assert "dedicated" in lines["tenancy"].outcome.found
    assert wrong(lines) == {}


def test_a_disabled_key_of_the_disks_is_told(looked: Doctor) -> None:
    (line,) = wrong(looked(Account(disabled={PHI.disk_key_arn}))).values()
    assert (line.name, "Disabled" in line.outcome.found) == ("KMS key of the disks", True)


def test_a_secret_that_is_not_there_is_told(looked: Doctor) -> None:
    (line,) = wrong(looked(Account(secrets={}))).values()
    assert (line.name, KDC in line.outcome.found) == ("Kerberos' secrets", True)


@pytest.mark.parametrize("action", ["secretsmanager:GetSecretValue", "kms:Decrypt"])
def test_a_secret_that_may_not_be_read_is_told(looked: Doctor, action: str) -> None:
    (line,) = wrong(looked(Account(denied={action}))).values()
    assert (line.name, action in line.outcome.found) == ("Kerberos' secrets", True)


def test_a_clusters_own_kdc_needs_no_secret_but_its_trust_does(looked: Doctor) -> None:
    steps = {"submit": "emr_step", "cluster.profile": "secure_step"}
    lines = looked(Account(secrets={}), **steps)
    assert wrong(lines) == {}
    assert "made up for it" in lines["Kerberos' secrets"].outcome.found
    trust = {
        "boundaries.yaml": {"phi.kerberos.trusted_realm": REALM},
        "security/dedicated_kdc.yaml": {"kerberos.cross_realm_trust": True},
    }
    asked = looked.night(Account(secrets={}), changes=trust, **steps)
    (check,) = [each for each in security_checks(asked) if each.name == "Kerberos' secrets"]
    assert "druid-reindex/trust" in check.look().found


def test_certificates_lie_under_the_boundarys_key(looked: Doctor) -> None:
    asked = certificates.wanted(load_boundaries(ROOT / "emr_configs"), Classification.PHI, "secure", datetime.now(UTC))
    uri = asked.uri("0" * 64)
    lines = looked(store=FakeStore({uri: (b"zip", PHI.kms_key_arn)}))
    assert lines["certificates"].outcome.found == f"{uri}, until {asked.expires_at:%Y-%m-%d}"
    (line,) = wrong(looked(store=FakeStore({uri: (b"zip", SECRETS_KEY)}))).values()
    assert f"{uri} is under {SECRETS_KEY}" in line.outcome.found


@pytest.mark.parametrize("prefix", ["s3://", "arn:aws:s3:::"])
def test_a_certificate_provider_of_ones_own_is_looked_for(looked: Doctor, prefix: str) -> None:
    jar = {"jar": f"{prefix}jars/own.jar", "class_name": "com.example.Certificates"}
    (line,) = wrong(looked(changes={"security/external_kdc.yaml": {"certificate_provider": jar}})).values()
    assert line.outcome.found == "missing: s3://jars/own.jar"
