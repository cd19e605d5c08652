"""What the emulated EMR refuses of security configurations, and of clusters that do not fit theirs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.emr.exceptions import InvalidRequestException, ValidationException

from changed_configs import SHIPPED
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.security_file import load_security, security_names
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.security import needed
from druid_reindex.sandbox.aws.emr import security
from emr_documents import EXTERNAL, FULL, GONE, changed

PASSWORDS = {"Realm": "EC2.INTERNAL", "KdcAdminPassword": "a"}
TRUSTING = PASSWORDS | {"CrossRealmTrustPrincipalPassword": "b"}
JOINING = {"ADDomainJoinUser": "u", "ADDomainJoinPassword": "c"}


def request(release: str = "emr-7.2.0", attributes: dict[str, str] | None = None) -> dict[str, Any]:
    asked: dict[str, Any] = {"ReleaseLabel": release, "Region": "us-east-1"}
    return asked | ({"KerberosAttributes": attributes} if attributes else {})


@pytest.mark.parametrize("changes", [{}, {"KRB": EXTERNAL}, {"ENC": GONE}, {"AUTHZ": GONE}])
def test_a_sound_document_is_taken_word_for_word(changes: dict[str, Any]) -> None:
    wanted = changed(FULL, changes)
    assert security.document(json.dumps(wanted)) == wanted


@pytest.mark.parametrize("name", security_names(SHIPPED))
def test_what_the_product_builds_is_taken(name: str) -> None:
    built = needed(load_security(SHIPPED, name), load_boundaries(SHIPPED).phi, S3Uri.parse("s3://certificates/phi.zip"))
    assert security.document(built.text) == built.content


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"Encryption": {}}, "object has invalid properties: [Encryption]"),
        ({"REST.LocalDiskEncryptionKeyProvider": {}}, "has invalid properties: [LocalDiskEncryptionKeyProvider]"),
        ({"S3.EncryptionMode": GONE}, "missing required properties: [EncryptionMode]"),
        ({"S3.AwsKmsKey": GONE}, "missing required properties: [AwsKmsKey]"),
        ({"S3.EncryptionMode": "SSE"}, "EncryptionMode has the value 'SSE', which is none of SSE-S3, SSE-KMS"),
        ({"S3.EncryptionMode": "CSE-Custom"}, "[EncryptionKeyProviderClass, S3Object]"),
        ({"S3.Overrides[0].AwsKmsKey": GONE}, "Overrides has missing required properties: [AwsKmsKey]"),
        ({"S3.Overrides": []}, "Overrides must be a list with at least one item"),
        ({"DISK.EnableEbsEncryption": "true"}, "EnableEbsEncryption must be a bool"),
        ({"DISK.EncryptionKeyProviderType": "Custom"}, "[EncryptionKeyProviderClass, S3Object]"),
        ({"ENC.EnableAtRestEncryption": 1}, "EnableAtRestEncryption must be a bool"),
        ({"REST": GONE}, "[AtRestEncryptionConfiguration]"),
        ({"ENC.InTransitEncryptionConfiguration": GONE}, "[InTransitEncryptionConfiguration]"),
        ({"TLS.S3Object": ""}, "S3Object must be a str with a value"),
        ({"TLS.CertificateProviderType": "Custom"}, "[CertificateProviderClass]"),
        ({"KRB.Provider": "ExternalKdc"}, "[ExternalKdcConfiguration]"),
        ({"KDC.TicketLifetimeInHours": "24"}, "TicketLifetimeInHours must be a int"),
        ({"TRUST.KdcServer": GONE}, "[KdcServer]"),
        ({"KRB": EXTERNAL, "KRB.ExternalKdcConfiguration.KdcServerType": "Two"}, "none of Single"),
        ({"EMRFS.RoleMappings[0].IdentifierType": "Role"}, "none of User, Group, Prefix"),
        ({"RANGER.AdminServerURL": GONE}, "[AdminServerURL]"),
        ({"IMDS.MinimumInstanceMetadataServiceVersion": 3}, "none of 1, 2"),
        ({"IMDS.MinimumInstanceMetadataServiceVersion": True}, "none of 1, 2"),
        ({"IMDS.HttpPutResponseHopLimit": 65}, "none of 1 to 64"),
        ({"IMDS": []}, "InstanceMetadataServiceConfiguration must be an object"),
    ],
)
def test_a_wrong_document_is_an_invalid_request(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequestException) as refusal:
        security.document(json.dumps(changed(FULL, changes)))
    assert refusal.value.message.startswith("Invalid security configuration; ")
    assert told in refusal.value.message


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '"x"', '{"Encryption": {}, "Encryption": {}}'])
def test_what_is_no_document_is_an_invalid_request(text: str) -> None:
    with pytest.raises(InvalidRequestException):
        security.document(text)


WITHOUT_TRUST = changed(FULL, {"KDC.CrossRealmTrustConfiguration": GONE})
NO_KERBEROS = changed(FULL, {"AuthenticationConfiguration": GONE})


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        ({}, request()),
        (NO_KERBEROS, request()),
        (WITHOUT_TRUST, request(attributes=PASSWORDS)),
        (FULL, request(attributes=TRUSTING)),
        (FULL, request(attributes=TRUSTING | JOINING)),
        (changed(FULL, {"KRB": EXTERNAL}), request(attributes=PASSWORDS)),
    ],
)
def test_clusters_that_fit(found: dict[str, Any], asked: dict[str, Any]) -> None:
    security.fits(asked, found)


@pytest.mark.parametrize(
    ("found", "asked", "told"),
    [
        ({}, request(attributes=PASSWORDS), "if, and only if"),
        (NO_KERBEROS, request(attributes=PASSWORDS), "if, and only if"),
        (WITHOUT_TRUST, request(), "if, and only if"),
        (WITHOUT_TRUST, request(attributes={"Realm": "R"}), "must have a KdcAdminPassword"),
        (WITHOUT_TRUST, request(attributes={"KdcAdminPassword": "a"}), "must have a Realm"),
        (WITHOUT_TRUST, request(attributes=TRUSTING), "if, and only if, there is a cross-realm trust"),
        (FULL, request(attributes=PASSWORDS), "if, and only if, there is a cross-realm trust"),
        (FULL, request(attributes=TRUSTING | {"ADDomainJoinUser": "u"}), "specified together"),
        (FULL, request(attributes=TRUSTING | {"ADDomainJoinPassword": "c"}), "specified together"),
        (WITHOUT_TRUST, request(attributes=PASSWORDS | JOINING), "needs a cross-realm trust"),
        (FULL, request(attributes=TRUSTING | {"Realm": "AD.EXAMPLE.COM"}), "cannot trust itself"),
        (FULL, request("emr-6.6.0", TRUSTING), "does not support runtime roles"),
        (FULL, request("emr-6.2.0", TRUSTING), "does not support Apache Ranger"),
        (FULL, request("emr-5.31.0", TRUSTING), "the instance metadata service"),
        (changed(FULL, {"IMDS": GONE}), request("emr-5.23.0", TRUSTING), "EBS encryption"),
        (changed({}, {"KRB": EXTERNAL}), request("emr-5.19.0", PASSWORDS), "an external KDC"),
        (changed({}, {"KRB": WITHOUT_TRUST["AuthenticationConfiguration"]["KerberosConfiguration"]}),
         request("emr-5.9.0", PASSWORDS), "Kerberos"),
        (changed({}, {"ENC": {}}), request("emr-4.7.0"), "security configurations"),
        (FULL, request(attributes=TRUSTING) | {"Region": "eu-west-1"}, "must be in the Region"),
    ],
)  # fmt: skip
def test_clusters_that_do_not_fit(found: dict[str, Any], asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationException) as refusal:
        security.fits(asked, found)
    assert told in refusal.value.message
