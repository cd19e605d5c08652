"""CloudTrail's client, on moto's CloudTrail and S3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws

from druid_reindex.clients.cloudtrail import CloudTrailClient
from druid_reindex.clients.trail_reading import TrailReading
from druid_reindex.errors import NotAuthorizedError, NotFoundError
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_chain import Verdict
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.model.trail import StoredDigest, TrailScope, Window
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.ports import TrailPort
from trail_account import BUCKET, HOUR, NIGHT, SCOPE, WINDOW, TrailFiles, a_night, event, fingerprint, log_text
from twins import FakeTrail

FILES, DIGESTS, LOGS = a_night(hours=6)


@pytest.fixture(params=["client", "twin"])
def port(request: pytest.FixtureRequest) -> Iterator[TrailPort]:
    """The files in the bucket of the trail, beside those of another trail and another Region."""
    west, other = TrailFiles(scope=SCOPE.of_region("us-west-2")), TrailFiles()
    west.close(NIGHT + HOUR)
    objects = FILES.objects | west.objects
    stranger = S3Uri(BUCKET, DIGESTS[0].key.replace("_drx_", "_else_"))
    objects[stranger] = StoredDigest(b"x", {})
    if request.param == "twin":
        yield FakeTrail([SCOPE], objects, other.public_keys())
        return
    with mock_aws():
        session = boto3.Session("a", "b", region_name="us-east-1")
        s3 = session.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for uri, stored in objects.items():
            s3.put_object(Bucket=BUCKET, Key=uri.key, Body=stored.body, Metadata=dict(stored.metadata))
        s3.put_bucket_policy(Bucket=BUCKET, Policy=POLICY)
        cloudtrail = session.client("cloudtrail")
        cloudtrail.create_trail(Name="drx", S3BucketName=BUCKET)
        cloudtrail.put_event_selectors(TrailName="drx", EventSelectors=[{"ReadWriteType": "All"}])
        yield CloudTrailClient(session)


POLICY = """{"Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:*",
"Resource": "*"}]}"""


def test_a_trail_is_found_by_name_and_by_arn(port: TrailPort) -> None:
    [found] = port.trails()
    assert (found.bucket, found.name, found.home_region) == (BUCKET, "drx", "us-east-1")
    assert port.trail("drx") == found


def test_what_it_records(port: TrailPort) -> None:
    [found] = port.trails()
    assert port.selectors(found) == Selectors()


def test_no_trail_of_that_name() -> None:
    made, cloudtrail = client()
    with Stubber(cloudtrail) as stub:
        stub.add_response("describe_trails", {"trailList": []}, {"trailNameList": ["else"]})
        with pytest.raises(NotFoundError, match="check its name"):
            made.trail("else")
    with pytest.raises(NotFoundError):
        FakeTrail([SCOPE]).trail("else")


def test_its_regions_and_its_digests_of_a_window(port: TrailPort) -> None:
    assert port.regions(SCOPE) == ["us-east-1", "us-west-2"]
    keys = port.digest_keys(SCOPE, Window(NIGHT + 2 * HOUR, NIGHT + 4 * HOUR))
    assert keys == [uri.key for uri in DIGESTS[1:5]], "the one that ends at the start, and that of the hour after"
    assert port.digest_keys(SCOPE, Window(NIGHT + 2 * HOUR, NIGHT + 2 * HOUR + timedelta(minutes=59))) == keys[:2]


def test_files_are_read_and_those_that_are_not_there_are_not(port: TrailPort) -> None:
    assert port.digest(DIGESTS[0]) == FILES.objects[DIGESTS[0]]
    assert port.log(LOGS[0]) == FILES.objects[LOGS[0]].body
    assert port.digest(S3Uri(BUCKET, "none")) is None
    assert port.log(S3Uri(BUCKET, "none")) is None


def client() -> tuple[CloudTrailClient, Any]:
    made = CloudTrailClient(boto3.Session("a", "b", region_name="us-east-1"))
    return made, made._cloudtrail


def test_public_keys_of_all_pages() -> None:
    made, cloudtrail = client()
    first, second = FILES.public_keys().values()
    with Stubber(cloudtrail) as stub:
        for key, token in ((first, {"NextToken": "more"}), (second, {})):
            listed = {
                "Fingerprint": key.fingerprint, "Value": key.der, "ValidityStartTime": key.valid_from,
                "ValidityEndTime": key.valid_until,
            }  # fmt: skip
            asked = {"StartTime": WINDOW.start, "EndTime": WINDOW.end} | ({} if token else {"NextToken": "more"})
            stub.add_response("list_public_keys", {"PublicKeyList": [listed]} | token, asked)
        assert made.public_keys(WINDOW) == FILES.public_keys()
    assert fingerprint(0) in FILES.public_keys()


def test_no_permission_is_an_error_and_no_absence() -> None:
    made, _ = client()
    with Stubber(made._s3) as stub:
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403, expected_params=ANY_OBJECT)
        stub.add_response("list_objects_v2", {"Contents": [{"Key": LOGS[0].key}]}, listing_of(LOGS[0]))
        with pytest.raises(NotAuthorizedError):
            made.log(LOGS[0])
        stub.add_client_error("get_object", "AccessDenied", http_status_code=403, expected_params=ANY_OBJECT)
        stub.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        with pytest.raises(NotAuthorizedError):
            made.log(LOGS[0])
    with Stubber(made._s3) as stub:
        stub.add_client_error("get_object", "NoSuchBucket", http_status_code=404, expected_params=ANY_OBJECT)
        with pytest.raises(NotFoundError):
            made.digest(LOGS[0])


def test_what_s3_refuses_because_it_is_not_there_is_not_there() -> None:
    """As it answers to whom lists by prefix alone; a longer name that begins so is another file."""
    made, _ = client()
    with Stubber(made._s3) as stub:
        for found in ({}, {"Contents": [{"Key": f"{DIGESTS[0].key}.part"}]}):
            stub.add_client_error("get_object", "AccessDenied", http_status_code=403, expected_params=ANY_OBJECT)
            stub.add_response("list_objects_v2", found, listing_of(DIGESTS[0]))
            assert made.digest(DIGESTS[0]) is None


def listing_of(uri: S3Uri) -> dict[str, Any]:
    return {"Bucket": uri.bucket, "Prefix": uri.key, "MaxKeys": 1}


ANY_OBJECT = {"Bucket": ANY, "Key": ANY}


OWNER, MEMBER, SIBLING, ORGANIZATION = "999988887777", "123456789012", "444455556666", "o-abcdefghij"
SHARED = f"arn:aws:cloudtrail:us-east-1:{OWNER}:trail/all"


@pytest.fixture
def member() -> Iterator[tuple[CloudTrailClient, TrailFiles]]:
    """A member account of an organization, whose trail another account has, and its own files in the shared bucket."""
    owned = TrailScope.of(Arn.parse(SHARED), BUCKET, "audit")
    files = [TrailFiles(scope=owned.of_member(ORGANIZATION, each)) for each in (MEMBER, SIBLING, OWNER)]
    with mock_aws():
        session = boto3.Session("a", "b", region_name="us-east-1")
        s3 = session.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for each in files:
            each.deliver(log_text(event(1)), NIGHT)
            each.close(NIGHT + HOUR)
            for uri, stored in each.objects.items():
                s3.put_object(Bucket=BUCKET, Key=uri.key, Body=stored.body, Metadata=dict(stored.metadata))
        yield CloudTrailClient(session), files[0]


def described(made: CloudTrailClient, **changes: Any) -> Stubber:
    """CloudTrail, which tells a member of the trail that its organization's owner has."""
    trail = {
        "TrailARN": SHARED, "Name": "all", "S3BucketName": BUCKET, "S3KeyPrefix": "audit", "IsOrganizationTrail": True
    } | changes  # fmt: skip
    stub = Stubber(made._cloudtrail)
    stub.add_response("describe_trails", {"trailList": [trail]})
    return stub


