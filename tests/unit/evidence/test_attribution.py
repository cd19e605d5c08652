"""Whose an event is, by the strongest sign alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.evidence.attribution import (
    Attribution,
    Attributor,
    RunFacts,
    Sign,
    request_of_call,
    search_keys,
    touches,
)
from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.model.declared_actor import DeclaredActor
from trail_account import ACCOUNT, HOUR, NIGHT
from trail_runs import (
    ACCESS_KEY,
    DATA,
    FACTS,
    INSTANCE,
    KEY_ARN,
    NODE_ROLE,
    ROLE,
    RUN,
    SESSION,
    assumed,
    call,
    told,
)

OTHER = replace(FACTS, run="another", access_keys=frozenset(), sessions={}, instances={}, agent_token="drx/other")
DRUID = f"arn:aws:iam::{ACCOUNT}:role/DruidNode"
HISTORICALS = DeclaredActor.model_validate({
    "name": "historicals", "principal": DRUID, "verbs": ["s3:GetObject", "kms:Decrypt"], "window": "01:00-05:00",
    "prefix": "s3://drx-phi-111122223333/druid/segments/", "owner": "druid", "expires": "2026-11-30",
    "purpose": "Druid's nodes load the segments that they serve.",
})  # fmt: skip
STRANGER = assumed(f"arn:aws:iam::{ACCOUNT}:role/Analyst", "eve")
LOADS = {"userIdentity": assumed(DRUID, "i-1"), "eventName": "GetObject"}


def of(event: TrailEvent, runs: Sequence[RunFacts] = (FACTS, OTHER), **known: Any) -> Attribution:
    calls = {request_of_call(call(1)): frozenset({RUN})} | known.get("calls", {})
    return Attributor(runs, calls, known.get("actors", (HISTORICALS,))).of(event)


def test_the_request_id_is_the_strongest() -> None:
    assert of(told(1)) == Attribution(told(1).event_id, Sign.E1, (RUN,))
    assert of(told(1, userIdentity={"type": "AWSService"})).sign is Sign.E1


@pytest.mark.parametrize(
    "field", [{"eventSource": "kms.amazonaws.com"}, {"awsRegion": "eu-west-1"}, {"requestID": None},
              {"userIdentity": assumed(ROLE, "x", ACCESS_KEY) | {"accountId": "444455556666"}}],
)  # fmt: skip
def test_a_request_id_alone_is_none(field: dict[str, Any]) -> None:
    assert of(told(1, **field)).sign is Sign.E2


def test_each_weaker_sign() -> None:
    assert of(told(2)).sign is Sign.E2
    assert of(told(2, userIdentity=assumed(ROLE, SESSION))).sign is Sign.S1
    assert of(told(2, NIGHT + HOUR, userIdentity=assumed(NODE_ROLE, INSTANCE))).sign is Sign.S2
    by_token = of(told(2, userIdentity=STRANGER, userAgent="[aws-cli drx/0a1b2c3d]"))
    assert by_token.sign is Sign.S3
    assert not by_token.sign.explains, "anybody can write it"


@pytest.mark.parametrize(
    "fields",
    [
        {"userIdentity": assumed(NODE_ROLE, SESSION)}, {"userIdentity": assumed(ROLE, SESSION + "1")},
        {"userIdentity": assumed(NODE_ROLE, INSTANCE)}, {"userIdentity": {"type": "IAMUser", "arn": SESSION}},
        {"userIdentity": {"type": "Unknown"}}, {"userIdentity": None}, {"userIdentity": STRANGER},
    ],
)  # fmt: skip
def test_another_role_another_session_and_an_instance_outside_its_life_are_foreign(fields: dict[str, Any]) -> None:
    found = of(told(2, **fields))
    assert found.sign is Sign.FOREIGN
    assert found.hints == (f"I2 {RUN}", "I2 another")


def test_a_session_after_the_run_is_foreign_and_gives_no_hint() -> None:
    late = of(told(2, NIGHT + 5 * HOUR, userIdentity=assumed(ROLE, SESSION)))
    assert (late.sign, late.hints) == (Sign.FOREIGN, ())


def test_two_runs_are_ambiguous_and_none_is_picked() -> None:
    twin = replace(FACTS, run="twin")
    found = of(told(2), (FACTS, twin))
    assert (found.sign, found.who) == (Sign.AMBIGUOUS, tuple(sorted([RUN, "twin"])))
    assert of(told(1), (FACTS, twin)).sign is Sign.E1, "the request id tells them apart"
    assert of(told(1), calls={request_of_call(call(1)): frozenset({RUN, "twin"})}).sign is Sign.AMBIGUOUS


def test_kms_for_one_of_its_objects_is_a_hint_of_its_own() -> None:
    decrypt = told(
        2, eventSource="kms.amazonaws.com", eventName="Decrypt", userIdentity=STRANGER, resources=[{"ARN": KEY_ARN}],
        requestParameters={"encryptionContext": {"aws:s3:arn": f"{DATA}/druid/segments/x"}},
    )  # fmt: skip
    assert of(decrypt, (FACTS,)).hints == (f"I1 {RUN}",)
    assert of(decrypt, (FACTS,)).sign is Sign.FOREIGN


def test_what_touches_nothing_of_any_run_is_elsewhere() -> None:
    for arn in (f"{DATA}/druid/segments2/x", f"{DATA}-2/druid/segments/x", "arn:aws:s3:::other", f"{KEY_ARN}1"):
        assert of(told(2, userIdentity=STRANGER, resources=[{"ARN": arn}])).sign is Sign.ELSEWHERE, arn
    for arn in (f"{DATA}/druid/segments", f"{DATA}/druid/segments/x", DATA, KEY_ARN):
        assert of(told(2, userIdentity=STRANGER, resources=[{"ARN": arn}])).sign is Sign.FOREIGN, arn
    assert touches(told(2, resources=None, requestParameters={"bucketName": DATA[13:]}), FACTS.resources)


def test_an_object_beside_the_runs_own_is_elsewhere_though_the_event_names_the_bucket() -> None:
    """As S3's data events do: resources has the object and its bucket."""
    for key, touched in (("landing/day.json", False), ("druid/segments/x", True)):
        about = told(2, resources=[{"ARN": f"{DATA}/{key}"}, {"ARN": DATA}], userIdentity=STRANGER)
        assert touches(about, FACTS.resources) is touched, key
    assert touches(told(2, resources=[{"ARN": DATA}], userIdentity=STRANGER), FACTS.resources), "the bucket alone"


