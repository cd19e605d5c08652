"""A run's calls and facts, and the events by which the trail tells of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec

from druid_reindex.evidence.attribution import RunFacts
from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.trail import Window
from trail_account import ACCOUNT, HOUR, NIGHT, event

RUN = "6f2f1d0e-0000-5000-8000-000000000001"
DATA = "arn:aws:s3:::drx-phi-111122223333"
KEY_ARN = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-1111-4111-8111-111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/DrxAirflowPhi"
NODE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/DrxEmrEc2Phi"
ACCESS_KEY = "ASIAOFTHERUN00000001"
SESSION = "drx1.0a1b2c3d.1"
INSTANCE = "i-0123456789abcdef0"
FACTS = RunFacts(
    run=RUN,
    window=Window(NIGHT, NIGHT + 3 * HOUR),
    access_keys=frozenset({ACCESS_KEY}),
    sessions={SESSION: ROLE},
    instances={INSTANCE: Window(NIGHT + HOUR, NIGHT + 2 * HOUR)},
    agent_token="drx/0a1b2c3d",
    resources=(f"{DATA}/druid/segments", KEY_ARN),
)


def call(number: int, at: datetime = NIGHT, **changes: Any) -> AwsCall:
    made: dict[str, Any] = {
        "attempted_at": at, "event_source": "s3.amazonaws.com", "operation": "PutObject", "region": "us-east-1",
        "account": ACCOUNT, "access_key_id": ACCESS_KEY, "request_id": f"REQ{number:013d}", "status": 200,
        "error_code": None, "resources": (f"{DATA}/druid/segments/{number}",), "run": RUN, "task": "reindex.0.1",
    }  # fmt: skip
    return AwsCall(**made | changes)


def told(number: int, at: datetime = NIGHT, **fields: Any) -> TrailEvent:
    """The event of ``call(number)``; with other fields, of somebody else's."""
    fields = {
        "requestID": f"REQ{number:013d}", "eventName": "PutObject",
        "userIdentity": assumed(ROLE, SESSION, ACCESS_KEY), "requestParameters": None,
        "resources": [{"ARN": f"{DATA}/druid/segments/{number}"}],
    } | fields  # fmt: skip
    return msgspec.json.decode(json.dumps(event(number, at, **fields)), type=TrailEvent)


def assumed(role: str, session: str, key: str = "ASIASOMEBODYELSES") -> dict[str, Any]:
    """The identity of a role's session."""
    name = role.rpartition("/")[2]
    issuer = {"type": "Role", "arn": role, "accountId": ACCOUNT, "userName": name}
    return {
        "type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}", "accountId": ACCOUNT,
        "accessKeyId": key, "sessionContext": {"sessionIssuer": issuer},
    }  # fmt: skip


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
