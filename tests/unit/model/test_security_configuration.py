"""EMR's document as a model: all of EMR's own examples are taken, word for word."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from druid_reindex.model import security_configuration as models
from druid_reindex.model.security_configuration import SecurityConfiguration
from emr_documents import EXTERNAL, FULL, GONE, PHI_KEY, SECRET, changed

MODELS = [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
# Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
AUDIT = {"Destinations": {"AmazonCloudWatchLogs": {
    "CloudWatchLogGroup": "arn:aws:logs:us-east-1:111122223333:log-group:ranger"}}}  # fmt: skip
DIRECTORY = {"AdRealm": "AD.DOMAIN.COM", "AdDomain": "ad.domain.com"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"KRB": EXTERNAL, "KRB.ExternalKdcConfiguration.AdIntegrationConfiguration": DIRECTORY},
        {"RANGER.AuditConfiguration": AUDIT, "RANGER.RangerPluginConfigurations[1]":
         {"App": "EMRFS-S3", "ClientSecretARN": SECRET, "PolicyRepositoryName": "amazon-emr-emrfs"}},
        {"TLS.S3Object": "arn:aws:s3:::MyConfigStore/artifacts/MyCerts.zip"},
        {"S3.Overrides[0].BucketName": "OTHER-PHI-BUCKET", "TLS.S3Object": "s3://CERT-BUCKET/emr/certs.zip"},
    ],
)  # fmt: skip
def test_examples_go_in_and_out_unchanged(changes: dict[str, Any]) -> None:
    wanted = changed(FULL, changes)
    assert SecurityConfiguration.model_validate(wanted).model_dump(mode="python", exclude_none=True) == tupled(wanted)


def tupled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: tupled(each) for key, each in value.items()}
    return tuple(map(tupled, value)) if isinstance(value, list) else value


def test_each_field_says_what_works_and_no_other_is_taken() -> None:
    assert len(MODELS) > 25
    for kind in MODELS:
        for name, info in kind.model_fields.items():
            assert info.description, f"{kind.__name__}.{name}"
        assert kind.model_config["extra"] == "forbid"


def test_what_is_off_is_not_there() -> None:
    off = changed(FULL, {"ENC.EnableAtRestEncryption": False, "ENC.EnableInTransitEncryption": False,
                         "AuthenticationConfiguration": GONE, "RANGER": GONE})  # fmt: skip
    found = SecurityConfiguration.model_validate(off)
    assert (found.in_transit, found.kerberos, found.trust) == (None, None, None)
    assert found.at_rest.S3EncryptionConfiguration is None
    on = SecurityConfiguration.model_validate(FULL)
    assert on.trust is not None
    assert on.trust.Realm == "AD.EXAMPLE.COM"
    assert on.at_rest.LocalDiskEncryptionConfiguration is not None


@pytest.mark.parametrize("text", ["arn:aws:kms:us-east-1:111122223333:alias/x", "x", "arn:aws:s3:::bucket/key/x"])
def test_a_key_is_named_in_full(text: str) -> None:
    assert models.key_arn(PHI_KEY) == PHI_KEY
    with pytest.raises(ValueError, match=r"alias|is not an ARN"):
        models.key_arn(text)
    with pytest.raises(ValidationError):
        SecurityConfiguration.model_validate(changed(FULL, {"S3.AwsKmsKey": text}))
