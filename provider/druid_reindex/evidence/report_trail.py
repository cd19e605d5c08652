"""What CloudTrail says of the night: who touched what, how much of it is confirmed, and the worksheet of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report import Cell, Finding, Level, Table
from druid_reindex.evidence.report_read import Evidence, instant_of
from druid_reindex.evidence.report_strangers import strangers_table

UNCONFIRMED = " (unconfirmed: no sample of AWS shows an event of this shape)"
_LEVELS = {
    Unexplained.MISSING: Level.RED,
    Unexplained.TRAIL_GAP: Level.RED,
    Unexplained.FOREIGN: Level.AMBER,
    Unexplained.BEYOND: Level.AMBER,
    Unexplained.AGENT: Level.AMBER,
    Unexplained.AMBIGUOUS: Level.AMBER,
}
_SAYS = {
    Unexplained.MISSING: "A call that we made is not in CloudTrail, whose files of that time are complete",
    Unexplained.TRAIL_GAP: "CloudTrail's own files have a gap",
    Unexplained.FOREIGN: "Somebody who is neither the night nor declared has touched its data or keys",
    Unexplained.AGENT: "An event is ours by its user agent alone, which anybody can write",
    Unexplained.BEYOND: "A declared actor did more than is declared",
    Unexplained.AMBIGUOUS: "An event matches more than one run",
    Unexplained.NOT_LOGGED: "A call that the trail's selectors leave out",
}
_REMEDIES = {
    Unexplained.MISSING: "Find out who could delete events, and keep the journal: it is signed",
    Unexplained.TRAIL_GAP: "Find out who stopped the trail or deleted its files; ask AWS support what it still has",
    Unexplained.FOREIGN: "Ask the principal's owner; export the worksheet; declare the actor if it was rightful",
    Unexplained.AGENT: "Ask the principal's owner whether it was a task of this run",
    Unexplained.BEYOND: "Ask the actor's owner; narrow its rights, or widen its declaration",
    Unexplained.AMBIGUOUS: "Look at both runs: no tool may choose between them",
}
WORKSHEET = (
    "Verdict", "Principal", "Service", "Operation", "Object or key", "Times", "Time chunk (UTC)", "Rows",
    "Distinct patients", "First seen (UTC)", "Last seen (UTC)", "Discovered (UTC)", "How counted, or why unknown",
)  # fmt: skip


Wanted: TypeAlias = Callable[[Mapping[str, Any]], bool]


def _any(_each: Mapping[str, Any]) -> bool:
    return True


def trail_findings(evidence: Evidence, wanted: Wanted = _any) -> Iterator[Finding]:
    """A finding for each thing that CloudTrail and the journal disagree in; what is not logged is none."""
    for each in _touched(evidence):
        verdict = each["verdict"]
        level = _LEVELS.get(verdict)
        if level is not None and wanted(each):
            times = f"{each['count']} times" if each["count"] != 1 else "once"
            did = f"{each['principal']}: {each['event_source']} {each['operation']}, {times}{_mark(each)}"
            yield Finding(level, f"{_SAYS[verdict]}: {did}", each["resource"], _REMEDIES[verdict])


def touched_tables(evidence: Evidence) -> list[Table]:
    """Who touched what: the night by task, confirmed events by who made them, and what nobody explains."""
    strangers = strangers_table(_touched(evidence), _nothing(evidence, Kind.FINDINGS))
    return [calls_table(evidence), matches_table(evidence), strangers, worksheet(evidence)]


def task_tables(evidence: Evidence, unit: str) -> list[Table]:
    """The calls of one task, what CloudTrail confirms of them, and what it does not; ``unit`` is as ``reindex.0``."""
    return [
        calls_table(evidence, lambda each: is_of(each["task"], unit)),
        matches_table(evidence, lambda each: is_of(each["who"], unit)),
        worksheet(evidence, lambda each: is_of(each["principal"], unit)),
    ]


def is_of(task: str, unit: str) -> bool:
    """Whether the journal's ``task``, such as ``reindex.0.2``, is a try of the unit ``reindex.0``."""
    return task.rpartition(".")[0] == unit


