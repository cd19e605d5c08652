"""Who signed, and which policies are theirs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from moto.iam.models import User

from druid_reindex.sandbox.aws.gate import identities
from druid_reindex.sandbox.aws.gate.signatures import Fault, SignatureError
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from gated_account import Account, allow, document

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}


def test_a_user_with_all_that_applies(account: Account) -> None:
    key = account.user("alice", allow("s3:GetObject"))
    account.iam.create_group("nurses", "/")
    account.iam.put_group_policy("nurses", "group", document(allow("s3:PutObject")))
    account.iam.add_user_to_group("nurses", "alice")
    managed = account.iam.create_policy("", "/", document(allow("s3:*")), "managed", [])
    account.iam.attach_user_policy(managed.arn, "alice")
    found = identities.caller(key.access_key, None, NOW)
    assert found.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/alice"
    assert found.context["aws:username"] == ("alice",)
    assert found.secret == key.secret_key
    assert set(identities.documents(found.principal.identity)) == {"own", "group", "managed"}
    assert identities.documents(f"arn:aws:iam::{ACCOUNT}:user/nobody") == {}


def test_a_key_that_does_not_open(account: Account) -> None:
    key = account.user("alice")
    account.iam.update_access_key("alice", key.access_key, "Inactive")
    for access_key, token, fault in (
        ("AKIAUNKNOWN", None, Fault.UNKNOWN_KEY),
        (key.access_key, None, Fault.UNKNOWN_KEY),
        (key.access_key, "token", Fault.INVALID_TOKEN),
    ):
        with pytest.raises(SignatureError) as raised:
            identities.caller(access_key, token, NOW)
        assert raised.value.fault is fault


def test_a_boundary_is_not_evaluated(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    key = account.user("alice")
    monkeypatch.setattr(User, "permissions_boundary_arn", "arn", raising=False)
    assert identities.caller(key.access_key, None, NOW).unsupported == identities.BOUNDARY


def test_roles_and_profiles_by_name(account: Account) -> None:
    role = account.role("nodes", TRUST)
    account.iam.create_instance_profile("profile", "/", ["nodes"])
    assert identities.role_arn("nodes") == role == identities.role_arn(role)
    assert identities.profile_role_arn("profile") == role
    assert identities.profile_role_arn(f"arn:aws:iam::{ACCOUNT}:instance-profile/profile") == role
    assert identities.profile_role_arn("none") == f"arn:aws:iam::{ACCOUNT}:role/none"
    assert identities.identity(role).name == "nodes"
    assert account.iam.get_role("nodes").arn.endswith(REGION) is False
