"""A reconciliation as the parts of a supplement."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta

from druid_reindex.evidence.parts_trail import Match, Share, Touched, Unexplained
from druid_reindex.evidence.reconcile import Others, Reconciliation, advance
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_chain import Gap, Link, Verdict
from druid_reindex.evidence.trail_parts import Alert, damage_of, findings_body, journal_body, matches_body
from druid_reindex.evidence.trail_report import TrailReport
from druid_reindex.evidence.trail_view import TrailView
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from trail_account import HOUR, NIGHT
from trail_runs import DATA, FACTS, ROLE, RUN, SESSION, assumed, call, told

LATER = NIGHT + 24 * HOUR
WHOLE = TrailView(Selectors(s3_prefixes=(f"{DATA}/",)), {"us-east-1": (Window(NIGHT - HOUR, LATER),)})
STRANGER = assumed("arn:aws:iam::111122223333:role/Analyst", "eve")


def look(calls: list[AwsCall], events: list[object]) -> Reconciliation:
    return advance(Reconciliation(RUN), calls, events, Others((FACTS,)), WHOLE, LATER)  # type: ignore[arg-type]


def test_calls_are_counted_by_task_and_operation() -> None:
    druid = DruidCall(
        NIGHT, "druid:8888", "GET", "/druid/indexer/v1/task/drx_1/status", "drx", 404, None, None, RUN, "a"
    )
    found = journal_body([call(1), call(2, NIGHT + HOUR, status=503), druid])
    aws, other = sorted(found.calls, key=lambda each: each.task, reverse=True)
    assert (aws.count, aws.failed, aws.first_at, aws.last_at) == (
        2, 1, NIGHT.isoformat(), (NIGHT + HOUR).isoformat(),
    )  # fmt: skip
    assert (other.event_source, other.operation, other.failed) == ("druid druid:8888", "GET /druid/indexer/v1", 1)


def test_a_call_without_an_answer_has_failed() -> None:
    assert journal_body([call(1, status=None, request_id=None)]).calls[0].failed == 1


def test_matches_tell_by_what_and_whose() -> None:
    calls = [call(1), call(2)]
    session = told(3, userIdentity=assumed(ROLE, SESSION))
    found = matches_body(look(calls, [told(1), told(2), session]), calls)
    at = NIGHT.isoformat()
    assert found.matches == [
        Match("E1", "reindex.0.1", "s3.amazonaws.com", "PutObject", 2, at, at),
        Match("S1", RUN, "s3.amazonaws.com", "PutObject", 1, at, at),
    ]
    assert found.coverage[0] == Share("our calls that CloudTrail must have, and has", 2, 2)
    assert found.coverage[1].found == found.coverage[1].of == 3


def test_an_event_whose_call_came_later_is_told_once() -> None:
    first = look([], [told(1)])
    second = advance(first, [call(1)], [], Others((FACTS,)), WHOLE, LATER)
    assert [each.how for each in matches_body(second, [call(1)]).matches] == ["E1"]


def test_a_call_that_is_not_recorded_is_left_out_of_the_share_and_told() -> None:
    calls = [call(1), call(2, resources=("arn:aws:s3:::elsewhere/secret/name",))]
    found = look(calls, [told(1)])
    shares = matches_body(found, calls).coverage
    assert [(each.found, each.of) for each in shares] == [(1, 1), (1, 1), (1, 2), (2, 2)]
    [unlogged] = findings_body(found, calls, (), {}, LATER).findings
    assert (unlogged.verdict, unlogged.resource) == (Unexplained.NOT_LOGGED, "arn:aws:s3:::elsewhere")
    assert not Alert.of(findings_body(found, calls, (), {}, LATER))


def test_what_is_missing_and_who_is_foreign_are_named_and_counted() -> None:
    read = {"eventName": "GetObject", "userIdentity": STRANGER, "resources": [{"ARN": f"{DATA}/druid/segments/9"}]}
    calls = [call(1)]
    found = findings_body(
        look(calls, [told(7, **read), told(8, NIGHT + timedelta(minutes=5), **read)]), calls, (), {}, LATER
    )
    foreign, missing = found.findings
    assert (foreign.verdict, foreign.operation, foreign.resource, foreign.count) == (
        Unexplained.FOREIGN, "GetObject", f"{DATA}/druid/segments/9", 2,
    )  # fmt: skip
    assert foreign.principal.endswith("assumed-role/Analyst/eve")
    assert foreign.first_seen < foreign.last_seen
    assert (missing.verdict, missing.principal, missing.resource) == (
        Unexplained.MISSING, "reindex.0.1", f"{DATA}/druid/segments/1",
    )  # fmt: skip
    assert str(Alert.of(found)) == "1 foreign, 1 missing"


def test_what_was_known_before_keeps_the_day_on_which_it_was_discovered() -> None:
    found = look([call(1)], [])
    first = findings_body(found, [call(1)], (), {}, NIGHT)
    second = findings_body(found, [call(1)], (), asdict(first), LATER)
    assert second == first
    other = findings_body(found, [call(1)], (), asdict(replace(first, findings=())), LATER)
    assert other.findings[0].discovered_at == LATER.isoformat()


def test_what_the_trail_lacks_is_a_gap() -> None:
    report = TrailReport("us-east-1")
    report.add(Link(S3Uri("trail", "digest.json.gz"), Verdict.MISSING))
    report.add(Gap(NIGHT, NIGHT + HOUR))
    report.add(Gap(NIGHT - 9 * HOUR, NIGHT - 8 * HOUR))
    found = [*damage_of([report], Window(NIGHT, LATER), [Window(LATER, LATER + HOUR)])]
    assert {each.verdict for each in found} == {Unexplained.TRAIL_GAP}
    file, stopped, untold = found
    assert (file.operation, file.resource) == ("deliver", "s3://trail/digest.json.gz")
    assert (stopped.operation, stopped.first_seen) == ("stop", NIGHT.isoformat())
    assert "no valid digest" in untold.resource
    assert all(isinstance(each, Touched) for each in findings_body(look([], []), [], found, {}, LATER).findings)
