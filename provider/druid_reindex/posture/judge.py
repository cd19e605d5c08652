"""Judges facts by all rules, and makes findings of the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from druid_reindex.posture.catalogue import catalogue
from druid_reindex.posture.exceptions import PostureException, excusing
from druid_reindex.posture.facts import Facts, UnreadFactError
from druid_reindex.posture.findings import Finding, Phase, PostureReport, Status
from druid_reindex.posture.rules import RULES
from druid_reindex.posture.rules.registry import Rule, Verdict

_NOTHING = Verdict(Status.UNKNOWN, "there is nothing to judge")


def judge(facts: Facts, exceptions: Sequence[PostureException] = ()) -> PostureReport:
    """What every rule says of ``facts``, in the catalogue's order."""
    findings = [
        finding(rule_id, resource, verdict, exceptions)
        for rule_id in catalogue()
        if rule_id in RULES
        for resource, verdict in _verdicts(RULES[rule_id], facts)
    ]
    return PostureReport(facts.intent.subject, Phase.PRE, facts.at, tuple(findings))


def finding(rule_id: str, resource: str, verdict: Verdict, exceptions: Iterable[PostureException]) -> Finding:
    """The verdict as a finding; a failure that a named exception covers is EXCEPTED, an unread fact never is."""
    control = catalogue()[rule_id]
    status, seen, remedy = verdict.status, verdict.seen, control.remedy
    excused = excusing(exceptions, rule_id, resource) if status is Status.FAIL else None
    if excused is not None:
        status = Status.EXCEPTED
        seen = f"{seen} (accepted by {excused.owner} until {excused.expires}: {excused.reason})"
    if status is Status.UNKNOWN:
        remedy = f"let it be read, then {remedy}"
    needed = status in {Status.FAIL, Status.UNKNOWN, Status.EXCEPTED}
    return Finding(
        rule_id, control.title, control.gate, status, resource, seen, remedy if needed else "", control.hipaa
    )


def report(subject: str, at: datetime, findings: Iterable[Finding]) -> PostureReport:
    """The report of a live cluster."""
    return PostureReport(subject, Phase.POST, at, tuple(findings))


def _verdicts(rule: Rule, facts: Facts) -> Iterator[tuple[str, Verdict]]:
    subjects = list(rule.subjects(facts))
    if not subjects:
        nothing = Verdict(Status.NOT_APPLICABLE, rule.absent) if rule.absent else _NOTHING
        yield facts.intent.subject, nothing
    for resource, subject in subjects:
        yield resource, _verdict(rule, subject, facts)


def _verdict(rule: Rule, subject: object, facts: Facts) -> Verdict:
    try:
        return rule.judge(subject, facts)
    except UnreadFactError as unread:
        return Verdict(Status.UNKNOWN, f"could not be read: {unread}")
