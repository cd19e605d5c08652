"""Files of emr_configs/security/ and EMR's documents in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from changed_configs import SHIPPED, changed_configs
from druid_reindex.errors import ConfigurationError
from druid_reindex.model.security_file import judged, load_document, load_security, security_names
from wrong_security import SECURITY, Wrong


@pytest.mark.parametrize("name", security_names(SHIPPED))
def test_the_shipped_files_are_good_and_strict(name: str) -> None:
    found = load_security(SHIPPED, name)
    assert (found.s3, found.local_disks, found.ebs, found.in_transit) == ("SSE-KMS", True, True, True)
    assert (found.metadata_service.version, found.metadata_service.hop_limit) == (2, 1)
    assert found.is_known_outside == (name == "external_kdc")


@pytest.mark.parametrize("case", SECURITY, ids=lambda case: case.what)
def test_a_wrong_file_is_refused_with_field_and_remedy(case: Wrong, tmp_path: Path) -> None:
    configs = changed_configs(tmp_path, {"security/dedicated_kdc.yaml": case.changes})
    with pytest.raises(ConfigurationError) as refusal:
        load_security(configs, "dedicated_kdc")
    told = [line for line in str(refusal.value).splitlines() if f": {case.field}: found" in line]
    assert any(case.remedy in line for line in told), str(refusal.value)


def test_a_file_that_is_not_there_tells_which_are() -> None:
    with pytest.raises(ConfigurationError, match="name one of these: dedicated_kdc, external_kdc"):
        load_security(SHIPPED, "none")


def test_a_documents_line_is_told(tmp_path: Path) -> None:
    file = tmp_path / "configuration.json"
    file.write_text(
        '{\n "InstanceMetadataServiceConfiguration": {\n  "MinimumInstanceMetadataServiceVersion": 3\n }\n}'
    )
    with pytest.raises(ConfigurationError, match=r"configuration\.json:3: InstanceMetadataServiceConfiguration\.Min"):
        load_document(file)


def test_sound_sections_are_judged_beside_a_wrong_one() -> None:
    content = {"Encryption": {}, "EncryptionConfiguration": {"EnableAtRestEncryption": True}}
    document, found = judged(content)
    assert document is None
    assert [each.field[-1] for each in found] == ["Encryption", "AtRestEncryptionConfiguration"]
