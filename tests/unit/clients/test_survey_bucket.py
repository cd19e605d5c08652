"""Looks at buckets, on moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from druid_reindex.clients.survey_bucket import BucketSurvey
from druid_reindex.errors import NotAuthorizedError, NotFoundError
from druid_reindex.model.account import PublicAccessBlock
from posture_facts import bucket_policy

BUCKET = "drx-data"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def survey(s3: Any) -> BucketSurvey:
    return BucketSurvey(boto3.Session("testing", "testing", region_name="us-east-1"))


def test_a_bucket_that_has_nothing(survey: BucketSurvey) -> None:
    assert survey.policy(BUCKET) is None
    assert survey.public_access_block(BUCKET) is None
    assert not survey.is_public(BUCKET)
    assert survey.region(BUCKET) == "us-east-1"


def test_a_bucket_that_has_everything(s3: Any, survey: BucketSurvey) -> None:
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(bucket_policy(BUCKET)))
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False}
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=block)
    assert survey.policy(BUCKET) == bucket_policy(BUCKET)
    found = survey.public_access_block(BUCKET)
    assert found == PublicAccessBlock(True, True, False, False)
    assert found.missing == ("block_public_policy", "restrict_public_buckets")


def test_another_region(s3: Any, survey: BucketSurvey) -> None:
    s3.create_bucket(Bucket="drx-far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert survey.region("drx-far") == "eu-west-1"


def test_no_bucket_is_no_answer(survey: BucketSurvey) -> None:
    for ask in (survey.policy, survey.public_access_block, survey.is_public, survey.region):
        with pytest.raises(NotFoundError):
            ask("drx-absent")


def test_a_bucket_that_may_not_be_read_is_no_answer(survey: BucketSurvey) -> None:
    with Stubber(survey._s3) as stubber:
        stubber.add_client_error("get_bucket_policy", "AccessDenied", http_status_code=403)
        with pytest.raises(NotAuthorizedError):
            survey.policy(BUCKET)
