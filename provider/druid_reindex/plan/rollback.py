"""Which segments are taken out of service, and which are put back, so that a batch's chunks serve what they did before.

By segment ids alone, the new ones first: Druid puts back only what nothing overshadows. A chunk that the batch did not
touch is left alone. One that serves what neither the batch nor the night before it made is left as it is, and named: to
take its version back would hide rows of somebody else.
Source: https://druid.apache.org/docs/latest/api-reference/data-management-api/
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from druid_reindex.model.interval import Interval
from druid_reindex.model.segment import Segment
from druid_reindex.plan.night import Batch, Chunk
from druid_reindex.plan.timeline import serving, visible_segments

PASSED = "passed"
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Published:
    """What is known to be a batch's own: the ``ids`` that it recorded, and its jobs' versions, as first and last ones.

    ``appended`` are ids that others had added to the old versions by the time that the batch was published, by chunk:
    they are hidden with the old version, and come back with it.
    """

    ids: frozenset[str] = frozenset()
    versions: tuple[tuple[str, str], ...] = ()
    appended: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether the batch has published nothing that is known."""
        return not self.ids and not self.versions

    def has(self, segment: Segment) -> bool:
        """Whether the batch made the segment."""
        return segment.segment_id in self.ids or any(first <= segment.version <= last for first, last in self.versions)


@dataclass(frozen=True, slots=True)
class Rollback:
    """The ids to mark unused, then those to mark used; ``chunks`` are the intervals that this changes.

    ``refused`` says, for each chunk that is left as it is, what it serves that is neither the batch's nor from before.
    """

    chunks: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def is_kept(verdict: Mapping[str, object] | None) -> bool:
    """Whether a batch stays: one that passed. What nobody judged is not served on trust."""
    return verdict is not None and verdict["verdict"] == PASSED


def decide(batch: Batch, published: Published, used: Iterable[Segment]) -> Rollback:
    """What takes ``batch`` back, of the ``used`` segments that overlap its chunks now; nothing where it left nothing.

    Decided again after any part of it was done, it is the rest: what is marked already is not marked again.
    """
    steps = [_chunk(chunk, published, within) for chunk, within in _by_chunk(batch, used)]
    return Rollback(
        chunks=tuple(str(c.interval) for c, step in zip(batch.chunks, steps, strict=True) if step.unused or step.used),
        unused=_once(step.unused for step in steps),
        used=_once(step.used for step in steps),
        refused=_once(step.refused for step in steps),
    )


def unfinished(batch: Batch, chunks: Collection[str], used: Iterable[Segment]) -> list[str]:
    """Those of ``chunks``, taken back, in which not all is visible that was there before, or something else is.

    What was added to an old version since is no such thing.
    """
    wanted = set(chunks)
    return [
        str(chunk.interval)
        for chunk, within in _by_chunk(batch, used)
        if str(chunk.interval) in wanted and not _is_as_before(chunk, _visible(within, chunk.interval))
    ]


def additions(batch: Batch, used: Iterable[Segment]) -> dict[str, list[Segment]]:
    """The visible segments of each chunk that were not there before; chunks without any are absent."""
    found = {}
    for chunk, within in _by_chunk(batch, used):
        old = _ids(chunk.segments)
        found[str(chunk.interval)] = [s for s in _visible(within, chunk.interval) if s.segment_id not in old]
    return {chunk: segments for chunk, segments in found.items() if segments}


def appended(batch: Batch, used: Iterable[Segment]) -> dict[str, list[str]]:
    """The ids of used segments, visible or not, that belong to a version from before, and were not there, by chunk."""
    found = {}
    for chunk, within in _by_chunk(batch, used):
        old, sets = _ids(chunk.segments), _sets(chunk)
        more = (s for s in within if (s.interval, s.version) in sets)
        found[str(chunk.interval)] = [s.segment_id for s in more if s.segment_id not in old]
    return {chunk: ids for chunk, ids in found.items() if ids}


def _by_chunk(batch: Batch, used: Iterable[Segment]) -> list[tuple[Chunk, list[Segment]]]:
    """Each chunk, which follow one another, with the segments that overlap it."""
    starts = [chunk.interval.start for chunk in batch.chunks]
    ends = [chunk.interval.end for chunk in batch.chunks]
    found: list[tuple[Chunk, list[Segment]]] = [(chunk, []) for chunk in batch.chunks]
    for segment in used:
        span = segment.interval
        for _, within in found[bisect_right(ends, span.start) : bisect_left(starts, span.end)]:
            within.append(segment)
    return found


def _chunk(chunk: Chunk, published: Published, used: Sequence[Segment]) -> Rollback:
    old, listed = _ids(chunk.segments), _ids(used)
    new = _ids(segment for segment in used if segment.segment_id not in old and published.has(segment))
    back = [segment for segment in chunk.segments if segment.segment_id not in listed]
    rest = [segment for segment in used if segment.segment_id not in new]
    seen = [*_visible(used, chunk.interval), *(_visible([*rest, *back], chunk.interval) if new else ())]
    if strangers := _strangers(seen, chunk) - new:
        return Rollback(refused=(_refusal(chunk, strangers),))
    if not new and (not back or published.is_empty):
        return Rollback()
    late = sorted(set(published.appended.get(str(chunk.interval), ())) - listed)
    return Rollback(unused=tuple(sorted(new)), used=(*(s.segment_id for s in back), *late))


def _is_as_before(chunk: Chunk, visible: Sequence[Segment]) -> bool:
    return _ids(chunk.segments) <= _ids(visible) and not _strangers(visible, chunk)


def _strangers(segments: Iterable[Segment], chunk: Chunk) -> frozenset[str]:
    """Those that neither were there before nor were added to what was: segments more of the same version."""
    sets = _sets(chunk)
    return _ids(each for each in segments if (each.interval, each.version) not in sets)


def _sets(chunk: Chunk) -> frozenset[tuple[Interval, str]]:
    return frozenset((each.interval, each.version) for each in chunk.segments)


def _refusal(chunk: Chunk, strangers: Collection[str]) -> str:
    named = sorted(strangers)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{chunk.interval} serves {', '.join(named[:_NAMED])}{more}"


def _visible(used: Iterable[Segment], interval: Interval) -> list[Segment]:
    pieces = (piece for piece in serving(used) if piece.interval.overlaps(interval))
    return list(visible_segments(pieces))


def _ids(segments: Iterable[Segment]) -> frozenset[str]:
    return frozenset(segment.segment_id for segment in segments)


def _once(values: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for each in values for value in each))
