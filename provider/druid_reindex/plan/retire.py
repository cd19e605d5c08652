"""Which superseded versions may go: those that a night of ours replaced, and that no rollback can need any more.

A batch that passed has replaced what was there before it; one that was taken back has left its own segments. Either may
go once the rollback window has passed since. What a batch replaced that is younger, or that nobody judged, is needed to
take that batch back, and stays whoever else replaced it too. Versions of others are nobody's here, and never go.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.deep_storage import SegmentName


@dataclass(frozen=True, slots=True)
class Replacement:
    """What one batch put out of service: the record that says so, when it was written (UTC), and the segments.

    ``is_settled`` says that the batch passed, or was taken back to the end. ``marker`` is where it is kept that all of
    these segments are gone.
    """

    record: S3Uri
    at: datetime
    names: frozenset[SegmentName]
    is_settled: bool
    marker: S3Uri

    def is_due(self, now: datetime, window: timedelta) -> bool:
        """Whether it cannot be taken back any more."""
        return self.is_settled and self.at + window <= now


@dataclass(frozen=True, slots=True)
class Due:
    """The replacements that are past the window, and ``doomed``: their segments, without what is needed still.

    ``unsettled`` are older than the window, and neither passed nor were they taken back: somebody has to look.
    """

    replacements: tuple[Replacement, ...] = ()
    doomed: frozenset[SegmentName] = frozenset()
    unsettled: tuple[Replacement, ...] = ()

    def finished(self, gone: Collection[SegmentName]) -> tuple[Replacement, ...]:
        """Those of which nothing is left once these are ``gone``."""
        return tuple(each for each in self.replacements if each.names <= frozenset(gone))


def due(replacements: Iterable[Replacement], now: datetime, window: timedelta) -> Due:
    """What may go of all that was replaced, where a night may be taken back until ``window`` after it."""
    known = list(replacements)
    past = tuple(each for each in known if each.is_due(now, window))
    needed = frozenset(name for each in known if not each.is_due(now, window) for name in each.names)
    unsettled = tuple(each for each in known if not each.is_settled and each.at + window <= now)
    return Due(past, frozenset(name for each in past for name in each.names) - needed, unsettled)


def told(left: Iterable[tuple[SegmentName, str]]) -> list[str]:
    """What people read of segments that stay, a line for each version of a time chunk and each reason."""
    counts: dict[tuple[str, str], int] = {}
    for name, why in left:
        line = f"{name.interval} {name.version}", why
        counts[line] = counts.get(line, 0) + 1
    return [f"{what} ({count} segments): {why}" for (what, why), count in counts.items()]
