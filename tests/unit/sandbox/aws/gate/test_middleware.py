"""The gate as a client meets it: who is let through, what is refused in whose words, and what is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from druid_reindex.sandbox.aws.site import REGION
from gated_account import HOST, Account, allow, document, gated_account, sign

READ = allow("s3:GetObject", "arn:aws:s3:::bkt/open/*", Sid="Read")
LIST = allow("s3:ListBucket", "arn:aws:s3:::bkt")
ALICE = "User: arn:aws:iam::111122223333:user/alice is not authorized to perform"


@pytest.fixture
def filled(account: Account) -> Account:
    account.s3.create_bucket("bkt", REGION)
    for key in ("open/x", "shut/x"):
        account.s3.put_object("bkt", key, b"content")
    return account


def test_an_allowed_request_passes_and_is_recorded(filled: Account) -> None:
    alice = filled.user("alice", READ)
    answer = filled.s3_ask(alice, "GET", "/bkt/open/x")
    assert (answer.status, answer.body) == (200, b"content")
    (decision,) = filled.night.decisions
    assert decision.operation == "s3:GetObject"
    assert decision.statements == ("own/Read",)
    assert decision.request.context["s3:authtype"] == ("REST-HEADER",)
    assert filled.night.deployed["arn:aws:iam::111122223333:user/alice"] == {"own": document(READ)}


def test_a_refusal_says_what_is_missing_in_the_services_own_form(filled: Account) -> None:
    alice = filled.user("alice", READ)
    s3 = filled.s3_ask(alice, "GET", "/bkt/shut/x")
    assert s3.status == 403
    assert "<Code>AccessDenied</Code>" in s3.text
    assert f'{ALICE}: s3:GetObject on resource: "arn:aws:s3:::bkt/shut/x" because no identity-based policy' in s3.text
    kms = filled.json_ask(alice, "kms", "TrentService.ListKeys")
    assert kms.status == 400
    assert json.loads(kms.body)["__type"] == "AccessDeniedException"
    iam = filled.query_ask(alice, "iam", Action="ListRoles", Version="2010-05-08")
    assert (iam.status, "<Code>AccessDenied</Code>" in iam.text) == (403, True)
    ec2 = filled.query_ask(alice, "ec2", Action="DescribeSubnets", Version="2016-11-15")
    assert (ec2.status, "<Code>UnauthorizedOperation</Code>" in ec2.text) == (403, True)


def test_observing_everything_passes_and_is_recorded(tmp_path: Path) -> None:
    with gated_account(tmp_path, enforcing=False) as account:
        account.s3.create_bucket("bkt", REGION)
        assert account.s3_ask(account.user("alice"), "GET", "/bkt").status == 200
        assert account.s3_ask(Credentials("AKIAUNKNOWN", "x"), "GET", "/bkt").status == 200
        said = [decision.said for decision in account.night.decisions]
        assert any("s3:ListBucket" in each for each in said)
        assert any("unknown key" in each for each in said)


def test_a_stranger_a_forger_and_nobody(filled: Account) -> None:
    alice = filled.user("alice", READ)
    stranger, forger = Credentials("AKIAUNKNOWN", "x"), Credentials(alice.access_key, "x")
    for who, code in ((stranger, "InvalidAccessKeyId"), (forger, "SignatureDoesNotMatch")):
        answer = filled.s3_ask(who, "GET", "/bkt/open/x")
        assert (answer.status, f"<Code>{code}</Code>" in answer.text) == (403, True)
    for who, code in ((stranger, "UnrecognizedClientException"), (forger, "InvalidSignatureException")):
        answer = filled.json_ask(who, "kms", "TrentService.ListKeys")
        assert json.loads(answer.body)["__type"] == code
    for who, code in ((stranger, "InvalidClientTokenId"), (forger, "SignatureDoesNotMatch")):
        assert f"<Code>{code}</Code>" in filled.query_ask(who, "iam", Action="ListRoles").text
    nobody = filled.send(AWSRequest("GET", f"{HOST}/bkt/open/x"))
    assert (nobody.status, "anonymous is not authorized" in nobody.text) == (403, True)


def test_a_request_changed_after_it_was_signed_is_refused(filled: Account) -> None:
    signed = sign(filled.user("alice", allow("*")), "s3", AWSRequest("GET", f"{HOST}/bkt/open/x"))
    signed.url = f"{HOST}/bkt/shut/x"
    assert "SignatureDoesNotMatch" in filled.send(signed).text


def test_a_presigned_request(filled: Account) -> None:
    alice = filled.user("alice", READ)
    request = AWSRequest("GET", f"{HOST}/bkt/open/x", headers={"Host": "127.0.0.1"})
    S3SigV4QueryAuth(alice, "s3", REGION, expires=60).add_auth(request)
    assert filled.send(AWSRequest("GET", request.url)).body == b"content"
    other = request.url.replace("/open/", "/shut/")
    assert "SignatureDoesNotMatch" in filled.send(AWSRequest("GET", other)).text


def test_what_is_not_there_is_told_only_to_who_may_list(filled: Account) -> None:
    may, may_not = filled.user("may", READ, LIST), filled.user("maynot", READ)
    assert filled.s3_ask(may, "GET", "/bkt/open/none").status == 404
    refused = filled.s3_ask(may_not, "GET", "/bkt/open/none")
    assert (refused.status, "s3:ListBucket" in refused.text) == (403, True)
    assert filled.s3_ask(may_not, "HEAD", "/bkt/open/none").body == b""


def test_an_operation_that_the_table_lacks_is_denied_by_name(filled: Account) -> None:
    alice = filled.user("alice", allow("*"))
    said = filled.json_ask(alice, "kms", "TrentService.ConnectCustomKeyStore").text
    assert "kms:ConnectCustomKeyStore because it is an operation that the sandbox's table" in said
    assert "s3:PATCH because it is an operation" in filled.s3_ask(alice, "PATCH", "/bkt/open/x").text


def test_deletions_tell_what_was_refused_and_do_the_rest(filled: Account) -> None:
    filled.s3.put_object("bkt", "open/y", b"y")
    alice = filled.user("alice", allow("s3:DeleteObject", "arn:aws:s3:::bkt/open/*"))
    both = b"<Delete><Object><Key>open/x</Key></Object><Object><Key>shut/x</Key></Object></Delete>"
    answer = filled.s3_ask(alice, "POST", "/bkt?delete", both)
    assert answer.status == 200
    assert "<Deleted><Key>open/x</Key>" in answer.text.replace("\n", "").replace(" ", "")
    assert "<Code>AccessDenied</Code>" in answer.text
    assert sorted(filled.s3.buckets["bkt"].keys.keys()) == ["open/y", "shut/x"]
    none = filled.s3_ask(alice, "POST", "/bkt?delete", b"<Delete><Object><Key>shut/x</Key></Object></Delete>")
    assert (none.status, "<Key>shut/x</Key>" in none.text) == (200, True)
    assert "shut/x" in filled.s3.buckets["bkt"].keys
    everything = filled.s3_ask(alice, "POST", "/bkt?delete", b"<Delete><Object><Key>open/y</Key></Object></Delete>")
    assert "<Key>open/y</Key>" in everything.text


def test_a_bucket_policy_decides_with_its_conditions(filled: Account) -> None:
    to = {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::bkt/*"}
    other = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    deny = {"Sid": "Kms", "Effect": "Deny", "Principal": "*", "Condition": other, **to}
    grant = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/alice"}, **to}
    filled.s3.put_bucket_policy("bkt", document(deny, grant).encode())
    alice = filled.user("alice")
    assert filled.s3_ask(alice, "PUT", "/bkt/n", b"x", x_amz_server_side_encryption="AES256").status == 200
    refused = filled.s3_ask(alice, "PUT", "/bkt/n", b"x")
    assert "with an explicit deny in a resource-based policy" in refused.text
    assert filled.night.decisions[-1].statements == ("resource/Kms",)


def test_who_may_be_is_always_answered(filled: Account) -> None:
    nobody = filled.user("alice", {"Effect": "Deny", "Action": "*", "Resource": "*"})
    answer = filled.query_ask(nobody, "sts", Action="GetCallerIdentity", Version="2011-06-15")
    assert "user/alice" in answer.text


def test_no_secret_is_recorded(filled: Account) -> None:
    alice = filled.user("alice", READ)
    filled.s3_ask(alice, "GET", "/bkt/open/x")
    filled.s3_ask(alice, "PUT", "/bkt/open/x", b"a body")
    kept = filled.file.read_text()
    assert alice.secret_key not in kept
    assert "Signature=" not in kept
    assert "a body" not in kept
    assert filled.file.stat().st_mode & 0o777 == 0o600
