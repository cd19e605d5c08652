"""The night in the order of its hours: what the parts have an instant of, as a table and as a drawing of lanes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report import Table
from druid_reindex.evidence.report_figure import CHARACTER_UNITS, Box, Figure, Label, Line, Look, Shape
from druid_reindex.evidence.report_findings import documents
from druid_reindex.evidence.report_read import Evidence, instant_of

NIGHT, CHECKS, CALLS, TOUCHED, PACKS = "Night", "Checks", "Our calls", "Unexplained", "Packs"
LANES = (NIGHT, CHECKS, CALLS, TOUCHED, PACKS)
_LANE_UNITS, _LEFT, _WIDTH, _MARK = 34.0, 110.0, 640.0, 8.0
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened from ``at`` until ``until`` (UTC), in one lane."""

    at: datetime
    until: datetime
    lane: str
    what: str


def moments_of(evidence: Evidence) -> list[Moment]:
    """All that has an instant, in its order."""
    return sorted(
        (*_night(evidence), *_calls(evidence), *_touched(evidence), *_packs(evidence)),
        key=lambda each: (each.at, LANES.index(each.lane), each.what),
    )


def timeline_table(moments: Sequence[Moment]) -> Table:
    """The moments in their order."""
    rows = [(_told(each.at), _told(each.until) if each.until != each.at else "", each.lane, each.what)
            for each in moments]  # fmt: skip
    return Table("timeline", "The night by its hours", ("From (UTC)", "Until (UTC)", "Lane", "What"), rows)


def timeline_figure(moments: Sequence[Moment]) -> Figure | None:
    """The moments as marks in lanes; None where nothing has an instant."""
    if not moments:
        return None
    first, last = moments[0].at, max(each.until for each in moments)
    whole = max((last - first).total_seconds(), 1.0)
    lanes = [lane for lane in LANES if any(each.lane == lane for each in moments)]
    shapes: list[Shape] = [*_axis(first, last, whole, len(lanes))]
    for number, lane in enumerate(lanes):
        top = _LANE_UNITS * number
        shapes.append(Label(4, top + 22, lane))
        shapes += [_mark(each, first, whole, top) for each in moments if each.lane == lane]
    said = f"From {_told(first)} to {_told(last)} UTC: {len(moments)} moments, each in the table below."
    height = _LANE_UNITS * len(lanes) + 34
    return Figure("hours", "Timeline of the night", said, _LEFT + _WIDTH + 40, height, shapes)


def _axis(first: datetime, last: datetime, whole: float, lanes: int) -> Iterator[Shape]:
    bottom = _LANE_UNITS * lanes
    for lane in range(lanes + 1):
        yield Line(_LEFT, _LANE_UNITS * lane, _LEFT + _WIDTH + _MARK, _LANE_UNITS * lane, plain=True)
    form = "%H:%M:%S" if whole < 3600 else "%H:%M" if first.date() == last.date() else "%d %b %H:%M"
    for tick in range(_TICKS + 1):
        x = _LEFT + _WIDTH * tick / _TICKS
        text = (first + (last - first) * tick / _TICKS).strftime(form)
        yield Line(x, bottom, x, bottom + 5, plain=True)
        yield Label(x - CHARACTER_UNITS * len(text) / 2, bottom + 22, text)


def _mark(moment: Moment, first: datetime, whole: float, top: float) -> Box:
    x = _LEFT + _WIDTH * (moment.at - first).total_seconds() / whole
    width = max(_WIDTH * (moment.until - moment.at).total_seconds() / whole, _MARK)
    look = Look.DASHED if moment.lane == TOUCHED else Look.SOLID
    return Box(x, top + 9, width, 16, (), look)


def _night(evidence: Evidence) -> Iterator[Moment]:
    yield from _moment(evidence.told(Kind.ASKED).get("started_at"), NIGHT, "The run began")
    for kind, what in ((Kind.POSTURE, "The account was judged"), (Kind.ATTESTATION, "The live cluster was judged")):
        yield from _moment(documents(evidence.told(kind).get("stored")).get("judged_at"), CHECKS, what)
    for task in evidence.told(Kind.TASKS).get("tasks", ()):
        what = f"Task {task['task_id']}: {task['state']}"
        yield from _moment(task.get("started_at"), NIGHT, what, task.get("ended_at"))


def _calls(evidence: Evidence) -> Iterator[Moment]:
    for each in evidence.told(Kind.JOURNAL).get("calls", ()):
        what = f"{each['task']}: {each['event_source']} {each['operation']}, {each['count']} calls"
        yield from _moment(each["first_at"], CALLS, what, each["last_at"])


def _touched(evidence: Evidence) -> Iterator[Moment]:
    for each in evidence.told(Kind.FINDINGS).get("findings", ()):
        if each["verdict"] == Unexplained.NOT_LOGGED:
            continue
        what = f"{each['verdict']}: {each['principal']} {each['operation']} {each['resource']}"
        yield from _moment(each["first_seen"], TOUCHED, what, each["last_seen"])


def _packs(evidence: Evidence) -> Iterator[Moment]:
    for pack in evidence.packs:
        yield from _moment(pack.title.made_at, PACKS, f"Pack {pack.title.stem} was signed")


def _moment(at: object, lane: str, what: str, until: object = None) -> Iterator[Moment]:
    """The moment; none where the instant does not read as one."""
    begun, ended = instant_of(at), instant_of(until)
    if begun is not None:
        yield Moment(begun, max(begun, ended or begun), lane, what)


def _told(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
