"""Reads what a night is planned from: the timeline, what is known of earlier versions, and files; ``plan`` decides.

The task ``plan`` and ``druid-reindex plan`` ask in the same way, so that what a person is shown is what a night does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

from druid_reindex.clients.ledgers import LedgerShelf
from druid_reindex.clients.shelf import RecordPlace
from druid_reindex.model.interval import ALL_TIME, Interval, umbrella
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.built import Ledger
from druid_reindex.plan.changes import History
from druid_reindex.plan.definition import definition_of
from druid_reindex.plan.derived import Timelines, plan_derived
from druid_reindex.plan.files import folders
from druid_reindex.plan.night import NightPlan
from druid_reindex.plan.planner import plan_night
from druid_reindex.plan.settled import sift
from druid_reindex.ports import DruidPort, ObjectStorePort


@dataclass
class Planning:
    """One pipeline and what is asked about it; ``scripts`` are the texts of its unloads' SQL by the file's name."""

    pipeline: Pipeline
    scripts: Mapping[str, str]
    boundary: RecordPlace
    druid: DruidPort
    store: ObjectStorePort
    _recovered: Ledger = field(default_factory=dict, init=False)

    def decide(self, window: Interval, forced: Sequence[Interval] = (), *, of_itself: bool = False) -> NightPlan:
        """The plan of a night; nothing is written. Chunks that have gone from Druid are not told as stale.

        With ``of_itself`` each chunk is read of its own segments, whatever the pipeline builds it from.
        """
        plan = (self._derived if self.pipeline.is_derived and not of_itself else self._own)(window, forced)
        return replace(plan, stale=self._still_served(plan.stale))

    def everything(self) -> Interval | None:
        """The span of all that the datasource serves, in whole time chunks; None where it serves nothing."""
        found = self.druid.used_sets(self.pipeline.datasource, ALL_TIME)
        if not found:
            return None
        granularity, whole = self.pipeline.granularity.segment, umbrella(used.interval for used in found)
        last = whole.end - timedelta(microseconds=1)
        return Interval(granularity.chunk(whole.start).start, granularity.chunk(last).end)

    def adopt(self, plan: NightPlan) -> None:
        """Keep what ``plan`` takes as the baseline; a ledger that was lost is there again, were it empty."""
        if self.kept is None or plan.adopted:
            self.shelf.keep(plan.adopted, lost=self._recovered)

    @cached_property
    def kept(self) -> Ledger | None:
        """The ledger as it is kept; None when there is none."""
        return self.shelf.read()

    @property
    def shelf(self) -> LedgerShelf:
        """Where the ledger is kept."""
        return LedgerShelf(self.store, self.boundary, self.pipeline.datasource)

    def _own(self, window: Interval, forced: Sequence[Interval]) -> NightPlan:
        """The plan of a datasource that is built from itself: only what is not settled is listed segment by segment."""
        sets = self.druid.used_sets(self.pipeline.datasource, window)
        history = self._history({used.version for used in sets})
        sifted = sift(self.pipeline, sets, window, forced, history)
        suspects = self._segments(self.pipeline.datasource, sifted.suspects)
        return plan_night(self.pipeline, suspects, window, forced, history, sifted.settled)

    def _derived(self, window: Interval, forced: Sequence[Interval]) -> NightPlan:
        own, read = (self._segments(name, [window]) for name in (self.pipeline.datasource, self.pipeline.source))
        history = self._history({segment.version for segment in own})
        files = {folder: self.store.listing(folder) for folder in folders(self.pipeline)}
        return plan_derived(self.pipeline, Timelines(own, read, history, files), window, forced)

    def _history(self, versions: Iterable[str]) -> History:
        """What is known of the ``versions`` that serve, and the definition as it is now."""
        if self.kept is None:
            self._recovered = self.shelf.recovered(versions)
        ledger = self._recovered if self.kept is None else self.kept
        return History(ledger, definition_of(self.pipeline, self.scripts))

    def _segments(self, datasource: str, intervals: Sequence[Interval]) -> list[Segment]:
        rows = self.druid.segment_rows(datasource, intervals)
        found = self.druid.used_segments(datasource, intervals)
        return [replace(segment, num_rows=rows.get(segment.segment_id)) for segment in found]

    def _still_served(self, stale: Sequence[Interval]) -> tuple[Interval, ...]:
        if not stale:
            return ()
        used = {segment.interval for segment in self.druid.used_segments(self.pipeline.datasource, stale)}
        return tuple(chunk for chunk in stale if any(each.overlaps(chunk) for each in used))
