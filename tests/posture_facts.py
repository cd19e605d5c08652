"""Facts of a night in which every rule holds, and ways to spoil one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from druid_reindex.model.account import (
    BucketEncryption,
    KmsKey,
    PemBundle,
    Permission,
    PublicAccessBlock,
    SecurityGroup,
    Subnet,
)
from druid_reindex.model.config_files import load_boundaries, load_profile
from druid_reindex.model.druid_server import DruidServer, Handshake
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.plan.emr import run_job_flow
from druid_reindex.posture.facts import Bucket, Druid, Facts, Intent, Key, KeyUse, Secret, Security
from druid_reindex.posture.subjects import intent_of, wanted_buckets, wanted_uses

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "emr_configs"
BOUNDARIES = load_boundaries(CONFIGS)
PHI = BOUNDARIES.phi
RUN = RunId.of(BOUNDARIES.deployment_id, dag_id="nightly_reindex__patient_vitals", run_id="manual__1")
AT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
URL = "https://druid.example.org:8888"
RELEASE = "emr-7.2.0"
DOCUMENT: dict[str, Any] = {
    "EncryptionConfiguration": {
        "EnableInTransitEncryption": True,
        "EnableAtRestEncryption": True,
        "InTransitEncryptionConfiguration": {
            "TLSCertificateConfiguration": {
                "CertificateProviderType": "PEM",
                "S3Object": f"s3://drx-artifacts-{ACCOUNT}/certificates/0.zip",
            }
        },
        "AtRestEncryptionConfiguration": {
            "S3EncryptionConfiguration": {"EncryptionMode": "SSE-KMS", "AwsKmsKey": PHI.kms_key_arn},
            "LocalDiskEncryptionConfiguration": {
                "EncryptionKeyProviderType": "AwsKms",
                "AwsKmsKey": PHI.disk_key_arn,
                "EnableEbsEncryption": True,
            },
        },
    },
    "AuthenticationConfiguration": {
        "KerberosConfiguration": {
            "Provider": "ClusterDedicatedKdc",
            "ClusterDedicatedKdcConfiguration": {"TicketLifetimeInHours": 24},
        }
    },
    "InstanceMetadataServiceConfiguration": {"MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 1},
}
SECURITY = Security("druid-reindex-0", DOCUMENT, "EC2.INTERNAL", ("druid-reindex/kdc",))
KEY_POLICY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "LeaveItToIam",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ],
}
SERVERS = ("Overlord", "Coordinator", "Broker")
PROPERTIES = {
    "druid.auth.authorizers": '["basic"]',
    "druid.auth.authorizer.basic.type": "basic",
    "druid.escalator.type": "basic",
    "druid.storage.type": "s3",
    "druid.storage.sse.type": "kms",
    "druid.storage.sse.kms.keyId": PHI.kms_key_arn,
    "druid.indexer.task.hadoopWorkingPath": "/tmp/druid-indexing",
}


def bucket_policy(bucket: str) -> dict[str, Any]:
    """A policy that denies puts without aws:kms and requests without TLS."""
    arn = f"arn:aws:s3:::{bucket}"
    header = "s3:x-amz-server-side-encryption"
    return {
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"{arn}/*",
                "Condition": {"StringNotEquals": {header: "aws:kms"}, "Null": {header: "false"}},
            },
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, f"{arn}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ]
    }


PIPELINE = load_pipeline(ROOT / "dags/pipelines/patient_vitals.yaml", BOUNDARIES)
PROFILE = load_profile(CONFIGS, "small")


def intended(security: Security | None = SECURITY) -> Intent:
    """What the shipped pipeline's night would do."""
    return intent_of(PIPELINE, BOUNDARIES, run_job_flow(PIPELINE, BOUNDARIES, PHI, PROFILE, RUN), security)


