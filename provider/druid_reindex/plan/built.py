"""What the chunks of a datasource were built from: how a change of what they are built from is noticed.

Kept once for each datasource, by its lease's holder: after each batch is published, and for versions that nobody
recorded, which are taken as the baseline where they are first seen. A chunk keeps the entries of its last versions,
so that a version that is rolled back leaves that of the one before standing. The batches' results hold the same
entries: a ledger that is lost is made again from them (``merged``), and Druid says which of them count.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from druid_reindex.errors import ProtocolError
from druid_reindex.model.identity import canonical, digest
from druid_reindex.model.segment import Segment

PROTOCOL = 2
KEPT_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class Built:
    """The version under which a chunk was published, and digests of what it was built from; an empty one is unknown.

    ``inputs`` is that of the segments that were read, ``files`` that of the files besides, ``serves`` that of the
    segments it was published as, ``definition`` that of the pipeline.
    """

    version: str
    inputs: str = ""
    files: str = ""
    serves: str = ""
    definition: str = ""


Ledger = Mapping[str, tuple[Built, ...]]


def built_as(ledger: Ledger, chunk: str, version: str) -> Built | None:
    """What is known of the chunk's ``version``; None when nobody has recorded it."""
    return next((built for built in ledger.get(chunk, ()) if built.version == version), None)


def merged(ledger: Ledger, found: Mapping[str, Built]) -> Ledger:
    """``ledger`` with what was ``found``, which counts for its versions; each chunk's newest versions are kept."""
    made = dict(ledger)
    for chunk, built in found.items():
        others = [known for known in made.get(chunk, ()) if known.version != built.version]
        ordered = sorted((built, *others), key=lambda each: each.version, reverse=True)
        made[chunk] = tuple(ordered[:KEPT_VERSIONS])
    return made


def inputs_digest(segments: Iterable[Segment]) -> str:
    """What stands for these segments, in whatever order; a row appended later is a segment more."""
    return digest(canonical(sorted(segment.segment_id for segment in segments)))


def serves_digest(segments: Iterable[Segment]) -> str:
    """What stands for the segments that serve a chunk: the numbers of the partitions, by interval and version."""
    sets: dict[str, int] = defaultdict(int)
    for segment in segments:
        sets[f"{segment.interval} {segment.version}"] |= 1 << segment.partition_num
    return partitions_digest(sets)


def partitions_digest(sets: Mapping[str, int]) -> str:
    """``serves_digest`` of sets by ``interval version``, with a bit for each partition's number."""
    return digest(canonical({name: f"{partitions:x}" for name, partitions in sets.items()}))


def to_json(ledger: Ledger) -> bytes:
    """``ledger``, by the chunks' intervals, as canonical JSON."""
    chunks = {chunk: [entry(built) for built in known] for chunk, known in ledger.items()}
    return canonical({"protocol": PROTOCOL, "chunks": chunks})


def from_json(body: bytes) -> Ledger:
    """The ledger in ``body``. Raises ProtocolError when this release cannot read it."""
    try:
        document = json.loads(body)
        protocol, chunks = document["protocol"], document["chunks"]
        if protocol == PROTOCOL:
            return {chunk: tuple(Built(**built) for built in known) for chunk, known in chunks.items()}
        if protocol == 1:  # it knew one version, and neither files nor what serves nor a definition
            return {chunk: (Built(built["version"], built["inputs"]),) for chunk, built in chunks.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as unreadable:
        raise _unknown(f"{type(unreadable).__name__}") from unreadable
    raise _unknown(f"protocol {protocol!r}")


def entry(built: Built) -> dict[str, Any]:
    """``built`` as JSON, without what is unknown."""
    return {name: value for name, value in asdict(built).items() if value}


def _unknown(came_back: str) -> ProtocolError:
    return ProtocolError(
        "read what the chunks were built from",
        resource="built/<datasource>.json",
        came_back=came_back,
        remedy=f"this release reads protocol {PROTOCOL}: delete it, and it is made again from the runs' results",
    )
