"""The table of events: whole, and honest about where its forms come from."""

from __future__ import annotations

from druid_reindex.sandbox.aws.gate import objects, operations
from druid_reindex.sandbox.aws.trail import events


def asked_of_s3() -> set[str]:
    named = {name for name, _ in (*objects.OBJECT.values(), *objects.LISTS.values(), *objects.BARE.values())}
    for noun, _, deleting in objects.BUCKET.values():
        named |= {f"{verb}{noun}" for verb in (("Get", "Put", "Delete") if deleting else ("Get", "Put"))}
    return {events.s3_name(each) for each in named | {"ListBuckets", "DeleteObjects", "ListObjectsV2"}}


def test_every_operation_that_the_gate_knows_is_in_the_table() -> None:
    known = set(operations._table()) | {("s3", name) for name in asked_of_s3()}
    assert known <= events.table().keys()
    copies = {("s3", "CopyObject"), ("s3", "UploadPartCopy")}
    assert events.table().keys() - known == copies


def test_a_source_is_a_page_of_aws_and_what_has_none_is_unconfirmed() -> None:
    cited = {key: each.sample for key, each in events.table().items() if each.sample}
    assert all(page.startswith("https://docs.aws.amazon.com/") for page in cited.values())
    assert ("sts", "AssumeRole") in cited
    assert ("emr", "RunJobFlow") not in cited


def test_sources_names_and_kinds_are_cloudtrails_own() -> None:
    assert events.event("emr", "RunJobFlow").source == "elasticmapreduce.amazonaws.com"
    assert events.event("cloudwatch", "ListMetrics").source == "monitoring.amazonaws.com"
    assert events.s3_name("ListObjectsV2") == "ListObjects"
    assert events.s3_name("PutBucketLifecycleConfiguration") == "PutBucketLifecycle"
    assert events.s3_name("GetPublicAccessBlock") == "GetBucketPublicAccessBlock"
    assert events.s3_name("PutObject", copies=True) == "CopyObject"
    assert events.event("s3", "HeadBucket").kind == events.OBJECT
    assert events.event("s3", "GetBucketLocation").is_management
    assert not events.event("logs", "PutLogEvents").kind


def test_what_reads_and_what_writes() -> None:
    reads = {("s3", "GetObject"), ("kms", "Decrypt"), ("kms", "GenerateDataKey"), ("sts", "AssumeRole")}
    writes = {("s3", "PutObject"), ("redshift-data", "ExecuteStatement"), ("emr", "RunJobFlow")}
    assert {key for key in reads | writes if events.event(*key).reads} == reads