def kms_key(arn: str) -> KmsKey:
    return KmsKey(arn, "Enabled", "CUSTOMER", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")


def good_facts() -> Facts:
    """Every rule holds of these."""
    intent = intended()
    keys = {arn: Key(arn, kms_key(arn), KEY_POLICY) for arn in (intent.data_key, intent.log_key, intent.disk_key)}
    return Facts(
        at=AT,
        intent=intent,
        buckets=tuple(_bucket(name, key or intent.log_key) for name, key in wanted_buckets(BOUNDARIES, PHI).items()),
        keys=tuple(keys.values()),
        key_uses=tuple(_uses(intent, keys)),
        stored_configuration=DOCUMENT,
        pem=PemBundle(
            "s3://certificates/0.zip", ("certificateChain.pem", "privateKey.pem", "trustedCertificates.pem"), "aws:kms",
            2048, key_matches=True, names=("*.ec2.internal",), not_after=AT + timedelta(days=30),
        ),
        subnets={each: Subnet(each, "vpc-1", (), gives_public_addresses=False) for each in intent.subnet_ids},
        groups={each: SecurityGroup(each, "vpc-1", ()) for each in intent.group_ids},
        block_public_access={"BlockPublicSecurityGroupRules": True, "PermittedPublicSecurityGroupRuleRanges": []},
        release_labels=frozenset({RELEASE}),
        release_applications={"Hadoop": "3.3.6"},
        secrets=(Secret("druid-reindex/kdc", exists=True),),
        druid=good_druid(),
    )  # fmt: skip


def good_druid() -> Druid:
    return Druid(
        urls=(URL,),
        servers=(DruidServer("druid.example.org:8281", "coordinator", -1, 8281),),
        handshakes={URL: Handshake("TLSv1.3", AT + timedelta(days=90))},
        answers_strangers=dict.fromkeys(SERVERS, False),
        properties=dict.fromkeys(SERVERS, PROPERTIES),
        version="25.0.0",
        load_specs=({"type": "s3_zip", "bucket": f"drx-phi-{ACCOUNT}"},),
        load_balancers=(),
    )


def changed(document: Mapping[str, Any], *path: str, to: Any) -> dict[str, Any]:
    """A copy of the document with ``to`` under ``path``; None takes it away."""
    copied: dict[str, Any] = json.loads(json.dumps(document))
    place = copied
    for part in path[:-1]:
        place = place.setdefault(part, {})
    if to is None:
        place.pop(path[-1], None)
    else:
        place[path[-1]] = to
    return copied


def configured(facts: Facts, *path: str, to: Any) -> Facts:
    """The facts with another security configuration, intended and stored."""
    document = changed(DOCUMENT, *path, to=to)
    intent = replace(facts.intent, security=replace(SECURITY, document=document))
    return replace(facts, intent=intent, stored_configuration=document)


def requested(facts: Facts, **changes: Any) -> Facts:
    """The facts with another RunJobFlow request."""
    return replace(facts, intent=replace(facts.intent, request={**facts.intent.request, **changes}))


def bucketed(facts: Facts, **changes: Any) -> Facts:
    """The facts with another first bucket."""
    return replace(facts, buckets=(replace(facts.buckets[0], **changes), *facts.buckets[1:]))


def keyed(facts: Facts, arn: str = PHI.kms_key_arn, **changes: Any) -> Facts:
    """The facts with another key in the place of ``arn``, the data's, also where it is used."""
    keys = {each.arn: replace(each, **changes) if each.arn == arn else each for each in facts.keys}
    uses = tuple(replace(use, key=keys[use.key.arn]) for use in facts.key_uses)
    return replace(facts, keys=tuple(keys.values()), key_uses=uses)


def used(facts: Facts, rule: str, **changes: Any) -> Facts:
    """The facts with other uses of keys that ``rule`` asks for."""
    uses = tuple(replace(use, **changes) if use.rule == rule else use for use in facts.key_uses)
    return replace(facts, key_uses=uses)


def druids(facts: Facts, **changes: Any) -> Facts:
    """The facts with another Druid."""
    return replace(facts, druid=replace(facts.druid, **changes))


def propertied(facts: Facts, **changes: str | None) -> Facts:
    """The facts with other properties on every server; names with __ for dots, None takes away."""
    wanted = {name.replace("__", "."): value for name, value in changes.items()}
    made = {name: value for name, value in ({**PROPERTIES} | wanted).items() if value is not None}
    return druids(facts, properties=dict.fromkeys(facts.druid.properties, made))


def _bucket(name: str, key: str) -> Bucket:
    return Bucket(
        name, key, "us-east-1", BucketEncryption("aws:kms", key), kms_key(key), bucket_policy(name),
        PublicAccessBlock(*[True] * 4), is_public=False,
    )  # fmt: skip


def _uses(intent: Intent, keys: Mapping[str, Key]) -> list[KeyUse]:
    return [
        KeyUse(
            each.rule, f"{each.purpose} ({each.role} role)", f"{ROLE}{each.role}", keys[each.key_arn], each.actions,
            tuple(Permission(action, each.key_arn, "allowed") for action in each.actions),
            {name.lower(): value for name, value in each.conditions.items()},
        )
        for each in wanted_uses(intent)
    ]  # fmt: skip
