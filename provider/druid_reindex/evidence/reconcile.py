"""Lays the journal of a run beside the trail, both ways: each call of ours, and each event on what is ours.

What is open is kept in a ``Reconciliation``, which is a document: the next look goes on from it with the whole journal
as it is by then and the files that have come since. Events may come late, twice, in any order and from any Region. A
match is settled once; what is pending or unexplained is looked at again each time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from druid_reindex.errors import ProtocolError
from druid_reindex.evidence.attribution import Attribution, Attributor, RunFacts, Sign, request_of, request_of_call
from druid_reindex.evidence.event_names import event_name
from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.evidence.trail_view import TrailView
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.declared_actor import DeclaredActor

PROTOCOL = 1
_EARLY, _LATE = (
    timedelta(seconds=2),
    timedelta(minutes=2),
)  # an event's time is in whole seconds; a call may be repeated


class Outcome(StrEnum):
    """What became of a call of ours in the trail."""

    E1 = "E1"
    E2 = "E2"
    AMBIGUOUS = "ambiguous"
    PENDING = "pending"
    NOT_LOGGED = "not-logged"
    TRAIL_GAP = "trail-gap"
    MISSING = "missing"
    UNANSWERED = "unanswered"

    @property
    def is_match(self) -> bool:
        """Whether the trail has the call."""
        return self in {Outcome.E1, Outcome.E2}


class Seen(msgspec.Struct, frozen=True):
    """An event of the trail, and whose it is."""

    event: TrailEvent
    sign: Sign
    who: tuple[str, ...] = ()
    why: str = ""
    hints: tuple[str, ...] = ()


class Explained(msgspec.Struct, frozen=True):
    """An event that a session, an instance or a declaration explains: ``who`` are the runs, or the declared actor."""

    sign: Sign
    who: tuple[str, ...]
    event_source: str
    event_name: str
    at: datetime


class Reconciliation(msgspec.Struct, frozen=True):
    """How far journal and trail agree.

    ``calls`` are outcomes by the call's name, ``matches`` the events of those that are settled; ``settled`` are events
    by their id, ``explained`` more of those that are no call's, and ``requests`` the ids of those that are the run's
    own without a call, by what a call is known by: its journal may come later than they do.
    """

    run: str
    protocol: int = PROTOCOL
    calls: dict[str, Outcome] = {}
    matches: dict[str, list[str]] = {}
    settled: dict[str, Sign] = {}
    explained: dict[str, Explained] = {}
    requests: dict[str, str] = {}
    open_events: list[Seen] = []

    @property
    def pending(self) -> int:
        """How many calls wait for files that have not come."""
        return Counter(self.calls.values())[Outcome.PENDING]

    @property
    def unjournalled(self) -> int:
        """How many events were made with the run's own access keys and stand in no journal that has come yet."""
        known = {key for ids in self.matches.values() for key in ids}
        return sum(sign is Sign.E2 and key not in known for key, sign in self.settled.items())

    @property
    def findings(self) -> list[str]:
        """What a person must look at: calls that are missing or ambiguous, and events that nobody explains."""
        told = [f"{outcome}: our call {name}" for name, outcome in self.calls.items() if outcome in _BAD]
        return told + [_told(each) for each in self.open_events]

    @property
    def coverage(self) -> dict[str, tuple[int, int]]:
        """How many of how many: calls that the trail should have and has, and events that are explained."""
        outcomes = Counter(self.calls.values())
        expected = outcomes.total() - outcomes[Outcome.NOT_LOGGED] - outcomes[Outcome.UNANSWERED]
        matched = sum(count for outcome, count in outcomes.items() if outcome.is_match)
        explained = sum(sign is not Sign.ELSEWHERE for sign in self.settled.values())
        return {"calls": (matched, expected), "events": (explained, explained + len(self.open_events))}

    def as_json(self) -> bytes:
        """The document."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=1)


_BAD = {Outcome.MISSING, Outcome.AMBIGUOUS, Outcome.TRAIL_GAP}


@dataclass(frozen=True, slots=True)
class Others:
    """Who else may have touched what is the run's: runs, itself among them, their calls, and declared actors."""

    runs: Sequence[RunFacts]
    calls: Sequence[AwsCall] = ()
    actors: Sequence[DeclaredActor] = ()


def read_reconciliation(body: bytes) -> Reconciliation:
    """The document in ``body``. Raises ProtocolError for one of another form or a later protocol."""
    try:
        found = msgspec.json.decode(body, type=Reconciliation)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise _unknown(str(error)) from error
    if found.protocol != PROTOCOL:
        raise _unknown(f"protocol {found.protocol}")
    return found


def named(calls: Iterable[AwsCall]) -> dict[str, AwsCall]:
    """The calls by a name of their own, which is the same each time as long as a journal only grows."""
    found: dict[str, AwsCall] = {}
    twins: Counter[str] = Counter()
    for call in calls:
        words = (call.task, call.attempted_at.isoformat(), call.event_source, call.operation, call.request_id or "-")
        stem = " ".join(words)
        twins[stem] += 1
        found[stem if twins[stem] == 1 else f"{stem} ({twins[stem]})"] = call
    return found


