"""A set of partitions serves only when it is complete."""

from __future__ import annotations

import pytest

from druid_reindex.model.segment import Segment
from druid_reindex.plan.partitions import partition_sets
from timelines import one_job, segment, tombstone

DAY = "09-01/09-02"


def numbers(segments: list[Segment]) -> list[list[int]]:
    return [[part.partition_num for part in found.segments] for found in partition_sets(segments)]


def single(number: int, start: str | None, end: str | None) -> Segment:
    shard = {"type": "single", "dimension": "code", "start": start, "end": end, "partitionNum": number}
    return segment(DAY, number=number, shard=shard)


def overwriting(partition: int, replaced: tuple[int, int], *, size: int = 1, minor: int = 1) -> Segment:
    start, end = replaced
    shard = {
        "type": "numbered_overwrite",
        "partitionId": partition,
        "startRootPartitionId": start,
        "endRootPartitionId": end,
        "minorVersion": minor,
        "atomicUpdateGroupSize": size,
    }
    return segment(DAY, number=partition, shard=shard)


@pytest.mark.parametrize("kind", ["numbered", "hashed"])
def test_a_missing_core_partition_hides_the_set(kind: str) -> None:
    assert numbers(one_job(DAY, 3, kind=kind)) == [[0, 1, 2]]
    assert numbers(one_job(DAY, 3, kind=kind)[:2]) == []


def test_appended_segments_serve_beside_a_complete_core_only() -> None:
    core = one_job(DAY, 2)
    late = segment(DAY, core[0].version, 5, shard={"type": "numbered", "partitionNum": 5, "partitions": 2})
    assert numbers([*core, late]) == [[0, 1, 5]]
    assert numbers([core[1], late]) == []
    assert not partition_sets([*core, late])[0].is_one_job


def test_segments_without_a_core_serve_by_themselves() -> None:
    assert numbers([segment(DAY, number=3), segment(DAY, number=7)]) == [[3, 7]]
    assert not partition_sets([segment(DAY, number=3)])[0].is_one_job


def test_one_job_is_a_core_set_and_nothing_else() -> None:
    assert partition_sets(one_job(DAY, 4))[0].is_one_job
    assert partition_sets([segment(DAY, shard={"type": "none"})])[0].is_one_job
    assert partition_sets([tombstone(DAY, "v")])[0].is_tombstone


def test_range_partitions_name_their_core_set() -> None:
    shard = {"type": "range", "numCorePartitions": 2, "dimensions": ["code"]}
    parts = [segment(DAY, number=n, shard=shard | {"partitionNum": n}) for n in range(2)]
    assert numbers(parts) == [[0, 1]]
    assert numbers(parts[:1]) == []


def test_old_single_partitions_are_complete_when_their_ranges_meet() -> None:
    assert numbers([single(0, None, "m"), single(1, "m", None)]) == [[0, 1]]
    assert numbers([single(0, None, "m"), single(1, "n", None)]) == []
    assert numbers([single(0, None, "m")]) == []


def test_a_whole_update_group_replaces_its_root_partitions() -> None:
    roots = [segment(DAY, number=n) for n in range(3)]
    assert numbers([*roots, overwriting(32768, (0, 2))]) == [[2, 32768]]
    assert numbers([*roots, overwriting(32768, (0, 2), size=2)]) == [[0, 1, 2]]
    later = [overwriting(32768, (0, 2)), overwriting(32769, (0, 3), minor=2)]
    assert numbers([*roots, *later]) == [[32769]]


def test_what_is_listed_twice_counts_once() -> None:
    assert numbers([*one_job(DAY, 2), *one_job(DAY, 2)]) == [[0, 1]]
