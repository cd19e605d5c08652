"""What records say of requests to S3."""

from __future__ import annotations

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from druid_reindex.sandbox.aws.site import REGION
from gated_account import HOST
from recorded_account import DATA, Recorded

BUCKET = {"accountId": "111122223333", "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{DATA}"}


def test_a_write_says_how_it_was_encrypted_and_how_much_came(trail: Recorded) -> None:
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/a/x", b"12345", x_amz_server_side_encryption="AES256")
    (record,) = trail.named("PutObject")
    assert record["requestParameters"]["x-amz-server-side-encryption"] == "AES256"
    assert record["additionalEventData"]["SSEApplied"] == "SSE_S3"
    assert record["additionalEventData"]["bytesTransferredIn"] == 5
    assert record["resources"] == [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{DATA}/a/x"}, BUCKET]
    assert record["responseElements"]["x-amz-server-side-encryption"] == "AES256"


def test_a_list_stands_for_its_prefix(trail: Recorded) -> None:
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}?list-type=2&prefix=a%2F")
    (record,) = trail.named("ListObjects")
    assert record["requestParameters"]["prefix"] == "a/"
    assert record["resources"] == [{"type": "AWS::S3::Object", "ARNPrefix": f"arn:aws:s3:::{DATA}/a/"}, BUCKET]
    assert not record["managementEvent"]


def test_deleted_keys_are_not_recorded(trail: Recorded) -> None:
    body = b"<Delete><Object><Key>secret-name</Key></Object></Delete>"
    trail.account.s3_ask(trail.alice, "POST", f"/{DATA}?delete", body)
    (record,) = trail.named("DeleteObjects")
    assert "secret-name" not in str(record)
    assert record["requestParameters"]["bucketName"] == DATA


def test_a_presigned_request_is_recorded_without_what_opens_it_again(trail: Recorded) -> None:
    trail.account.s3.put_object(DATA, "x", b"content")
    request = AWSRequest("GET", f"{HOST}/{DATA}/x", headers={"Host": "127.0.0.1"})
    S3SigV4QueryAuth(trail.alice, "s3", REGION).add_auth(request)
    assert trail.account.send(request).status == 200
    (record,) = trail.named("GetObject")
    assert record["additionalEventData"]["AuthenticationMethod"] == "QueryString"
    assert "X-Amz-Expires" in record["requestParameters"]
    assert not {"X-Amz-Signature", "X-Amz-Credential"} & record["requestParameters"].keys()


def test_a_copy_has_its_own_name(trail: Recorded) -> None:
    trail.account.s3.put_object(DATA, "x", b"content")
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/y", x_amz_copy_source=f"/{DATA}/x")
    (record,) = trail.named("CopyObject")
    assert record["requestParameters"]["x-amz-copy-source"] == f"/{DATA}/x"
