"""`druid-reindex security-config`: show, check, diff."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import Outside
from changed_configs import PIPELINE, SHIPPED, rewrite
from druid_reindex.cli import status
from druid_reindex.cli.main import app
from druid_reindex.model.cluster import StoredConfiguration
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Classification
from druid_reindex.model.security_file import load_security
from druid_reindex.plan import certificates
from druid_reindex.plan.security import needed
from emr_documents import FULL, changed, path
from twins import EPOCH
from wrong_security import REALM

NAME = "patient_vitals"
BOUNDARIES = load_boundaries(SHIPPED)
ASKED = certificates.wanted(BOUNDARIES, Classification.PHI, "secure_step", datetime.now(UTC))
WANTED = needed(load_security(SHIPPED, "dedicated_kdc"), BOUNDARIES.phi, ASKED.unmade)


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    return Outside().connect(monkeypatch, status)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipelines").mkdir()
    shutil.copytree(SHIPPED, tmp_path / "emr_configs")
    file = Path(shutil.copy(PIPELINE, tmp_path / "pipelines"))
    rewrite(file, {"cluster.profile": "secure_step", "submit": "emr_step"})
    return tmp_path


def invoke(folder: Path, *arguments: str) -> Result:
    places = ("--pipelines", str(folder / "pipelines"), "--configs", str(folder / "emr_configs"))
    return CliRunner().invoke(app, ["security-config", *arguments, *places])


def test_show_tells_name_realm_and_document(folder: Path) -> None:
    lines = invoke(folder, "show", NAME).stdout.splitlines()
    assert lines[:3] == [
        f"name      {WANTED.name}",
        "realm     EC2.INTERNAL",
        "kadmin    password made up for each cluster, kept nowhere",
    ]
    assert json.loads("\n".join(lines[3:])) == WANTED.content
    assert json.loads(invoke(folder, "show", NAME, "--json").stdout) == WANTED.content


def test_show_tells_where_passwords_come_from(folder: Path) -> None:
    trusted = REALM | {"join_secret_id": "druid-reindex/join"}
    rewrite(folder / "emr_configs/boundaries.yaml", {"phi.kerberos.trusted_realm": trusted})
    rewrite(folder / "emr_configs/security/dedicated_kdc.yaml", {"kerberos.cross_realm_trust": True})
    told = invoke(folder, "show", NAME).stdout
    assert "trust     password from secret druid-reindex/trust\n" in told
    assert "AD join   user and password from secret druid-reindex/join\n" in told
    rewrite(folder / "pipelines" / PIPELINE.name, {"submit": "overlord"})
    rewrite(folder / "emr_configs/profiles/secure_step.yaml", {"security": "external_kdc"})
    assert "kadmin    password from secret druid-reindex/kdc\n" in invoke(folder, "show", NAME).stdout


def test_the_certificates_that_lie_there_are_named(folder: Path, outside: Outside) -> None:
    lying = ASKED.uri("a" * 64)
    outside.store.put(lying, b"a zip", kms_key_arn=BOUNDARIES.phi.kms_key_arn)
    shown = json.loads(invoke(folder, "show", NAME, "--json").stdout)
    assert changed(shown, {"TLS.S3Object": str(ASKED.unmade)}) == WANTED.content
    assert str(lying) in json.dumps(shown)


def test_a_profile_without_security_has_nothing_to_show(folder: Path) -> None:
    rewrite(folder / "emr_configs/profiles/secure_step.yaml", {"security": None})
    rewrite(
        folder / "pipelines" / PIPELINE.name,
        {"datasource": "shop_visits", "classification": "general", "declared_actors": []},
    )
    told = invoke(folder, "show", "shop_visits")
    assert told.exit_code == 1
    assert "the profile names no security" in told.stderr


def test_a_profile_that_does_not_fit_is_refused(folder: Path) -> None:
    rewrite(folder / "pipelines" / PIPELINE.name, {"submit": "overlord"})
    told = invoke(folder, "show", NAME, "--profile", "secure_step")
    assert told.exit_code == 1
    assert "submit: found 'overlord'" in told.stderr


def checked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["security-config", "check", *map(str, arguments), "--configs", str(SHIPPED)])


@pytest.mark.parametrize("dumped", [json.dumps(FULL), json.dumps(FULL, indent=2)], ids=["JSON", "YAML"])
def test_check_takes_a_good_file(tmp_path: Path, dumped: str) -> None:
    file = tmp_path / "configuration"
    file.write_text(dumped)
    result = checked(file, "--phi", "--release", "emr-7.2.0", "--region", "us-east-1")
    assert (result.exit_code, result.stdout) == (0, f"{file}: good\n")


def test_check_names_every_fault_of_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(changed(FULL, {"S3.AwsKmsKey": "x", "IMDS": []})))
    (tmp_path / "b.json").write_text(json.dumps(changed(FULL, {"DISK.EnableEbsEncryption": False})))
    result = checked(tmp_path / "a.json", tmp_path / "b.json")
    assert result.exit_code == 1
    assert f"{path('S3.AwsKmsKey')}: found 'x'" in result.stderr
    assert "InstanceMetadataServiceConfiguration: found an empty list" in result.stderr
    assert "b.json: good" in result.stdout
    assert "root volume" in checked(tmp_path / "b.json", "--phi").stderr
    assert "emr-6.7.0 and later" in checked(tmp_path / "b.json", "--release", "emr-5.36.0").stderr
    assert checked(tmp_path / "b.json", "--release", "7.2").exit_code == 2


def test_diff_before_the_first_launch_and_after_it(folder: Path, outside: Outside) -> None:
    first = invoke(folder, "diff", NAME)
    assert (first.exit_code, first.stdout) == (
        1, f"{WANTED.name} is not stored in us-east-1; the first launch makes it\n",
    )  # fmt: skip
    outside.emr.create_security_configuration(WANTED.name, WANTED.text)
    second = invoke(folder, "diff", NAME)
    assert (second.exit_code, second.stdout) == (0, f"{WANTED.name} is stored with this very content\n")


def test_diff_against_another_one(folder: Path, outside: Outside) -> None:
    older = json.dumps(changed(WANTED.content, {"IMDS.HttpPutResponseHopLimit": 2}))
    outside.emr.configurations["older"] = StoredConfiguration("older", older, EPOCH)
    result = invoke(folder, "diff", NAME, "--against", "older")
    assert result.exit_code == 1
    changes = [line for line in result.stdout.splitlines() if line[0] in "+-"][2:]
    assert changes == ['-    "HttpPutResponseHopLimit": 2,', '+    "HttpPutResponseHopLimit": 1,']
    assert invoke(folder, "diff", NAME, "--against", "none").stdout == "none is not stored in us-east-1\n"
    outside.emr.configurations["older"] = StoredConfiguration("older", "not JSON", EPOCH)
    assert "-not JSON" in invoke(folder, "diff", NAME, "--against", "older").stdout


def test_the_help_teaches() -> None:
    told = CliRunner().invoke(app, ["security-config", "--help"]).stdout
    assert all(command in told for command in ("show", "check", "diff"))
    shown = " ".join(CliRunner().invoke(app, ["security-config", "show", "--help"]).stdout.split())
    assert "Changes nothing" in shown