def test_historicals_that_load_the_new_segments_are_declared() -> None:
    assert of(told(2, **LOADS)) == Attribution(told(2).event_id, Sign.DECLARED, ("historicals",))
    decrypt = LOADS | {
        "eventName": "Decrypt", "eventSource": "kms.amazonaws.com", "resources": [{"ARN": KEY_ARN}],
        "requestParameters": {"encryptionContext": {"aws:s3:arn": DATA}},
    }  # fmt: skip
    assert of(told(2, **decrypt)).sign is Sign.DECLARED, "a bucket key names the bucket alone"


@pytest.mark.parametrize(
    ("changes", "hours", "why"),
    [
        ({"eventName": "DeleteObject"}, 0, "historicals: s3:DeleteObject is not among its verbs"),
        ({"resources": [{"ARN": f"{DATA}/druid/segments/1"}, {"ARN": f"{DATA}/runs/p.json"}]}, 0, "runs/p.json is"),
        ({}, 4, "06:00 UTC is outside 01:00-05:00"),
        ({}, 240, "expired on 2026-11-30"),
    ],
)  # fmt: skip
def test_beyond_its_declaration_is_a_finding(changes: dict[str, Any], hours: int, why: str) -> None:
    found = of(told(2, NIGHT + hours * HOUR, **LOADS | changes))
    assert found.sign is Sign.BEYOND
    assert why in found.why
    assert not found.sign.explains


def test_a_second_declaration_may_cover_what_the_first_does_not() -> None:
    wider = HISTORICALS.model_copy(update={"name": "wider", "verbs": ("s3:HeadObject",)})
    head = told(2, **LOADS | {"eventName": "HeadObject"})
    assert of(head, actors=(HISTORICALS, wider)).who == ("wider",)


def test_a_service_that_acts_by_itself() -> None:
    service = HISTORICALS.model_copy(update={"principal": None, "invoked_by": "replication.s3.amazonaws.com"})
    copied = LOADS | {"userIdentity": {"type": "AWSService", "invokedBy": "replication.s3.amazonaws.com"}}
    assert of(told(2, **copied), actors=(service,)).sign is Sign.DECLARED
    other = LOADS | {"userIdentity": {"type": "AWSService", "invokedBy": "athena.amazonaws.com"}}
    assert of(told(2, **other), actors=(service,)).sign is Sign.FOREIGN


def test_what_the_trail_is_searched_for() -> None:
    names = {ACCESS_KEY, "drx1.0a1b2c3d.", INSTANCE, "drx/0a1b2c3d", "drx-phi-111122223333", KEY_ARN.partition("/")[2]}
    assert FACTS.keys == names
    assert SESSION.startswith("drx1.0a1b2c3d.")
    unknown = call(2, access_key_id="")
    assert search_keys(FACTS, [call(1), unknown, call(3, access_key_id="", request_id=None)]) == names | {
        unknown.request_id
    }
    assert "" not in replace(FACTS, agent_token="").keys
