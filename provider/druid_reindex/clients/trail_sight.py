"""What a trail's delivered files show of a time: verified, and searched for a run's keys, in every Region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from druid_reindex.clients.trail_reading import TrailReading
from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_event import TrailEvent
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.evidence.trail_report import TrailReport
from druid_reindex.evidence.trail_view import PATIENCE, TrailView
from druid_reindex.model.trail import TrailScope, Window
from druid_reindex.ports import TrailPort

BEFORE, AFTER = timedelta(minutes=1), timedelta(minutes=5)  # what surrounds a journal: its own way into S3 is in none


def around(span: Window) -> Window:
    """The time in which events belong to a run whose calls are those of ``span``."""
    return Window(span.start - BEFORE, span.end + AFTER)


@dataclass(frozen=True, slots=True)
class Sight:
    """The files of the time around ``span`` and of the ``grace`` after it; the events there that mention a key."""

    span: Window
    grace: timedelta
    selectors: Selectors
    reports: Sequence[TrailReport]
    events: Sequence[TrailEvent]
    home_region: str

    @property
    def view(self) -> TrailView:
        """What may be concluded from it."""
        return TrailView.of(self.selectors, self.reports, self.grace)

    def untold(self) -> tuple[Window, ...]:
        """The times about which no valid digest of the trail's home Region says anything."""
        home = next((each for each in self.reports if each.region == self.home_region), TrailReport(self.home_region))
        return home.uncovered(Window(self.span.start, self.span.end + self.grace))

    def is_awaited(self, now: datetime) -> bool:
        """Whether files may still come that tell more of the time."""
        return bool(self.untold()) and now < self.span.end + PATIENCE


@dataclass(frozen=True, slots=True)
class TrailLook:
    """How a trail is looked at: ``trail_arn`` names it, or else it is the account's only one."""

    port: TrailPort
    trail_arn: str | None
    grace: timedelta
    processes: int = 1

    def see(self, keys: frozenset[str], span: Window) -> Sight:
        """What the trail shows of the time around ``span``. Raises what reading a file raises."""
        scope, window = self._scope(), around(span)
        reports: list[TrailReport] = []
        events: dict[str, TrailEvent] = {}
        for region in self.port.regions(scope):
            report = TrailReport(region)
            reading = TrailReading(self.port, scope.of_region(region), keys, self.processes)
            for seen in reading.read(Window(window.start, window.end + self.grace)):
                report.add(seen)
                if isinstance(seen, LogCheck):
                    events |= {each.event_id: each for each in seen.events}
            reports.append(report)
        within = [each for each in events.values() if window.start <= each.event_time <= window.end]
        return Sight(span, self.grace, self.port.selectors(scope), reports, within, scope.home_region)

    def _scope(self) -> TrailScope:
        if self.trail_arn is not None:
            return self.port.trail(self.trail_arn)
        found = self.port.trails()
        if len(found) != 1:
            raise ConfigurationError(
                "find the account's trail",
                resource="boundaries.yaml: evidence.trail_arn",
                came_back=f"null, and there are {len(found)}: {', '.join(each.arn for each in found) or 'none'}",
                remedy="name the trail that records the objects of the data",
            )
        return found[0]
