"""Bodies at rest: what lies in moto's buffers is no plain text, and what comes back is what was put."""

from __future__ import annotations

import hashlib

import pytest
from moto.kms.exceptions import AccessDeniedException, InvalidCiphertextException

from druid_reindex.sandbox.aws.site import REGION
from gated_account import Account, allow

CONTENT = b"a patient's row " * 1000


def at_rest(stored: object) -> bytes:
    buffer = stored._value_buffer  # type: ignore[attr-defined]
    buffer.seek(0)
    return bytes(buffer.read())


def encrypted_bucket(account: Account) -> str:
    key = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    account.s3.create_bucket("bkt", REGION)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.arn}}
    account.s3.put_bucket_encryption("bkt", {"Rule": rule})
    return str(key.id)


def test_a_body_is_kept_encrypted_and_comes_back(account: Account) -> None:
    encrypted_bucket(account)
    stored = account.s3.put_object("bkt", "x", CONTENT)
    assert b"patient" not in at_rest(stored)
    assert (stored.value, stored.size) == (CONTENT, len(CONTENT))
    assert stored.etag == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_without_its_key_a_body_is_lost(account: Account) -> None:
    key = encrypted_bucket(account)
    stored = account.s3.put_object("bkt", "x", CONTENT)
    del account.kms.keys[key]
    with pytest.raises(AccessDeniedException):
        _ = stored.value


def test_each_object_has_a_data_key_of_its_own(account: Account) -> None:
    encrypted_bucket(account)
    one, two = account.s3.put_object("bkt", "1", CONTENT), account.s3.put_object("bkt", "2", CONTENT)
    assert one.data_key != two.data_key
    one.data_key = two.data_key
    with pytest.raises(InvalidCiphertextException):
        _ = one.value


def test_a_bucket_without_a_choice_has_s3s_own_key(account: Account) -> None:
    account.s3.create_bucket("plain", REGION)
    stored = account.s3.put_object("plain", "x", CONTENT)
    assert stored.encryption == "AES256"
    assert b"patient" not in at_rest(stored)
    assert stored.value == CONTENT
    account.s3.delete_bucket_encryption("plain")
    assert account.s3.put_object("plain", "y", CONTENT).encryption == "AES256"


def test_ranges_and_parts(account: Account) -> None:
    encrypted_bucket(account)
    alice = account.user("alice", allow("*"))
    begun = account.s3_ask(alice, "POST", "/bkt/x?uploads").text
    upload = begun.partition("<UploadId>")[2].partition("</UploadId>")[0]
    parts = [b"1" * (5 << 20), b"2" * 10]
    tags = [
        account.s3_ask(alice, "PUT", f"/bkt/x?partNumber={number}&uploadId={upload}", part).headers["ETag"]
        for number, part in enumerate(parts, start=1)
    ]
    assert b"1111111111" not in at_rest(account.s3.buckets["bkt"].multiparts[upload].parts[1])
    listed = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, start=1)
    )
    done = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    assert account.s3_ask(alice, "POST", f"/bkt/x?uploadId={upload}", done).status == 200
    middle = account.s3_ask(alice, "GET", "/bkt/x", Range=f"bytes={(5 << 20) - 2}-{(5 << 20) + 1}")
    assert (middle.status, middle.body) == (206, b"1122")
    assert account.s3.get_object("bkt", "x").value == b"".join(parts)
