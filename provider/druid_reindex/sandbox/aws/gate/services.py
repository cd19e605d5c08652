"""An AWS service that assumes a role for itself: the role's trust policy decides, as on every AssumeRole.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-service.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from druid_reindex.sandbox.aws.gate import authorisation
from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.operations import Check, Owner
from druid_reindex.sandbox.aws.gate.records import Records
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION

ASSUME = "sts:AssumeRole"


class ServiceAccess:
    """Decides and records; observing, it lets what trust policies would refuse pass, as the gate does."""

    def __init__(self, records: Records, *, enforcing: bool) -> None:
        self._records = records
        self._enforcing = enforcing

    def may_assume(self, service: str, role_arn: str, about: Mapping[str, tuple[str, ...]]) -> bool:
        """Return whether the service may assume the role; `about` is what the service adds to the context."""
        caller = Caller(
            Principal(service=service),
            context={"aws:principalisawsservice": ("true",), "aws:principalservicename": (service,)},
        )
        context = {
            "aws:currenttime": (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),),
            "aws:requestedregion": (REGION,),
            "aws:resourceaccount": (ACCOUNT,),
            "aws:securetransport": ("true",),
            "aws:viaawsservice": ("false",),
            **about,
        }
        check = Check(ASSUME, role_arn, {}, Owner.ROLE, role_arn)
        judged = authorisation.judge(caller, check, context, ASSUME)
        self._records.keep(judged.recorded, judged.documents)
        return judged.decision.allowed or not self._enforcing
