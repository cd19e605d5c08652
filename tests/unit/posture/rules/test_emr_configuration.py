"""The security configuration's rules beyond the table of `test_judge.py`."""

from __future__ import annotations

from dataclasses import replace

from druid_reindex.posture.findings import Status
from druid_reindex.posture.rules import emr_configuration as rules
from posture_facts import DOCUMENT, PHI, SECURITY, configured, good_facts

FACTS = good_facts()
TLS = ("EncryptionConfiguration", "InTransitEncryptionConfiguration", "TLSCertificateConfiguration")
DEDICATED = ("AuthenticationConfiguration", "KerberosConfiguration", "ClusterDedicatedKdcConfiguration")


def test_a_path_that_leads_nowhere_is_none() -> None:
    assert (
        rules.at(DOCUMENT, "AuthenticationConfiguration", "KerberosConfiguration", "Provider") == "ClusterDedicatedKdc"
    )
    assert rules.at(DOCUMENT, "AuthenticationConfiguration", "Provider", "Kdc") is None
    assert rules.certificates({}) == {}


def test_a_certificate_provider_of_ones_own_has_no_pem_bundle() -> None:
    facts = configured(FACTS, *TLS, "CertificateProviderType", to="Custom")
    assert rules.pem_bundle_is_sound(facts, facts).status is Status.NOT_APPLICABLE
    assert rules.transit_is_encrypted(facts, facts).status is Status.PASS


def test_an_override_with_another_key_of_the_night_is_no_weaker() -> None:
    override = {"BucketName": "logs", "EncryptionMode": "SSE-KMS", "AwsKmsKey": PHI.emr_log_kms_key_arn}
    path = ("EncryptionConfiguration", "AtRestEncryptionConfiguration", "S3EncryptionConfiguration", "Overrides")
    facts = configured(FACTS, *path, to=[override])
    assert rules.s3_is_encrypted_with_the_key(facts, facts).status is Status.PASS


def test_a_trust_needs_a_secret() -> None:
    facts = configured(FACTS, *DEDICATED, "CrossRealmTrustConfiguration", to={"Realm": "AD.EXAMPLE.ORG"})
    assert rules.kerberos_is_on(facts, facts).status is Status.PASS
    security = replace(SECURITY, document=facts.configuration, secret_ids=())
    facts = replace(facts, intent=replace(facts.intent, security=security))
    assert "no secret" in rules.kerberos_is_on(facts, facts).seen


def test_elsewhere_than_in_virginia_the_vpc_has_another_domain() -> None:
    facts = replace(FACTS, intent=replace(FACTS.intent, region="eu-west-1"))
    assert "*.eu-west-1.compute.internal" in rules.pem_bundle_is_sound(facts, facts).seen
