"""The context that AWS adds to a request, and whose policies are asked."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from moto.emr.models import emr_backends

from druid_reindex.sandbox.aws.gate import authorisation
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.incoming import Incoming
from druid_reindex.sandbox.aws.gate.operations import Check, Owner
from druid_reindex.sandbox.aws.gate.signatures import Signed
from druid_reindex.sandbox.aws.iam.decisions import Kind
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from gated_account import Account, allow

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def incoming(**environ: Any) -> Incoming:
    return Incoming({"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO(), "REMOTE_ADDR": "127.0.0.1", **environ})


def signed(*, presigned: bool) -> Signed:
    moment = NOW - timedelta(seconds=2)
    return Signed("AKIA", "20261101", "eu-west-1", "s3", ("host",), "", moment, None, presigned)


def judge(check: Check) -> authorisation.Judged:
    about = authorisation.surroundings(incoming(), None, NOW)
    return authorisation.judge(Caller(Principal(ALICE, ALICE, ACCOUNT)), check, about, "an:Operation")


def test_every_request_has_its_surroundings() -> None:
    request = incoming(**{"wsgi.url_scheme": "https", "HTTP_USER_AGENT": "aws-cli"})
    found = authorisation.surroundings(request, signed(presigned=False), NOW)
    assert found["aws:securetransport"] == ("true",)
    assert found["aws:sourceip"] == ("127.0.0.1",)
    assert found["aws:requestedregion"] == ("eu-west-1",)
    assert found["aws:currenttime"] == ("2026-11-01T12:00:00Z",)
    assert found["aws:useragent"] == ("aws-cli",)
    plain = authorisation.surroundings(incoming(**{"wsgi.url_scheme": "http"}), None, NOW)
    assert plain["aws:securetransport"] == ("false",)


def test_s3_adds_how_the_request_came() -> None:
    connection = SimpleNamespace(version=lambda: "TLSv1.3")
    found = authorisation.s3_surroundings(incoming(**{"werkzeug.socket": connection}), signed(presigned=True), NOW)
    assert found["s3:tlsversion"] == ("1.3",)
    assert found["s3:authtype"] == ("REST-QUERY-STRING",)
    assert found["s3:signatureage"] == ("2000",)
    assert "s3:tlsversion" not in authorisation.s3_surroundings(incoming(), None, NOW)


def test_a_keys_policy_is_necessary_and_recorded_with_the_identitys(account: Account) -> None:
    account.user("alice", allow("kms:Decrypt"))
    key = account.kms.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    account.kms.create_alias(key.id, "alias/phi")
    judged = judge(Check("kms:Decrypt", key.arn, {}, Owner.KEY, key.arn))
    assert judged.decision.allowed
    assert (judged.recorded.kind, judged.recorded.owner) == (Kind.NECESSARY, key.arn)
    assert judged.recorded.request.context["kms:resourcealiases"] == ("alias/phi",)
    assert set(judged.documents) == {ALICE, key.arn}
    key.policy = '{"Version": "2012-10-17", "Statement": []}'
    assert "no resource-based policy" in judge(Check("kms:Decrypt", key.arn, {}, Owner.KEY, key.arn)).recorded.said


def test_a_clusters_tags_are_keys_of_the_request(account: Account) -> None:
    account.user("alice", allow("*", Condition={"StringEquals": {"elasticmapreduce:ResourceTag/drx-run": "1"}}))
    backend = emr_backends[ACCOUNT][REGION]
    backend.flows = {"j-1": SimpleNamespace(tags={"drx-run": "1"})}  # type: ignore[attr-defined]
    prefix = f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/"
    assert judge(Check("elasticmapreduce:DescribeCluster", f"{prefix}j-1")).decision.allowed
    assert not judge(Check("elasticmapreduce:DescribeCluster", f"{prefix}j-2")).decision.allowed


def test_a_roles_trust_is_necessary_even_when_there_is_no_role(account: Account) -> None:
    account.user("alice", allow("sts:AssumeRole"))
    missing = f"arn:aws:iam::{ACCOUNT}:role/none"
    judged = judge(Check("sts:AssumeRole", missing, {}, Owner.ROLE, missing))
    assert (judged.decision.allowed, judged.recorded.kind) == (False, Kind.NECESSARY)
