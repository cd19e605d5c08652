"""What a night uses."""

from __future__ import annotations

from dataclasses import replace

from druid_reindex.posture.subjects import wanted_uses
from posture_facts import DOCUMENT, PHI, SECURITY, changed, intended

DISK = ("EncryptionConfiguration", "AtRestEncryptionConfiguration", "LocalDiskEncryptionConfiguration")


def test_luks_asks_kms_through_no_service() -> None:
    uses = {(use.rule, use.purpose): use for use in wanted_uses(intended())}
    assert uses["KMS-05", "local disks"].conditions == {}
    assert uses["KMS-05", "data in S3"].conditions == {
        "kms:ViaService": "s3.us-east-1.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::drx-phi-111122223333",
    }
    assert uses["KMS-06", "EBS volumes"].conditions["kms:GrantIsForAWSResource"] == "true"
    assert "kms:CreateGrant" in uses["KMS-06", "EBS volumes"].actions


def test_volumes_and_logs_only_where_they_are_encrypted() -> None:
    document = changed(DOCUMENT, *DISK, "EnableEbsEncryption", to=False)
    intent = intended(replace(SECURITY, document=document))
    assert {use.rule for use in wanted_uses(intent)} == {"KMS-05", "KMS-10"}
    bare = {name: value for name, value in intent.request.items() if name != "LogEncryptionKmsKeyId"}
    assert {use.rule for use in wanted_uses(replace(intent, request=bare))} == {"KMS-05"}


def test_the_disks_have_a_key_of_their_own() -> None:
    assert intended().disk_key == PHI.disk_kms_key_arn != PHI.kms_key_arn
