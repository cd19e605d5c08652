"""EMR's own documents: what is sound is taken, what is wrong is named with field and remedy, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.release import Release
from druid_reindex.model.security_configuration import SecurityConfiguration
from druid_reindex.model.security_file import load_document
from druid_reindex.model.security_rules import RULES, Setting, keys
from emr_documents import DISK_KEY, EXTERNAL, FULL, GONE, OTHER_KEY, PHI_KEY, changed, path
from wrong_security import DOCUMENTS, RELEASES, Wrong


def refused(case: Wrong, file: Path, setting: Setting | None = None) -> str:
    file.write_text(json.dumps(changed(FULL, case.changes), indent=1))
    with pytest.raises(ConfigurationError) as refusal:
        load_document(file, setting=setting)
    return str(refusal.value)


@pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case.what)
def test_a_wrong_document_is_refused_with_field_and_remedy(case: Wrong, tmp_path: Path) -> None:
    told = [line for line in refused(case, tmp_path / "c.json").splitlines() if f": {path(case.field)}: found" in line]
    assert any(case.remedy in line for line in told), told


@pytest.mark.parametrize("case", RELEASES, ids=lambda case: f"{case.what} {case.field}")
def test_a_release_that_lacks_it_is_refused(case: Wrong, tmp_path: Path) -> None:
    told = refused(case, tmp_path / "c.json", Setting(release=Release.parse(case.what)))
    line = next(line for line in told.splitlines() if path(case.field) in line and case.what in line)
    assert case.remedy in line


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"KRB": EXTERNAL},
        {"S3": {"EncryptionMode": "SSE-S3"}},
        {"S3": {"EncryptionMode": "CSE-Custom", "S3Object": "s3://jars/p.jar",
                "EncryptionKeyProviderClass": "com.example.Keys"}},
        {"DISK": {"EncryptionKeyProviderType": "Custom", "S3Object": "arn:aws:s3:::jars/p.jar",
                  "EncryptionKeyProviderClass": "com.example.Keys"}},
        {"TLS": {"CertificateProviderType": "Custom", "S3Object": "s3://jars/p.jar",
                 "CertificateProviderClass": "com.example.Certs"}},
        {"ENC": GONE},
        {"AUTHZ": GONE, "AuthenticationConfiguration": GONE},
        {"KDC.CrossRealmTrustConfiguration": GONE},
    ],
)  # fmt: skip
def test_a_sound_document_is_taken_as_it_is(changes: dict[str, object], tmp_path: Path) -> None:
    wanted = changed(FULL, changes)
    (tmp_path / "c.json").write_text(json.dumps(wanted))
    found = load_document(tmp_path / "c.json", setting=Setting("us-east-1", Release(7, 2)))
    assert json.loads(json.dumps(found.as_document())) == wanted


def test_all_faults_of_a_document_come_in_one_error(tmp_path: Path) -> None:
    changes = {"S3.AwsKmsKey": "x", "KDC.TicketLifetimeInHours": 0, "RANGER.RangerPluginConfigurations[1].App": "Spark",
               "IMDS.HttpPutResponseHopLimit": 65}  # fmt: skip
    told = refused(Wrong("many", changes, "", ""), tmp_path / "c.json")
    assert told.count(": found ") == 4
    assert "c.json:" in told


def test_the_cluster_gives_the_region_when_there_is_one(tmp_path: Path) -> None:
    told = refused(Wrong("elsewhere", {}, "", ""), tmp_path / "c.json", Setting(region="eu-west-1"))
    assert told.count("write a key of eu-west-1") == 3


def test_an_empty_document_protects_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("{}\n")
    with pytest.raises(ConfigurationError, match="no section; write EncryptionConfiguration"):
        load_document(tmp_path / "c.yaml")


def test_every_key_is_known_by_its_field() -> None:
    found = list(keys(SecurityConfiguration.model_validate(FULL)))
    assert [key for _, key in found] == [PHI_KEY, OTHER_KEY, DISK_KEY]


def test_rules_read_sections_that_exist() -> None:
    assert all(rule.reads <= SecurityConfiguration.model_fields.keys() for rule in RULES)