def advance(
    before: Reconciliation,
    journal: Sequence[AwsCall],
    events: Iterable[TrailEvent],
    others: Others,
    trail: TrailView,
    now: datetime,
) -> Reconciliation:
    """``before``, once the run's whole ``journal`` and the ``events`` that have come since are laid side by side."""
    fresh = {each.event.event_id: each.event for each in before.open_events}
    fresh |= {each.event_id: each for each in events if each.event_id not in before.settled}
    attributor = Attributor(others.runs, _requests([*journal, *others.calls]), others.actors)
    whose = {key: attributor.of(event) for key, event in fresh.items()}
    calls = {name: call for name, call in named(journal).items() if name not in before.matches}
    found = _matched(calls, fresh, before.requests)
    outcomes, matches = dict(before.calls), dict(before.matches)
    for name, call in calls.items():
        outcomes[name], ids = found.get(name) or (_absent(call, trail, now), [])
        if any(whose[key].sign is Sign.AMBIGUOUS for key in ids if key in whose):
            outcomes[name] = Outcome.AMBIGUOUS
        matches |= {name: ids} if ids else {}
    settled = before.settled | {key: each.sign for key, each in whose.items() if each.sign.explains}
    explained = before.explained | {
        key: _explained(fresh[key], e) for key, e in whose.items() if e.sign.explains and e.sign not in _CLEAR
    }
    requests = before.requests | {_line(fresh[key]): key for key, each in whose.items() if each.sign in _OWN}
    still = [Seen(fresh[key], e.sign, e.who, e.why, e.hints) for key, e in whose.items() if not e.sign.explains]
    still.sort(key=lambda each: (each.event.event_time, each.event.event_id))
    return Reconciliation(before.run, PROTOCOL, outcomes, matches, settled, explained, requests, still)


def _explained(event: TrailEvent, found: Attribution) -> Explained:
    return Explained(found.sign, found.who, event.event_source, event.event_name, event.event_time)


_CLEAR = {Sign.E1, Sign.ELSEWHERE}
_OWN = {Sign.E2, Sign.S1, Sign.S2}


def _line(event: TrailEvent) -> str:
    return " ".join(request_of(event) or ())


def _requests(calls: Iterable[AwsCall]) -> Mapping[tuple[str, str, str, str], frozenset[str]]:
    found: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for call in calls:
        request = request_of_call(call)
        if request is not None:
            found[request].add(call.run)
    return {request: frozenset(runs) for request, runs in found.items()}


def _matched(
    calls: Mapping[str, AwsCall], events: Mapping[str, TrailEvent], earlier: Mapping[str, str]
) -> dict[str, tuple[Outcome, list[str]]]:
    """The calls that the events show: by E1, or, where no answer came, by E2 and what was asked when."""
    by_request: dict[str, list[str]] = defaultdict(list, {line: [key] for line, key in earlier.items() if line})
    for key, event in events.items():
        by_request[_line(event)].append(key)
    requests = ((name, request_of_call(call)) for name, call in calls.items())
    ids = {name: by_request.get(" ".join(request), []) for name, request in requests if request is not None}
    found = {name: (Outcome.E1, sorted(keys)) for name, keys in ids.items() if keys}
    claimed = {key for _, keys in found.values() for key in keys}
    return found | _by_key(calls, {key: event for key, event in events.items() if key not in claimed})


def _by_key(calls: Mapping[str, AwsCall], events: Mapping[str, TrailEvent]) -> dict[str, tuple[Outcome, list[str]]]:
    """Calls without an answer, by access key, service, operation, Region and time: one to one, else ambiguous."""
    asked: dict[tuple[str, ...], list[TrailEvent]] = defaultdict(list)
    for event in events.values():
        asked[event.identity.access_key_id, event.event_source, event.event_name, event.aws_region].append(event)
    candidates = {
        name: [
            event.event_id
            for event in asked[call.access_key_id, call.event_source, event_name(call), call.region]
            if call.attempted_at - _EARLY <= event.event_time <= call.attempted_at + _LATE
        ]
        for name, call in calls.items()
        if call.request_id is None and call.access_key_id
    }
    claims = Counter(key for ids in candidates.values() for key in ids)
    return {
        name: (Outcome.E2 if len(ids) == 1 and claims[ids[0]] == 1 else Outcome.AMBIGUOUS, ids)
        for name, ids in candidates.items()
        if ids
    }


def _absent(call: AwsCall, trail: TrailView, now: datetime) -> Outcome:
    outcome = Outcome(trail.absence(call, now).value)
    return Outcome.UNANSWERED if outcome is Outcome.MISSING and call.request_id is None else outcome


def _told(seen: Seen) -> str:
    event, who = seen.event, seen.event.identity
    principal = who.arn or who.invoked_by or who.principal_id or "nobody that the event names"
    about = f" ({seen.why})" if seen.why else ""
    when = f"{event.event_time:%Y-%m-%dT%H:%M:%SZ}"
    return (
        f"{seen.sign}: {principal} {event.event_name} of {event.event_source} at {when}, event {event.event_id}{about}"
    )


def _unknown(came_back: str) -> ProtocolError:
    return ProtocolError(
        "read a reconciliation",
        resource="the document of an earlier look",
        came_back=came_back,
        remedy="upgrade the provider to the release that wrote it",
    )
