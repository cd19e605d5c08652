"""What may be killed together, so that nothing goes but what is to go, and what has to stay.

A kill task takes every unused segment whose interval lies within its own; only releases that know versions can be told
which. So nothing else that is unused, or will be as soon as the Coordinator looks, may lie in the interval of a kill.
Source: https://druid.apache.org/docs/25.0.0/ingestion/tasks.html#kill,
https://github.com/apache/druid/blob/25.0.0/indexing-service/src/main/java/org/apache/druid/indexing/common/task/KillUnusedSegmentsTask.java,
https://github.com/apache/druid/pull/15994 (versions, from Druid 30 on)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.identity import RunId, canonical, digest
from druid_reindex.model.interval import Interval, umbrella
from druid_reindex.model.segment import Segment
from druid_reindex.plan import names
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.timeline import serving, visible_segments

SERVES = "it serves queries"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a datasource where something is to go: its ``used`` segments, and those in deep storage.

    ``kept`` have an object that can be read; ``stored`` have any version of one, in any of the places. ``odd`` are
    intervals with objects of which it is unknown which segment's they are.
    """

    used: tuple[Segment, ...]
    kept: frozenset[SegmentName]
    stored: frozenset[SegmentName]
    odd: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill task: its interval, and the segments that it takes."""

    interval: Interval
    names: tuple[SegmentName, ...]

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that it takes, for releases that heed them."""
        return tuple(sorted({each.version for each in self.names}))


@dataclass(frozen=True, slots=True)
class Decision:
    """The kills, and ``overshadowed``: those of their segments that are used still, though nothing of them is served.

    ``left`` says why others stay; of the ``absent`` nothing is there any more.
    """

    kills: tuple[Kill, ...] = ()
    overshadowed: tuple[SegmentName, ...] = ()
    left: Mapping[SegmentName, str] = field(default_factory=dict)
    absent: tuple[SegmentName, ...] = ()

    @property
    def names(self) -> tuple[SegmentName, ...]:
        """What goes."""
        return tuple(name for kill in self.kills for name in kill.names)


def kill_task_id(datasource: str, run_id: RunId, kill: Kill, generation: int) -> str:
    """The kill task's id: the run, what it takes, and how many such tasks have failed before (+1)."""
    taken = canonical([str(kill.interval), [str(name) for name in kill.names]])
    return f"{names.task_prefix(datasource, run_id)}kill_{digest(taken)[:12]}_g{generation}"


def kill_payload(datasource: str, kill: Kill, task_id: str) -> dict[str, Any]:
    """The kill task for the Overlord; releases before 30 pass over ``versions``."""
    return {
        "type": "kill",
        "id": task_id,
        "dataSource": datasource,
        "interval": str(kill.interval),
        "versions": list(kill.versions),
    }


def reach(doomed: Iterable[SegmentName]) -> list[Interval]:
    """The intervals that kills of ``doomed`` may have at most: those that meet are one."""
    spans: list[Interval] = []
    for name in sorted(doomed):
        meets = spans and name.interval.start <= spans[-1].end
        spans.append(umbrella((spans.pop(), name.interval)) if meets else name.interval)
    return spans


def decide(doomed: Iterable[SegmentName], found: Found, *, by_version: bool) -> Decision:
    """How ``doomed`` goes, of which ``found`` is there; ``by_version``, where the release heeds a kill's versions."""
    wanted = frozenset(doomed)
    used = frozenset(map(SegmentName.of, found.used))
    serves = frozenset(map(SegmentName.of, visible_segments(serving(found.used))))
    left = dict.fromkeys(wanted & serves, SERVES)
    absent = wanted - found.stored - used
    going = wanted - serves - absent
    others = _Others((found.kept | used) - serves - going, found.odd, by_version)
    kills: list[Kill] = []
    for name in sorted(going):
        alone = Kill(name.interval, (name,))
        if why := others.taken_by(alone):
            left[name] = why
        elif kills and (both := _together(kills[-1], name)) and not others.taken_by(both):
            kills[-1] = both
        else:
            kills.append(alone)
    gone = frozenset(name for kill in kills for name in kill.names)
    return Decision(tuple(kills), tuple(sorted(gone & used)), left, tuple(sorted(absent)))


@dataclass(frozen=True, slots=True)
class _Others:
    """What must not go, and is not kept by being served."""

    names: Collection[SegmentName]
    odd: Collection[Interval]
    by_version: bool

    def taken_by(self, kill: Kill) -> str:
        """Why the kill may not be; empty where it takes nothing of these."""
        for name in sorted(self.names):
            if kill.interval.contains(name.interval) and not (self.by_version and name.version not in kill.versions):
                return f"Druid would kill {name} with it, which is not to go"
        if not self.by_version and any(kill.interval.contains(each) for each in self.odd):
            return "objects of no known segment lie in its interval"
        return ""


def _together(kill: Kill, name: SegmentName) -> Kill | None:
    if name.interval.start > kill.interval.end:
        return None
    return Kill(umbrella((kill.interval, name.interval)), (*kill.names, name))
