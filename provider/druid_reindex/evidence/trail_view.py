"""What may be concluded from a trail: whether it records a call at all, and of which times its files tell, provably."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_report import TrailReport, uncovered
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.trail import Window

GRACE = timedelta(minutes=75)  # a log file comes within about 5 minutes, its digest after the hour that it is named in
PATIENCE = timedelta(hours=24)  # after which a digest that has not come is one that is not there


class Absence(StrEnum):
    """What it means that an event is not in the trail."""

    PENDING = "pending"
    NOT_LOGGED = "not-logged"
    TRAIL_GAP = "trail-gap"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TrailView:
    """What is known of a trail's files by Region: times of which valid digests tell, and those with damage in them.

    ``grace`` is how long after a call files may come that tell of it.
    """

    selectors: Selectors
    covered: Mapping[str, Sequence[Window]] = field(default_factory=dict)
    damaged: Mapping[str, Sequence[Window]] = field(default_factory=dict)
    grace: timedelta = GRACE

    @classmethod
    def of(cls, selectors: Selectors, reports: Iterable[TrailReport], grace: timedelta = GRACE) -> TrailView:
        """What the looks at the trail's Regions, one report each, have shown."""
        listed = [*reports]
        covered = {report.region: tuple(report.covered) for report in listed}
        return cls(selectors, covered, {report.region: tuple(report.damaged) for report in listed}, grace)

    def absence(self, call: AwsCall, now: datetime) -> Absence:
        """Why the trail has no event of ``call``.

        It is missing only where whole files tell of all the time in which it would have been delivered.
        """
        if not self.selectors.records(call):
            return Absence.NOT_LOGGED
        expected = Window(call.attempted_at, call.attempted_at + self.grace)
        if any(each.start < expected.end and expected.start < each.end for each in self.damaged.get(call.region, ())):
            return Absence.TRAIL_GAP
        if now < expected.end:
            return Absence.PENDING
        if not uncovered(expected, self.covered.get(call.region, ())):
            return Absence.MISSING
        return Absence.PENDING if now < call.attempted_at + PATIENCE else Absence.TRAIL_GAP
