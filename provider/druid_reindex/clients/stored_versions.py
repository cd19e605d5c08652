"""Which versions of objects lie in a place of deep storage, by the segment that they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from druid_reindex.model.interval import Interval
from druid_reindex.model.uri import ObjectVersion, S3Uri
from druid_reindex.plan.deep_storage import SegmentName, interval_folder, interval_of, name_of
from druid_reindex.ports import ObjectVersionsPort


@dataclass(frozen=True)
class Stored:
    """The versions by segment; ``odd`` are the intervals of what belongs to no segment, None for what names none."""

    versions: Mapping[SegmentName, tuple[ObjectVersion, ...]] = field(default_factory=dict)
    odd: frozenset[Interval | None] = frozenset()

    @property
    def kept(self) -> frozenset[SegmentName]:
        """The segments of which an object can be read."""
        return frozenset(name for name, found in self.versions.items() if any(map(_is_readable, found)))

    def of(self, names: Iterable[SegmentName]) -> tuple[ObjectVersion, ...]:
        """The versions of these segments' objects."""
        return tuple(version for name in names for version in self.versions.get(name, ()))


@dataclass(frozen=True)
class Place:
    """Where segments lie, Druid's deep storage or a copy of it, and how it is asked."""

    store: ObjectVersionsPort
    root: S3Uri

    def stored(self, datasource: str, spans: Collection[Interval]) -> Stored:
        """What there is of ``datasource`` in the intervals that lie within any of ``spans``."""
        versions: dict[SegmentName, list[ObjectVersion]] = defaultdict(list)
        odd: set[Interval | None] = set()
        for interval in self._intervals(datasource):
            if interval is None:
                odd.add(None)
            elif any(span.contains(interval) for span in spans):
                for version in self.store.versions(self.root / f"{datasource}/{interval_folder(interval)}"):
                    name = name_of(version.uri, self.root, datasource)
                    if name is not None:
                        versions[name].append(version)
                    elif _is_readable(version):
                        odd.add(interval)
        return Stored({name: tuple(found) for name, found in versions.items()}, frozenset(odd))

    def _intervals(self, datasource: str) -> Iterator[Interval | None]:
        for folder in self.store.folders(self.root / datasource):
            yield interval_of(folder)


def _is_readable(version: ObjectVersion) -> bool:
    """Whether a plain request gets it; what a folder's marker says is nothing."""
    return version.is_latest and not version.is_delete_marker and not version.uri.key.endswith("/")
