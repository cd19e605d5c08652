"""Temporary credentials of the account's roles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from druid_reindex.sandbox.aws.site import ACCOUNT, REGION, Credentials

SESSION_SECONDS = 3600
PARTITION = "aws"
EC2 = "ec2.amazonaws.com"

# Who is told of each session: the service that asks for it, the role, the session's name, its access key.
Told = Callable[[str, str, str, str], None]
_told: list[Told] = []


def install(told: Told) -> None:
    """Let `told` know of every session that a service begins from now on, and nobody else."""
    _told[:] = [told]


def instance_profile_role(profile: str) -> str:
    """Return the ARN of the role in the instance profile `profile` (a name or an ARN).

    Raises moto's NoSuchEntity when there is no such profile.
    """
    name = profile.rpartition("/")[2]
    return str(iam_backends[ACCOUNT][PARTITION].get_instance_profile(name).roles[0].arn)


def assume(role_arn: str, session_name: str, service: str = EC2) -> Credentials:
    """Return new credentials of a session of the role, which `service` begins, valid for one hour."""
    sts = sts_backends[ACCOUNT][PARTITION]
    assumed = sts.assume_role(REGION, session_name, role_arn, "", SESSION_SECONDS, "")
    for told in _told:
        told(service, role_arn, session_name, str(assumed.access_key_id))
    expires: datetime = assumed.expiration.replace(tzinfo=UTC)
    return Credentials(
        access_key_id=str(assumed.access_key_id),
        secret_access_key=str(assumed.secret_access_key),
        session_token=str(assumed.session_token),
        expiration=expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