def test_of_an_organizations_trail_the_callers_account_is_read(member: tuple[CloudTrailClient, TrailFiles]) -> None:
    made, files = member
    with described(made) as stub:
        stub.add_response("get_event_selectors", {"TrailARN": SHARED, "EventSelectors": [{}]}, {"TrailName": SHARED})
        [scope] = made.trails()
        assert made.selectors(scope) == Selectors()
    assert (scope, scope.account, scope.owner) == (files.scope, MEMBER, OWNER)
    with described(made):
        assert made.trail(SHARED) == scope
    assert made.regions(scope) == ["us-east-1"]
    [key] = made.digest_keys(scope, Window(NIGHT, NIGHT + HOUR))
    read = [made.digest(S3Uri(BUCKET, key))]
    assert read == [files.objects[S3Uri(BUCKET, key)]]


def test_its_files_are_verified_and_read_as_those_of_the_account(member: tuple[CloudTrailClient, TrailFiles]) -> None:
    made, files = member
    with described(made):
        [scope] = made.trails()
    port = FakeTrail([scope], files.objects, files.public_keys())
    seen = [*TrailReading(port, scope, frozenset({"ASIA0000000000000001"})).read(Window(NIGHT, NIGHT + HOUR))]
    assert [each.verdict for each in seen] == [Verdict.VALID, Verdict.VALID]
    assert [found.event_id for each in seen if isinstance(each, LogCheck) for found in each.events]


@pytest.mark.parametrize("prefix", ["elsewhere", ""])
def test_an_account_without_a_digest_in_it_is_told(member: tuple[CloudTrailClient, TrailFiles], prefix: str) -> None:
    with described(member[0], S3KeyPrefix=prefix), pytest.raises(NotFoundError, match="first digest"):
        member[0].trails()
