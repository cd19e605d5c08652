"""SSE-KMS as the caller meets it: S3 uses the key on their behalf, in its own encryption context."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.sandbox.aws.gate import encryption
from druid_reindex.sandbox.aws.site import REGION
from gated_account import Account, allow, document

S3 = allow("s3:*")


@pytest.fixture
def key(account: Account) -> Any:
    made = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    account.s3.create_bucket("bkt", REGION)
    encrypt_by(account, made.arn, bucket_key="false")
    return made


def encrypt_by(account: Account, arn: str, bucket_key: str) -> None:
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    rule = {"ApplyServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": bucket_key}
    account.s3.put_bucket_encryption("bkt", {"Rule": rule})


def used(condition: dict[str, str]) -> dict[str, Any]:
    return allow(["kms:GenerateDataKey", "kms:Decrypt"], Condition={"StringEquals": condition})


def test_writing_and_reading_need_the_key(account: Account, key: Any) -> None:
    without = account.user("without", S3)
    refused = account.s3_ask(without, "PUT", "/bkt/x", b"x")
    assert refused.status == 403
    assert f"kms:GenerateDataKey on resource: {key.arn} because no identity-based policy allows" in refused.text
    writer = account.user("writer", S3, allow("kms:GenerateDataKey", key.arn))
    assert account.s3_ask(writer, "PUT", "/bkt/x", b"x").status == 200
    assert "kms:Decrypt" in account.s3_ask(writer, "GET", "/bkt/x").text
    assert account.s3_ask(writer, "HEAD", "/bkt/x").status == 200


def test_the_key_is_used_through_s3_for_the_object(account: Account, key: Any) -> None:
    exact = {"kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::bkt/x"}
    alice = account.user("alice", S3, used(exact))
    assert account.s3_ask(alice, "PUT", "/bkt/x", b"x").status == 200
    assert account.s3_ask(alice, "PUT", "/bkt/y", b"x").status == 403
    encrypt_by(account, key.arn, bucket_key="true")
    assert account.s3_ask(alice, "PUT", "/bkt/x", b"x").status == 403
    bob = account.user("bob", S3, used(exact | {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::bkt"}))
    assert account.s3_ask(bob, "PUT", "/bkt/x", b"x").status == 200
    assert account.s3_ask(bob, "GET", "/bkt/x").body == b"x"


def test_a_direct_call_is_not_through_s3(account: Account, key: Any) -> None:
    alice = account.user("alice", used({"kms:ViaService": "s3.us-east-1.amazonaws.com"}))
    refused = account.json_ask(alice, "kms", "TrentService.GenerateDataKey", KeyId=key.id, KeySpec="AES_256")
    assert "AccessDeniedException" in refused.text
    context = {"a": "bkt"}
    bob = account.user("bob", used({"kms:EncryptionContext:a": "bkt"}))
    answer = account.json_ask(
        bob, "kms", "TrentService.GenerateDataKey", KeyId=key.id, KeySpec="AES_256", EncryptionContext=context
    )
    assert answer.status == 200


def test_a_copy_needs_both_keys(account: Account, key: Any) -> None:
    account.s3.put_object("bkt", "x", b"x")
    writer = account.user("writer", S3, allow("kms:GenerateDataKey"))
    assert "kms:Decrypt" in account.s3_ask(writer, "PUT", "/bkt/y", x_amz_copy_source="/bkt/x").text
    both = account.user("both", S3, allow("kms:*"))
    assert account.s3_ask(both, "PUT", "/bkt/y", x_amz_copy_source="/bkt/x").status == 200
    assert account.s3.get_object("bkt", "y").value == b"x"


def test_a_multipart_upload_needs_decrypt_for_its_parts(account: Account, key: Any) -> None:
    writer = account.user("writer", S3, allow("kms:GenerateDataKey"))
    begun = account.s3_ask(writer, "POST", "/bkt/x?uploads")
    assert begun.status == 200
    upload = begun.text.partition("<UploadId>")[2].partition("</UploadId>")[0]
    refused = account.s3_ask(writer, "PUT", f"/bkt/x?partNumber=1&uploadId={upload}", b"part")
    assert "kms:Decrypt" in refused.text


def test_a_part_is_judged_by_the_headers_of_its_upload(account: Account, key: Any) -> None:
    other = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*", "Condition": other}
    account.s3.put_bucket_policy("bkt", document(deny).encode())
    alice = account.user("alice", allow("*"))
    assert account.s3_ask(alice, "POST", "/bkt/x?uploads").status == 403
    begun = account.s3_ask(alice, "POST", "/bkt/x?uploads", x_amz_server_side_encryption="aws:kms").text
    upload = begun.partition("<UploadId>")[2].partition("</UploadId>")[0]
    assert account.s3_ask(alice, "PUT", f"/bkt/x?partNumber=1&uploadId={upload}", b"part").status == 200


@pytest.mark.parametrize(
    ("state", "code"),
    [("Disabled", "KMS.DisabledException"), ("PendingDeletion", "KMS.KMSInvalidStateException")],
)
def test_a_key_that_cannot_be_used(account: Account, key: Any, state: str, code: str) -> None:
    account.s3.put_object("bkt", "x", b"x")
    key.key_state = state
    alice = account.user("alice", allow("*"))
    for method, path in (("PUT", "/bkt/y"), ("GET", "/bkt/x")):
        answer = account.s3_ask(alice, method, path)
        assert (answer.status, f"<Code>{code}</Code>" in answer.text) == (400, True)


def test_a_key_that_does_not_exist(account: Account, key: Any) -> None:
    headers = {"x_amz_server_side_encryption": "aws:kms", "x_amz_server_side_encryption_aws_kms_key_id": "nothing"}
    answer = account.s3_ask(account.user("alice", allow("*")), "PUT", "/bkt/x", b"x", **headers)
    assert (answer.status, "<Code>KMS.NotFoundException</Code>" in answer.text) == (400, True)


def test_what_a_flag_means() -> None:
    assert [encryption.is_true(each) for each in (True, "true", "True", False, "false", None)] == [True] * 3 + [
        False
    ] * 3
