"""Journal and trail side by side, in one look and in many, whatever order things come in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.attribution import Sign
from druid_reindex.evidence.reconcile import Others, Outcome, Reconciliation, advance, named, read_reconciliation
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.evidence.trail_view import TrailView
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.trail import Window
from trail_account import ACCOUNT, HOUR, NIGHT
from trail_runs import ACCESS_KEY, DATA, FACTS, ROLE, RUN, SESSION, assumed, call, minutes, told

BLIND = TrailView(Selectors(s3_prefixes=(f"{DATA}/",)))
WHOLE = replace(BLIND, covered={region: [Window(NIGHT, NIGHT + 6 * HOUR)] for region in ("us-east-1", "us-west-2")})
OTHERS = Others((FACTS,))
START = Reconciliation(RUN)
LATER = NIGHT + 8 * HOUR
LOST = {"request_id": None, "status": None}
STRANGER = assumed(f"arn:aws:iam::{ACCOUNT}:role/Analyst", "eve")


def look(
    journal: Sequence[AwsCall], events: Sequence[TrailEvent], before: Reconciliation = START, **given: Any
) -> Reconciliation:
    trail, now = given.get("trail", WHOLE), given.get("now", LATER)
    return advance(before, journal, events, given.get("others", OTHERS), trail, now)


def outcomes(found: Reconciliation) -> list[Outcome]:
    return [*found.calls.values()]


def test_every_call_is_found_and_every_event_is_ours() -> None:
    found = look([call(1), call(2)], [told(2), told(1)])
    assert outcomes(found) == [Outcome.E1, Outcome.E1]
    assert found.findings == []
    assert found.coverage == {"calls": (2, 2), "events": (2, 2)}
    assert (found.pending, found.unjournalled) == (0, 0)


def test_a_call_that_was_removed_from_the_trail_is_missing() -> None:
    found = look([call(1), call(2)], [told(1)])
    assert outcomes(found) == [Outcome.E1, Outcome.MISSING]
    [finding] = found.findings
    assert "missing: our call reindex.0.1" in finding
    assert "REQ0000000000002" in finding
    assert found.coverage["calls"] == (1, 2)


def test_an_outsider_who_reads_an_object_is_named() -> None:
    read = told(9, NIGHT + minutes(5), eventName="GetObject", userIdentity=STRANGER)
    found = look([call(1)], [told(1), read])
    [finding] = found.findings
    assert "foreign" in finding
    assert (
        f"assumed-role/Analyst/eve GetObject of s3.amazonaws.com at {NIGHT + minutes(5):%Y-%m-%dT%H:%M:%SZ}" in finding
    )
    assert found.coverage["events"] == (1, 2)


def test_what_cannot_be_known_yet_is_pending_and_then_found() -> None:
    journal = [call(1), call(2, region="us-west-2")]
    first = look(journal, [told(1)], trail=BLIND, now=NIGHT + HOUR)
    assert outcomes(first) == [Outcome.E1, Outcome.PENDING]
    assert first.pending == 1
    kept = read_reconciliation(first.as_json())
    assert kept == first
    second = look(journal, [told(2, awsRegion="us-west-2"), told(1)], kept)
    assert outcomes(second) == [Outcome.E1, Outcome.E1]
    assert second.coverage["events"] == (2, 2), "the event that came twice counts once"


def test_an_event_that_comes_before_its_journal_is_claimed_later() -> None:
    stranger = told(3, userIdentity={"type": "AWSService", "invokedBy": "elasticmapreduce.amazonaws.com"})
    first = look([call(1)], [told(1), told(2), stranger])
    assert first.unjournalled == 1
    assert len(first.findings) == 1
    second = look([call(1), call(2), call(3)], [], read_reconciliation(first.as_json()))
    assert outcomes(second) == [Outcome.E1] * 3
    assert (second.unjournalled, second.findings) == (0, [])


def test_a_call_without_an_answer_is_found_by_its_key_or_may_never_have_arrived() -> None:
    lost = call(1, **LOST)
    assert outcomes(look([lost], [told(1, NIGHT + minutes(1))])) == [Outcome.E2]
    assert outcomes(look([lost], [told(1, NIGHT + minutes(3))])) == [Outcome.UNANSWERED]
    assert outcomes(look([lost], [told(1, eventName="GetObject")])) == [Outcome.UNANSWERED]
    assert outcomes(look([lost], [told(1, userIdentity=STRANGER)])) == [Outcome.UNANSWERED]
    never = look([lost], [])
    assert (outcomes(never), never.findings) == ([Outcome.UNANSWERED], [])
    assert never.coverage["calls"] == (0, 0)


def test_an_answered_call_is_never_found_by_its_key_alone() -> None:
    assert outcomes(look([call(1)], [told(2)])) == [Outcome.MISSING]


def test_two_that_may_be_meant_are_ambiguous_and_stay_so() -> None:
    twice = look([call(1, **LOST)], [told(1), told(2)])
    assert outcomes(twice) == [Outcome.AMBIGUOUS]
    assert outcomes(look([call(1, **LOST)], [], twice)) == [Outcome.AMBIGUOUS]
    shared = look([call(1, **LOST), call(2, **LOST)], [told(1)])
    assert outcomes(shared) == [Outcome.AMBIGUOUS, Outcome.AMBIGUOUS]
    assert len(shared.findings) == 2
    claimed = look([call(1), call(2, **LOST)], [told(1), told(2)])
    assert outcomes(claimed) == [Outcome.E1, Outcome.E2], "what another call has claimed is not asked again"


def test_two_runs_that_claim_one_request_are_ambiguous() -> None:
    others = Others((FACTS, replace(FACTS, run="twin")), calls=[call(1, run="twin")])
    found = look([call(1)], [told(1)], others=others)
    assert outcomes(found) == [Outcome.AMBIGUOUS]
    assert any("E1 of 2 runs" in each for each in found.findings)


def test_what_is_not_recorded_is_no_part_of_the_coverage() -> None:
    found = look([call(1), call(2, resources=("arn:aws:s3:::else/x",))], [told(1)])
    assert outcomes(found) == [Outcome.E1, Outcome.NOT_LOGGED]
    assert found.coverage["calls"] == (1, 1)


def test_a_damaged_trail_proves_no_absence() -> None:
    damaged = replace(WHOLE, damaged={"us-east-1": [Window(NIGHT, NIGHT + HOUR)]})
    found = look([call(1)], [], trail=damaged)
    assert outcomes(found) == [Outcome.TRAIL_GAP]
    assert "trail-gap" in found.findings[0]


def test_a_session_that_the_journal_does_not_know_is_explained() -> None:
    found = look([], [told(1, userIdentity=assumed(ROLE, SESSION)), told(2, resources=None, userIdentity=STRANGER)])
    assert sorted(found.settled.values()) == [Sign.S1, Sign.ELSEWHERE]
    assert found.coverage["events"] == (1, 1)


def test_calls_that_are_alike_have_names_of_their_own() -> None:
    names = [*named([call(1, **LOST), call(1, **LOST), call(2), call(1, **LOST)])]
    assert len(set(names)) == 4
    assert [*named([call(1, **LOST), call(1, **LOST), call(2), call(1, **LOST), call(3)])][:4] == names


@pytest.mark.parametrize("seed", range(25))
def test_the_order_and_the_number_of_looks_change_nothing(seed: int) -> None:
    rnd = random.Random(seed)
    regions = ("us-east-1", "us-west-2")
    journal = [call(n, NIGHT + minutes(n), region=regions[n % 2]) for n in range(40)]
    events = [told(n, NIGHT + minutes(n), awsRegion=regions[n % 2]) for n in range(38)]
    events += [told(100 + n, userIdentity=STRANGER) for n in range(3)]
    events += [told(200 + n, userIdentity=assumed(ROLE, SESSION)) for n in range(3)]
    whole = look(journal, events)
    assert (whole.coverage, len(whole.findings)) == ({"calls": (38, 40), "events": (41, 44)}, 5)
    rnd.shuffle(events)
    found, shown = START, 0
    delivered = [*events, *rnd.sample(events, 15)]
    while delivered:
        size, shown = rnd.randint(1, 12), min(shown + rnd.randint(0, 15), len(journal))
        part, delivered = delivered[:size], delivered[size:]
        found = look(journal[:shown], part, found, trail=BLIND, now=NIGHT + HOUR)
        found = read_reconciliation(found.as_json())
    found = look(journal, [], found)
    assert found.calls == whole.calls
    assert found.matches == whole.matches
    assert (found.coverage, sorted(found.findings)) == (whole.coverage, sorted(whole.findings))


def test_a_second_run_of_the_same_look_changes_nothing() -> None:
    events = [told(1), told(2, userIdentity=STRANGER)]
    first = look([call(1), call(2)], events)
    assert look([call(1), call(2)], events, first) == first


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", Reconciliation(RUN, protocol=2).as_json()])
def test_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_reconciliation(body)


def test_time_alone_makes_pending_a_gap() -> None:
    def at(now: datetime) -> list[Outcome]:
        return outcomes(look([call(1)], [], trail=BLIND, now=now))

    assert at(NIGHT) == at(NIGHT + timedelta(hours=23)) == [Outcome.PENDING]
    assert at(NIGHT + timedelta(hours=25)) == [Outcome.TRAIL_GAP]
    assert ACCESS_KEY in call(1).access_key_id
