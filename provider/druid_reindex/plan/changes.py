"""Why a chunk is rebuilt although its segments are well made: what has changed since the version that serves it.

Facts alone decide: Druid's timeline, the ledger of what versions were built from (``built``), and the pipeline's
definition. Rows were appended when segments stand beyond the core partitions that a job published, when what serves a
recorded version is no longer what was recorded, or when it is another version that no job wrote whole. A version that
nobody recorded says nothing of what it was built from: it is taken as the baseline, and what changes from there on
counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.segment import Segment
from druid_reindex.plan.built import Built, Ledger, built_as, inputs_digest, serves_digest
from druid_reindex.plan.definition import is_other
from druid_reindex.plan.night import Chunk, Reason
from druid_reindex.plan.partitions import PartitionSet, appended


@dataclass(frozen=True, slots=True)
class History:
    """What is known of earlier versions, and the digest of the pipeline's ``definition``; empty says nothing."""

    ledger: Ledger = field(default_factory=dict)
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """What serves one chunk: the highest version, what stands for the chunk's own segments, and how they were made.

    ``grown``: rows were appended to what a job published; ``whole``: each set that holds data is one job's, untouched.
    """

    interval: Interval
    version: str
    serves: str
    grown: bool = False
    whole: bool = True

    @classmethod
    def of(cls, interval: Interval, segments: Sequence[Segment], sets: Sequence[PartitionSet] = ()) -> Self:
        """What the visible ``segments`` make, of which ``sets`` hold data.

        Segments of a longer set are not the chunk's own: a rebuild leaves them as they are.
        """
        return cls(
            interval,
            max(segment.version for segment in segments),
            serves_digest(each for each in segments if interval.contains(each.interval)),
            any(appended(entry) for entry in sets),
            all(entry.is_one_job for entry in sets),
        )

    @property
    def chunk(self) -> str:
        """The chunk's name in a ledger."""
        return str(self.interval)


def changed(history: History, served: Served) -> Iterator[Reason]:
    """What has changed since the version that serves the chunk, for one that is built from its own segments."""
    known = built_as(history.ledger, served.chunk, served.version)
    if served.grown or _grew(history.ledger, known, served):
        yield Reason.ROWS_APPENDED
    if known and is_other(known.definition, history.definition):
        yield Reason.DEFINITION_CHANGED


def baseline(history: History, served: Served, *, inputs: str = "", files: str = "") -> Mapping[str, Built]:
    """What is adopted of a chunk that is not rebuilt: its version as it is, where anything of it was unknown.

    ``inputs`` and ``files`` are the digests of what another datasource's chunk would be built from now.
    """
    seen = Built(served.version, inputs, files, served.serves, history.definition)
    known = built_as(history.ledger, served.chunk, served.version)
    adopted = seen if known is None else _filled(known, seen)
    return {} if adopted == known else {served.chunk: adopted}


def published(pipeline: Pipeline, chunk: Chunk, after: Sequence[Segment], definition: str) -> Mapping[str, Built]:
    """The entries of a chunk that a batch has published and that ``after`` now serve; none where nothing does.

    A chunk of the datasource's own may be as long as a segment that held it together: each time chunk of it has its
    own entry from now on.
    """
    if pipeline.is_derived:
        served = [Served.of(chunk.interval, after)] if after else []
    else:
        own: dict[Interval, list[Segment]] = defaultdict(list)
        for segment in after:
            bucket = pipeline.granularity.segment.chunk(segment.interval.start)
            if bucket.contains(segment.interval) and chunk.interval.contains(bucket):
                own[bucket].append(segment)
        served = [Served.of(bucket, segments) for bucket, segments in own.items()]
    inputs = inputs_digest(chunk.read)
    return {each.chunk: Built(each.version, inputs, chunk.files, each.serves, definition) for each in served}


def stale(history: History, window: Interval, forced: Iterable[Interval]) -> tuple[Interval, ...]:
    """The recorded chunks beyond ``window`` and what is ``forced`` whose newest version is of another definition."""
    areas = (window, *forced)
    found = (
        Interval.parse(chunk)
        for chunk, known in history.ledger.items()
        if is_other(known[0].definition, history.definition)
    )
    return tuple(sorted(each for each in found if not any(area.contains(each) for area in areas)))


def _grew(ledger: Ledger, known: Built | None, served: Served) -> bool:
    if known is not None:
        return bool(known.serves) and known.serves != served.serves
    return bool(ledger.get(served.chunk)) and not served.whole


def _filled(known: Built, seen: Built) -> Built:
    """``known`` with what it lacked; a definition of another form gives way to the present one."""
    other_form = known.definition.partition(":")[0] != seen.definition.partition(":")[0]
    return replace(
        known,
        inputs=known.inputs or seen.inputs,
        files=known.files or seen.files,
        serves=known.serves or seen.serves,
        definition=(seen.definition or known.definition) if other_form else known.definition,
    )