def calls_table(evidence: Evidence, wanted: Wanted = _any) -> Table:
    """Our calls by task and operation."""
    calls = [
        (each["task"], each["event_source"], each["operation"], each["count"], each["failed"], *_times(each))
        for each in evidence.told(Kind.JOURNAL).get("calls", ())
        if wanted(each)
    ]
    return Table(
        "calls", "Our own calls, as the journal has them",
        ("Task", "Service", "Operation", "Calls", "Failed", "First (UTC)", "Last (UTC)"), calls,
        _nothing(evidence, Kind.JOURNAL),
    )  # fmt: skip


def matches_table(evidence: Evidence, wanted: Wanted = _any) -> Table:
    """Events that are explained, by the strength of the match."""
    matches = [
        (each["how"], each["who"], each["event_source"], each["operation"], each["count"], *_times(each))
        for each in evidence.told(Kind.MATCHES).get("matches", ())
        if wanted(each)
    ]
    return Table(
        "matches", "What CloudTrail confirms, by the strength of the match",
        ("How", "Task or actor", "Service", "Operation", "Events", "First (UTC)", "Last (UTC)"), matches,
        _nothing(evidence, Kind.MATCHES),
    )  # fmt: skip


def worksheet(evidence: Evidence, wanted: Wanted = _any) -> Table:
    """Each object or key that somebody touched without an explanation; rows and patients where they were measured."""
    return Table(
        "unexplained", "What nobody explains", WORKSHEET,
        [_worksheet_row(each) for each in _touched(evidence) if wanted(each)], _nothing(evidence, Kind.FINDINGS),
    )  # fmt: skip


def coverage_table(evidence: Evidence) -> Table:
    """How much of what there was to confirm is confirmed, with the numbers that the shares are of."""
    shares = evidence.told(Kind.MATCHES).get("coverage", ())
    rows = [(each["what"], each["found"], each["of"], share(each["found"], each["of"])) for each in shares]
    return Table(
        "coverage", "Coverage", ("What was counted", "Confirmed", "Of", "Share"), rows,
        _nothing(evidence, Kind.MATCHES),
    )  # fmt: skip


def unlogged_table(evidence: Evidence) -> Table:
    """Our own calls that the trail is not told to record: neither confirmed nor refuted."""
    rows = [
        (each["principal"], each["event_source"], each["operation"], each["resource"], each["count"])
        for each in _told(evidence)
        if each["verdict"] == Unexplained.NOT_LOGGED
    ]
    return Table(
        "unlogged", "Our calls that the trail does not record", ("Task", "Service", "Operation", "Bucket", "Calls"),
        rows, _nothing(evidence, Kind.FINDINGS),
    )  # fmt: skip


def share(found: int, of: int) -> str:
    """The share in percent, rounded down, so that 100% means all; a share of nothing is none."""
    return f"{found * 1000 // of / 10:g}%" if of else "nothing to confirm"


def _worksheet_row(each: Mapping[str, Any]) -> list[Cell]:
    return [
        f"{each['verdict']}{_mark(each)}", each["principal"], each["event_source"], each["operation"], each["resource"],
        each["count"], each["interval"], each["rows"], each["patients"], each["first_seen"], each["last_seen"],
        each["discovered_at"], each.get("counted", ""),
    ]  # fmt: skip


def _touched(evidence: Evidence) -> Iterable[Mapping[str, Any]]:
    return (each for each in _told(evidence) if each["verdict"] != Unexplained.NOT_LOGGED)


def _told(evidence: Evidence) -> Iterable[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = evidence.told(Kind.FINDINGS).get("findings", ())
    return found


def _times(each: Mapping[str, Any]) -> tuple[str, str]:
    """To the second, as the night's own table has them; the packs have them in full."""
    return _second(each["first_at"]), _second(each["last_at"])


def _second(told: str) -> str:
    instant = instant_of(told)
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant is not None else told


def _mark(each: Mapping[str, Any]) -> str:
    return "" if each["is_confirmed"] else UNCONFIRMED


def _nothing(evidence: Evidence, kind: Kind) -> str:
    """Why the kind's table is empty."""
    word = evidence.words.get(kind)
    if word is None:
        return "Not told: no pack could be read."
    return f"Not told: {word.state}: {word.why}." if word.why else "None."
