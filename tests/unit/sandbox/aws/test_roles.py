"""Temporary credentials of roles, from moto's own STS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from druid_reindex.sandbox.aws import roles
from druid_reindex.sandbox.aws.site import ACCOUNT


@pytest.fixture
def role_arn() -> str:
    iam = iam_backends[ACCOUNT]["aws"]
    iam.reset()
    role = iam.create_role("Node", "{}", "/", None, "", [], "3600")
    iam.create_instance_profile("Profile", "/", ["Node"])
    return str(role.arn)


def test_a_profile_leads_to_its_role(role_arn: str) -> None:
    assert roles.instance_profile_role("Profile") == role_arn
    assert roles.instance_profile_role(f"arn:aws:iam::{ACCOUNT}:instance-profile/Profile") == role_arn
    with pytest.raises(NotFoundException):
        roles.instance_profile_role("Nobody")


def test_credentials_belong_to_the_session_and_expire(role_arn: str) -> None:
    issued = roles.assume(role_arn, "i-0123")
    assert issued.access_key_id.startswith("ASIA")
    assumed = sts_backends[ACCOUNT]["aws"].get_assumed_role_from_access_key(issued.access_key_id)
    assert assumed.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Node/i-0123"
    expires = datetime.strptime(issued.expiration, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(minutes=55) < expires - datetime.now(UTC) <= timedelta(hours=1)


def test_who_is_told_of_sessions_knows_their_service_and_their_key(
    role_arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roles, "_told", [])
    told: list[tuple[str, ...]] = []
    roles.install(lambda *session: told.append(session))
    first, second = roles.assume(role_arn, "i-0123"), roles.assume(role_arn, "copy", "redshift.amazonaws.com")
    assert told == [
        ("ec2.amazonaws.com", role_arn, "i-0123", first.access_key_id),
        ("redshift.amazonaws.com", role_arn, "copy", second.access_key_id),
    ]
