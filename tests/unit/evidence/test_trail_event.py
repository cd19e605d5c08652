"""What is read of an event."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from druid_reindex.evidence.trail_event import TrailEvent
from trail_account import ACCOUNT, NIGHT, event


def read(**fields: Any) -> TrailEvent:
    return msgspec.json.decode(json.dumps(event(3, **fields)), type=TrailEvent)


def test_an_s3_event_of_a_role() -> None:
    found = read()
    assert (found.event_time, found.event_source, found.request_id) == (NIGHT, "s3.amazonaws.com", "0000000000000003")
    assert found.identity.session_name == "job"
    assert found.identity.role_arn == f"arn:aws:iam::{ACCOUNT}:role/app-3"
    asked = "arn:aws:s3:::other-3"
    assert found.arns == (f"{asked}/data/part-00000003", asked, f"{asked}/data/part-00000003.parquet")


@pytest.mark.parametrize(
    "identity",
    [
        {"type": "AWSService", "invokedBy": "replication.s3.amazonaws.com"},
        {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT},
        {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/a/b", "userName": "b", "accessKeyId": "AKIA1"},
        {"type": "AWSAccount", "principalId": "AROA:x", "accountId": "444455556666"},
        {"type": "WebIdentityUser", "userName": "u", "identityProvider": "arn:aws:iam::1:oidc-provider/x"},
        {
            "type": "FederatedUser",
            "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/x",
            "sessionContext": {"attributes": {}},
        },
    ],
)
def test_every_form_of_identity_is_read(identity: dict[str, Any]) -> None:
    found = read(userIdentity=identity)
    assert found.identity.type == identity["type"]
    assert found.identity.session_name == ""
    assert found.identity.role_arn == ""
    assert found.identity.invoked_by == identity.get("invokedBy", "")


def test_what_is_not_there_is_empty() -> None:
    found = read(userIdentity=None, requestParameters=None, resources=None, requestID=None)
    assert found.identity.arn == ""
    assert found.arns == ()
    assert found.request_id is None
    assert read(requestParameters=[1], resources=[{"accountId": "1"}]).arns == ()
