"""The cluster as the night would launch it: logs, release, and no secret in what it says.

Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from druid_reindex.model.pipeline import Engine
from druid_reindex.model.release import java_of, lacks
from druid_reindex.posture.facts import Facts, Secret, known
from druid_reindex.posture.rules.emr_configuration import at, at_rest
from druid_reindex.posture.rules.registry import Verdict, fails, holds, judged, not_applicable, rule

_TESTED_HADOOP = ("3.3.", "3.4.")
# Druid's jars are compiled for this Java from that release on.
# Source: https://druid.apache.org/docs/latest/release-info/upgrade-notes/
_CLASS_LEVELS = ((35, 17), (32, 11), (0, 8))
_LAST_DRUID_WITH_HADOOP = 36
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)|secret(?!.?id)|token|credential|private.?key|access.?key", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"A(KI|SI)A[A-Z2-7]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|(password|passwd|secret|token)\s*[=:]\s*\S|://[^/\s:@]+:[^/\s@]+@",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"(true|false|\d+|arn:aws[a-z-]*:\S+)", re.IGNORECASE)


def cluster(facts: Facts) -> Iterable[tuple[str, Facts]]:
    """The one cluster that the night would launch."""
    return [("the cluster's request", facts)]


def secrets(facts: Facts) -> Iterable[tuple[str, Secret]]:
    """Each secret that a password of the KDC comes from."""
    return ((secret.secret_id, secret) for secret in facts.secrets)


@rule("EMR-10", cluster)
def logs_are_kept(subject: Facts, facts: Facts) -> Verdict:
    """LogUri is set: a cluster of the API keeps no logs by itself."""
    del facts
    uri = str(subject.intent.request.get("LogUri", ""))
    return holds(uri) if uri.startswith("s3://") else fails("LogUri is not set")


@rule("EMR-11", cluster)
def logs_are_encrypted_with_the_key(subject: Facts, facts: Facts) -> Verdict:
    """LogEncryptionKmsKeyId is the boundary's key for logs, on a release that honours it."""
    intent = facts.intent
    found = subject.intent.request.get("LogEncryptionKmsKeyId")
    defects = [] if found == intent.log_key else [f"LogEncryptionKmsKeyId is {found or 'not set'}"]
    return judged([*defects, *lacks(intent.release_label, "a KMS key for the log archive")], intent.log_key)


@rule("EMR-17", cluster)
def release_has_what_is_asked(subject: Facts, facts: Facts) -> Verdict:
    """EMR offers the release, and it is new enough for every feature that the night asks for."""
    label = facts.intent.release_label
    defects = [] if label in known(subject.release_labels) else [f"EMR offers no {label or 'release without a label'}"]
    return judged([*defects, *lacks(label, *_asked(subject))], f"{label} has {', '.join(_asked(subject))}")


def _asked(facts: Facts) -> list[str]:
    document = facts.configuration
    asked = {
        "private subnets": True,
        "security configurations": facts.intent.security is not None,
        "Kerberos": bool(at(document, "AuthenticationConfiguration")),
        "an external KDC": at(document, "AuthenticationConfiguration", "KerberosConfiguration", "Provider")
        == "ExternalKdc",
        "EBS encryption": bool(at_rest(document, "LocalDiskEncryptionConfiguration", "EnableEbsEncryption")),
        "a KMS key for the log archive": "LogEncryptionKmsKeyId" in facts.intent.request,
        "IMDSv2 by security configuration": bool(at(document, "InstanceMetadataServiceConfiguration")),
    }
    return [feature for feature, is_asked in asked.items() if is_asked]


@rule("EMR-19", cluster)
def hadoop_java_and_druid_fit(subject: Facts, facts: Facts) -> Verdict:
    """Druid has Hadoop ingestion, the release's Hadoop is a tested line, and its Java can load Druid's classes."""
    intent = facts.intent
    if intent.engine is not Engine.HADOOP:
        return not_applicable(f"engine {intent.engine.value}")
    druid = known(subject.druid.version)
    hadoop = known(subject.release_applications).get("Hadoop", "")
    major, java = druid_major(druid), java_of(intent.release_label)
    needed = next(level for first, level in _CLASS_LEVELS if major >= first)
    defects = [f"Druid {druid} has no Hadoop ingestion"] if major > _LAST_DRUID_WITH_HADOOP else []
    defects += [] if hadoop.startswith(_TESTED_HADOOP) else [f"Hadoop {hadoop or 'is not on it'}, which is not tested"]
    defects += [] if java and java >= needed else [f"its Java {java} cannot load classes for Java {needed}"]
    return judged(defects, f"Druid {druid}, Hadoop {hadoop}, Java {java}")


def druid_major(version: str) -> int:
    """The first number of Druid's version; 0 for a text without one."""
    head = version.partition(".")[0]
    return int(head) if head.isdecimal() else 0


@rule("EMR-29", cluster)
def no_secret_in_the_request(subject: Facts, facts: Facts) -> Verdict:
    """No password, key or token in steps, tags, configurations or bootstrap arguments: DescribeCluster shows them.

    Only where one stands is told, never what it is.
    """
    del facts
    found = sorted(set(_secrets_in(subject.intent.request, "RunJobFlow")))
    return judged((f"{place} looks like a secret" for place in found), "nothing that looks like a secret")


def _secrets_in(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        named = str(value.get("Key", ""))
        if named and _is_secret(named, value.get("Value")):
            yield f"{place}[{named}]"
        for key, each in value.items():
            if _is_secret(str(key), each):
                yield f"{place}.{key}"
            yield from _secrets_in(each, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _secrets_in(each, f"{place}[{index}]")
    elif isinstance(value, str) and not _HARMLESS.fullmatch(value) and _SECRET_TEXT.search(value):
        yield place


def _is_secret(name: str, value: object) -> bool:
    return (
        isinstance(value, str)
        and bool(value)
        and bool(_SECRET_NAME.search(name))
        and not _HARMLESS.fullmatch(value)
        and not value.startswith("s3://")
    )


@rule("EMR-30", secrets, absent="the only password is the cluster's own KDC's, made at launch and kept nowhere")
def kdc_passwords_are_secrets(secret: Secret, facts: Facts) -> Verdict:
    """The secret is there."""
    del facts
    return holds("it is there") if known(secret.exists) else fails("there is no such secret")
