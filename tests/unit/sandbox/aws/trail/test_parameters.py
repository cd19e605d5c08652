"""Parameters and answers: CloudTrail's names, and nothing that is secret."""

from __future__ import annotations

import json

import pytest

from druid_reindex.sandbox.aws.trail import parameters
from druid_reindex.sandbox.aws.trail.parameters import HIDDEN, OMITTED

CANARY = "canary-4711"


def test_names_begin_in_lower_case_and_unknown_ones_are_left_out() -> None:
    given = {"KeyId": "alias/x", "EncryptionContext": {"Run": "a"}, "Invented": 1}
    found = parameters.of_request("kms", "GenerateDataKey", given)
    assert found == {"keyId": "alias/x", "encryptionContext": {"Run": "a"}}


@pytest.mark.parametrize(
    ("service", "operation", "given", "left"),
    [
        ("kms", "Encrypt", {"KeyId": "k", "Plaintext": CANARY}, {"keyId": "k"}),
        ("kms", "Decrypt", {"CiphertextBlob": CANARY.encode(), "KeyId": "k"}, {"keyId": "k"}),
        ("secretsmanager", "PutSecretValue", {"SecretId": "s", "SecretString": CANARY}, {"secretString": HIDDEN}),
        ("secretsmanager", "PutSecretValue", {"SecretId": "s", "SecretBinary": CANARY}, {"secretId": "s"}),
        ("redshift-data", "ExecuteStatement", {"Sql": CANARY, "Database": "d"}, {"sql": OMITTED, "database": "d"}),
        ("redshift-data", "BatchExecuteStatement", {"Sqls": [CANARY]}, {"sqls": OMITTED}),
        ("redshift-data", "ExecuteStatement", {"Parameters": [{"name": "n", "value": CANARY}]}, {"parameters": HIDDEN}),
        (
            "emr",
            "RunJobFlow",
            {"KerberosAttributes": {"Realm": "R", "KdcAdminPassword": CANARY}},
            {"kerberosAttributes": {"realm": "R", "kdcAdminPassword": HIDDEN}},
        ),
    ],
)
def test_no_secret_is_recorded(service: str, operation: str, given: dict[str, object], left: dict[str, object]) -> None:
    found = parameters.of_request(service, operation, given)
    assert found is not None
    assert found.items() >= left.items()
    assert CANARY not in json.dumps(found)


def test_texts_of_a_query_become_what_they_are() -> None:
    given = {"RoleArn": "r", "DurationSeconds": "900", "Tags": [{"Key": "dag", "Value": "night"}]}
    found = parameters.of_request("sts", "AssumeRole", given)
    assert found == {"roleArn": "r", "durationSeconds": 900, "tags": [{"key": "dag", "value": "night"}]}


def test_ec2_has_other_names_on_the_wire() -> None:
    found = parameters.of_request("ec2", "DescribeSubnets", {"SubnetId": ["subnet-1"], "DryRun": "true"})
    assert found == {"subnetIds": ["subnet-1"], "dryRun": True}


def test_nothing_is_null_and_too_much_is_said_to_be_too_much() -> None:
    assert parameters.of_request("kms", "ListKeys", {}) is None
    assert parameters.of_request("kms", "NoSuchThing", {"KeyId": "k"}) is None
    size = parameters.MOST_BYTES
    found = parameters.of_request("kms", "DescribeKey", {"KeyId": "k" * (size + 1)})
    assert found is not None
    assert (found["omitted"], found["originalSize"] > size) == (True, True)


def test_an_answer_has_its_fields_alone_and_no_way_in() -> None:
    told = f"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAX</AccessKeyId>
      <SecretAccessKey>{CANARY}</SecretAccessKey><SessionToken>{CANARY}</SessionToken>
      <Expiration>2014-07-18T16:07:39Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
    found = parameters.of_answer("sts", "AssumeRole", told.encode(), ["Credentials"])
    credentials = {"accessKeyId": "ASIAX", "sessionToken": HIDDEN, "expiration": "Jul 18, 2014 4:07:39 PM"}
    assert found == {"credentials": credentials}
    answer = json.dumps({"Id": "a", "CreatedAt": 1597859758.0, "Database": "d"}).encode()
    found = parameters.of_answer("redshift-data", "ExecuteStatement", answer, ["CreatedAt", "Id"])
    assert found == {"createdAt": "Aug 19, 2020 5:55:58 PM", "id": "a"}
    assert parameters.of_answer("kms", "ListKeys", b"{}", []) is None
    assert parameters.of_answer("redshift-data", "ExecuteStatement", b"", ["Id"]) is None
