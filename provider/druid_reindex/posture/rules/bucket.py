"""S3: every bucket that the night reads or writes.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from druid_reindex.model.account import BucketEncryption
from druid_reindex.model.uri import Arn
from druid_reindex.posture import policies
from druid_reindex.posture.facts import Bucket, Facts, Policy, known
from druid_reindex.posture.rules.registry import Verdict, fails, holds, judged, rule

_KMS = {"aws:kms", "aws:kms:dsse"}


def buckets(facts: Facts) -> Iterable[tuple[str, Bucket]]:
    """Each bucket by its address."""
    return ((f"s3://{bucket.name}", bucket) for bucket in facts.buckets)


def encryption_defects(wanted: Mapping[str, str], found: Mapping[str, BucketEncryption]) -> list[str]:
    """What is wrong with each bucket's default encryption; a wanted key that is empty means any."""
    return [
        f"{bucket}: {_described(found[bucket])}, not {key or 'aws:kms'}"
        for bucket, key in wanted.items()
        if found[bucket].algorithm not in _KMS or (key and found[bucket].key_arn != key)
    ]


@rule("S3-01", buckets)
def unencrypted_puts_are_denied(bucket: Bucket, facts: Facts) -> Verdict:
    """A Deny for everybody on s3:PutObject whose header names something else than SSE-KMS."""
    policy = _own_policy(bucket)
    objects = f"{_arn(bucket, facts)}/*"
    for statement in policies.statements(policy, "Deny"):
        values = policies.only_condition(
            statement, ("StringNotEquals", "StringNotEqualsIfExists"), "s3:x-amz-server-side-encryption"
        )
        if values and set(values) <= _KMS and _denies(statement, "s3:PutObject", objects):
            return holds("puts with another encryption than aws:kms are denied")
    return fails("the bucket's policy denies no put without aws:kms")


@rule("S3-03", buckets)
def default_is_a_customers_kms_key(bucket: Bucket, facts: Facts) -> Verdict:
    """SSE-KMS by default, with the boundary's key, or any of the customer's where the boundary names none."""
    del facts
    encryption = known(bucket.encryption)
    defects = encryption_defects({bucket.name: bucket.wanted_key}, {bucket.name: encryption})
    key = None if defects else known(bucket.key)
    if not defects and (key is None or key.manager != "CUSTOMER"):
        defects = [f"{bucket.name}: {_described(encryption)}, a key that AWS manages"]
    return judged(defects, f"{encryption.algorithm} {encryption.key_arn}")


@rule("S3-04", buckets)
def plain_http_is_denied(bucket: Bucket, facts: Facts) -> Verdict:
    """A Deny for everybody and everything when aws:SecureTransport is false, on the bucket and its objects."""
    arn = _arn(bucket, facts)
    denies = [
        statement
        for statement in policies.statements(_own_policy(bucket), "Deny")
        if policies.only_condition(statement, ("Bool",), "aws:SecureTransport") == ["false"]
    ]
    open_to = [
        resource
        for resource in (arn, f"{arn}/*")
        if not any(_denies(statement, "s3:*", resource) for statement in denies)
    ]
    return judged((f"plain HTTP is not denied on {each}" for each in open_to), "plain HTTP is denied")


@rule("S3-06", buckets)
def public_access_is_blocked(bucket: Bucket, facts: Facts) -> Verdict:
    """All four settings are on, and S3 calls the policy not public."""
    del facts
    block = known(bucket.public_access_block)
    defects = ["no public access block"] if block is None else [f"{name} is off" for name in block.missing]
    defects += ["S3 calls its policy public"] if known(bucket.is_public) else []
    return judged(defects, "all four settings are on")


@rule("S3-14", buckets)
def bucket_and_keys_are_in_the_clusters_region(bucket: Bucket, facts: Facts) -> Verdict:
    """Bucket, its default key and the cluster are in one Region."""
    key = known(bucket.encryption).key_arn
    places = {"the bucket": known(bucket.region)} | ({"its key": Arn.parse(key).region} if key else {})
    wanted = facts.intent.region
    elsewhere = (f"{what} is in {region}" for what, region in places.items() if region != wanted)
    return judged(elsewhere, f"in {wanted}, as the cluster")


def _own_policy(bucket: Bucket) -> Policy:
    return known(bucket.policy) or {}


def _denies(statement: Mapping[str, object], action: str, resource: str) -> bool:
    return (
        policies.is_for_everybody(statement)
        and "NotPrincipal" not in statement
        and policies.covers_action(statement, action)
        and policies.covers_resource(statement, resource)
    )


def _arn(bucket: Bucket, facts: Facts) -> str:
    return f"arn:{Arn.parse(facts.intent.data_key).partition}:s3:::{bucket.name}"


def _described(encryption: BucketEncryption) -> str:
    return f"{encryption.algorithm} {encryption.key_arn}".strip()
