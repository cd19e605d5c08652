"""Turns a run's journal and its reconciliation into the parts that a supplement tells: grouped, counted and dated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from druid_reindex.evidence.attribution import Sign, touched
from druid_reindex.evidence.event_names import event_name
from druid_reindex.evidence.held import NOTHING_HELD, Held
from druid_reindex.evidence.parts import Listed, Record
from druid_reindex.evidence.parts_trail import Calls, Findings, Journal, Match, Matches, Share, Touched, Unexplained
from druid_reindex.evidence.reconcile import Outcome, Reconciliation, Seen, named
from druid_reindex.evidence.trail_chain import Gap
from druid_reindex.evidence.trail_report import TrailReport
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.journal import JournalledCall
from druid_reindex.model.trail import Window

CLOUDTRAIL = "cloudtrail.amazonaws.com"
CALLS_CONFIRMED = "our calls that CloudTrail must have, and has"
EVENTS_EXPLAINED = "events on the night's objects and keys that are explained"
_BAD = {
    Outcome.MISSING: Unexplained.MISSING,
    Outcome.AMBIGUOUS: Unexplained.AMBIGUOUS,
    Outcome.TRAIL_GAP: Unexplained.TRAIL_GAP,
    Outcome.NOT_LOGGED: Unexplained.NOT_LOGGED,
}
_SIGNS = {
    Sign.FOREIGN: Unexplained.FOREIGN,
    Sign.BEYOND: Unexplained.BEYOND,
    Sign.S3: Unexplained.AGENT,
    Sign.AMBIGUOUS: Unexplained.AMBIGUOUS,
}
_DRUID_PATH_PARTS = 3  # what follows names a task or a datasource, and is of no use for a group
_T = TypeVar("_T")


def journal_body(calls: Iterable[JournalledCall], files: Iterable[Listed] = ()) -> Journal:
    """Our calls by task and operation, in order, and the files that they were read from."""
    groups = _grouped(calls, lambda each: (each.task, *_asked(each)))
    told = [_calls(task, source, operation, made) for (task, source, operation), made in groups]
    return Journal(told, [*files])


def matches_body(found: Reconciliation, calls: Sequence[AwsCall], stored: Record | None = None) -> Matches:
    """What the trail confirms, by the strength of the match, and the shares of what there was to confirm."""
    by_name = named(calls)
    matched = [
        (found.calls[name].value, by_name[name].task, by_name[name].event_source, event_name(by_name[name]),
         by_name[name].attempted_at)
        for name in found.matches if name in by_name and found.calls[name].is_match
    ]  # fmt: skip
    claimed = {key for ids in found.matches.values() for key in ids}
    matched += [
        (each.sign.value, ", ".join(each.who), each.event_source, each.event_name, each.at)
        for key, each in found.explained.items()
        if key not in claimed
    ]
    groups = _grouped(matched, lambda each: each[:4])
    told = [Match(key[0], key[1], key[2], key[3], len(made), *_times(each[4] for each in made)) for key, made in groups]
    return Matches(told, _coverage(found), stored)


def _coverage(found: Reconciliation) -> list[Share]:
    outcomes = Counter(found.calls.values())
    calls, events = found.coverage["calls"], found.coverage["events"]
    in_all, unlogged, unanswered = outcomes.total(), outcomes[Outcome.NOT_LOGGED], outcomes[Outcome.UNANSWERED]
    return [
        Share(CALLS_CONFIRMED, *calls),
        Share(EVENTS_EXPLAINED, *events),
        Share("our calls that the trail's selectors record", in_all - unlogged, in_all),
        Share("our calls that were answered, or that CloudTrail has without", in_all - unanswered, in_all),
    ]


def findings_body(
    found: Reconciliation,
    calls: Sequence[AwsCall],
    damage: Iterable[Touched],
    earlier: Mapping[str, Any],
    now: datetime,
    held: Held = NOTHING_HELD,
) -> Findings:
    """What does not agree; ``earlier`` is what an earlier pack told of it, which says since when it is known.

    ``held`` is what the run's packs tell of what objects hold.
    """
    known = {_same(Touched(**each)): str(each["discovered_at"]) for each in earlier.get("findings", ())}
    by_name = named(calls)
    single = [_of_call(by_name[name], outcome) for name, outcome in found.calls.items() if outcome in _BAD]
    single += [held.counted(_of_event(each)) for each in found.open_events]
    groups = _grouped([*single, *damage], _same)
    return Findings([
        replace(
            made[0],
            count=sum(each.count for each in made),
            first_seen=min(each.first_seen for each in made),
            last_seen=max(each.last_seen for each in made),
            discovered_at=known.get(key, now.isoformat()),
        )
        for key, made in groups
    ])  # fmt: skip


def damage_of(reports: Iterable[TrailReport], window: Window, untold: Iterable[Window] = ()) -> Iterator[Touched]:
    """What the trail itself lacks of ``window``: files, times in which it stood still, times of which none tells."""
    for report in reports:
        for wrong in report.wrong:
            yield _lack("deliver", str(wrong.uri), window)
        for gap in report.gaps:
            if _overlap(gap, window):
                yield _lack("stop", f"{report.region}, {gap}", Window(gap.since, gap.until))
    for each in untold:
        yield _lack("deliver", f"no valid digest tells of {each}", each)


@dataclass(frozen=True, slots=True)
class Alert:
    """What of the findings a person must look at: how many of each verdict, what is only not logged aside."""

    counts: Mapping[str, int]

    @classmethod
    def of(cls, body: Findings) -> Alert:
        """Those of ``body``."""
        counted = Counter(each.verdict for each in body.findings if each.verdict != Unexplained.NOT_LOGGED)
        return cls(dict(sorted(counted.items())))

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        return ", ".join(f"{count} {verdict}" for verdict, count in self.counts.items()) or "nothing"


def _calls(task: str, event_source: str, operation: str, made: Sequence[JournalledCall]) -> Calls:
    failed = sum(_has_failed(each) for each in made)
    first, last = _times(each.attempted_at for each in made)
    return Calls(task, event_source, operation, len(made), failed, first, last)


def _asked(call: JournalledCall) -> tuple[str, str]:
    """Of whom was asked what; of Druid's paths the first parts."""
    if isinstance(call, AwsCall):
        return call.event_source, call.operation
    return f"druid {call.server}", f"{call.method} {'/'.join(call.path.split('/')[: _DRUID_PATH_PARTS + 1])}"


