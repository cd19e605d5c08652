"""Whole records: who, what, with which outcome, and under which id."""

from __future__ import annotations

import json

from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gated_account import HOST, allow
from recorded_account import DATA, Recorded

FIELDS = {
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "requestParameters", "responseElements", "requestID", "eventID", "readOnly", "eventType",
    "managementEvent", "recipientAccountId", "eventCategory",
}  # fmt: skip


def test_a_record_has_the_id_that_the_client_has(trail: Recorded) -> None:
    answers = [trail.account.json_ask(trail.alice, "kms", "TrentService.ListKeys") for _ in range(2)]
    records = trail.named("ListKeys")
    assert {each["requestID"] for each in records} == {each.headers["x-amzn-requestid"] for each in answers}
    assert len({each["eventID"] for each in records}) == 2
    assert records[0].keys() == FIELDS
    assert records[0]["eventVersion"] == "1.11"
    assert records[0]["sourceIPAddress"] == "127.0.0.1"
    assert (records[0]["readOnly"], records[0]["managementEvent"]) == (True, True)
    assert records[0]["recipientAccountId"] == "111122223333"


def test_a_denied_request_has_no_parameters_but_s3s(trail: Recorded) -> None:
    bob = trail.account.user("bob")
    trail.account.json_ask(bob, "kms", "TrentService.DescribeKey", KeyId=trail.key.id)
    trail.account.s3_ask(bob, "GET", f"/{DATA}/x")
    trail.account.query_ask(bob, "ec2", Action="DescribeSubnets", Version="2016-11-15")
    records = {each["eventName"]: each for each in trail.delivered()}
    assert records["DescribeKey"]["errorCode"] == "AccessDenied"
    assert records["DescribeKey"]["requestParameters"] is None
    assert "user/bob is not authorized" in records["DescribeKey"]["errorMessage"]
    assert records["GetObject"]["errorCode"] == "AccessDenied"
    assert records["GetObject"]["requestParameters"]["key"] == "x"
    assert records["DescribeSubnets"]["errorCode"] == "Client.UnauthorizedOperation"


def test_what_the_service_itself_refuses_is_recorded_with_its_parameters(trail: Recorded) -> None:
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/none")
    trail.account.s3_ask(trail.alice, "HEAD", f"/{DATA}/none")
    trail.account.json_ask(trail.alice, "kms", "TrentService.DescribeKey", KeyId="11111111-1111-4111-8111-111111111111")
    trail.account.query_ask(trail.alice, "sts", Action="AssumeRole", RoleArn="bad", RoleSessionName="s", Version="x")
    records = {each["eventName"]: each for each in trail.delivered()}
    assert records["GetObject"]["errorCode"] == "NoSuchKey"
    assert records["HeadObject"]["errorCode"] == "NoSuchKey"
    assert records["DescribeKey"]["errorCode"] == "NotFoundException"
    assert records["DescribeKey"]["requestParameters"]["keyId"].startswith("1111")


def test_s3_uses_the_objects_key_for_its_caller(trail: Recorded) -> None:
    trail.encrypt()
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", b"content")
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/x")
    records = {each["eventName"]: each for each in trail.delivered()}
    context = {"aws:s3:arn": f"arn:aws:s3:::{DATA}/x"}
    assert records["GenerateDataKey"]["requestParameters"] == {
        "keyId": trail.key.arn, "keySpec": "AES_256", "encryptionContext": context,
    }  # fmt: skip
    decrypt = records["Decrypt"]
    asked = {"encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": context}
    assert decrypt["requestParameters"] == asked
    assert decrypt["userIdentity"]["invokedBy"] == decrypt["sourceIPAddress"] == "fas.s3.amazonaws.com"
    assert decrypt["userIdentity"]["userName"] == "alice"
    assert decrypt["resources"] == [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": trail.key.arn}]
    assert decrypt["requestID"] != records["GetObject"]["requestID"]


def test_a_key_that_kms_denies_is_a_denial_of_both(trail: Recorded) -> None:
    trail.encrypt()
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", b"content")
    carol = trail.account.user("carol", allow("s3:*"))
    assert trail.account.s3_ask(carol, "GET", f"/{DATA}/x").status == 403
    theirs = [each for each in trail.delivered() if each["userIdentity"].get("userName") == "carol"]
    assert {(each["eventName"], each["errorCode"]) for each in theirs} == {
        ("GetObject", "AccessDenied"), ("Decrypt", "AccessDenied"),
    }  # fmt: skip
    assert next(each for each in theirs if each["eventName"] == "Decrypt")["requestParameters"] is None


def test_a_key_that_is_disabled_is_kmss_own_error(trail: Recorded) -> None:
    trail.encrypt()
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", b"content")
    trail.key.key_state = "Disabled"
    trail.account.s3_ask(trail.alice, "GET", f"/{DATA}/x")
    records = {each["eventName"]: each for each in trail.delivered()}
    assert records["GetObject"]["errorCode"] == "KMS.DisabledException"
    assert records["Decrypt"]["errorCode"] == "DisabledException"
    assert records["Decrypt"]["requestParameters"]["encryptionContext"]


def test_who_is_not_known_leaves_no_record_and_nobody_does(trail: Recorded) -> None:
    trail.account.s3_ask(Credentials("AKIAUNKNOWN", "x"), "GET", f"/{DATA}/stranger")
    trail.account.s3_ask(Credentials(trail.alice.access_key, "x"), "GET", f"/{DATA}/forger")
    trail.account.send(AWSRequest("GET", f"{HOST}/{DATA}/nobody"))
    records = trail.named("GetObject")
    assert [each["requestParameters"]["key"] for each in records] == ["nobody"]
    assert records[0]["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL"


def test_no_body_and_no_secret_is_in_any_record(trail: Recorded) -> None:
    canary = "canary-of-a-record"
    trail.account.s3_ask(trail.alice, "PUT", f"/{DATA}/x", canary.encode())
    trail.account.json_ask(trail.alice, "kms", "TrentService.Encrypt", KeyId=trail.key.id, Plaintext="Y2FuYXJ5")
    trail.account.json_ask(trail.alice, "secretsmanager", "secretsmanager.CreateSecret", Name="n", SecretString=canary)
    trail.account.json_ask(trail.alice, "redshift-data", "RedshiftData.ExecuteStatement", Sql=canary, Database="d")
    text = json.dumps(trail.delivered())
    assert canary not in text
    assert "Y2FuYXJ5" not in text
    assert trail.alice.secret_key not in text