def _has_failed(call: JournalledCall) -> bool:
    return call.status is None or call.status >= 400  # HTTP's client and server errors


def _of_call(call: AwsCall, outcome: Outcome) -> Touched:
    at = call.attempted_at.isoformat()
    resource = call.resources[0] if call.resources else "the account"
    if outcome is Outcome.NOT_LOGGED:
        resource = resource.partition("/")[0]
    return Touched(
        _BAD[outcome], call.task, call.event_source, event_name(call), resource, 1, at, at, "",
    )  # fmt: skip


def _of_event(seen: Seen) -> Touched:
    event, who = seen.event, seen.event.identity
    principal = who.arn or who.invoked_by or who.principal_id or "nobody that the event names"
    arns = touched(event)
    resource = next((each for each in arns if "/" in each), arns[0] if arns else "the account")
    at = event.event_time.isoformat()
    return Touched(_SIGNS[seen.sign], principal, event.event_source, event.event_name, resource, 1, at, at, "")


def _lack(verb: str, resource: str, window: Window) -> Touched:
    since, until = window.start.isoformat(), window.end.isoformat()
    return Touched(Unexplained.TRAIL_GAP, "the trail", CLOUDTRAIL, verb, resource, 1, since, until, "")


def _overlap(gap: Gap, window: Window) -> bool:
    return gap.since < window.end and window.start < gap.until


def _same(each: Touched) -> tuple[str, ...]:
    return each.verdict, each.principal, each.event_source, each.operation, each.resource


def _grouped(made: Iterable[_T], key: Callable[[_T], tuple[str, ...]]) -> list[tuple[tuple[str, ...], list[_T]]]:
    groups: defaultdict[tuple[str, ...], list[_T]] = defaultdict(list)
    for each in made:
        groups[key(each)].append(each)
    return sorted(groups.items(), key=lambda group: group[0])


def _times(instants: Iterable[datetime]) -> tuple[str, str]:
    listed = sorted(instants)
    return listed[0].isoformat(), listed[-1].isoformat()
