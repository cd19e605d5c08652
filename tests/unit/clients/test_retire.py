"""Tests of a disposal: what goes is gone from Druid and S3, what stays is untouched, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

import pytest

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.clients.retire import SegmentDisposal
from druid_reindex.clients.stored_versions import Place
from druid_reindex.errors import ConflictError, DruidReindexError, FencedOutError, IntegrityError, ReindexFailedError
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.segment import Segment
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.deep_storage import SegmentName
from failure_schedules import Failure, Killed, Schedule, Scheduled, failures
from timelines import RUN, boundaries, one_job, span
from twins import FakeDruid, FakeStore, FakeVersions, Outcome

PHI, DATASOURCE = boundaries().phi, "patient_vitals"
ROOT = S3Uri.parse(PHI.segments_uri)
COPY = S3Uri.parse("s3://drx-phi-replica-111122223333/druid/segments")
DAYS = (span("09-01/09-02"), span("09-02/09-03"), span("09-04/09-05"))
OLD, NEW, OTHER = "2026-09-10", "2026-10-06", "2026-09-20"
NOW = datetime(2026, 10, 20, 4, tzinfo=UTC)
MOST_TRIES, CALLS = 40, range(1, 20)


def stored(segment: Segment) -> Segment:
    """The segment with the address that Druid gives it."""
    key = f"{SegmentName.of(segment).folder(ROOT, DATASOURCE).key}/index.zip"
    return replace(segment, payload=segment.payload | {"loadSpec": {"bucket": ROOT.bucket, "key": key}})


@dataclass
class Town:
    """A Druid whose days have each an old version, out of service, and a new one; and a bucket with its copy."""

    release: str = "25.0.0"
    scheduled: dict[int, Failure] = field(default_factory=dict)
    fenced: bool = False
    bucket: FakeVersions = field(default_factory=FakeVersions)
    copy: FakeVersions = field(default_factory=FakeVersions)
    store: FakeStore = field(default_factory=FakeStore)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.druid = FakeDruid(version=self.release, deep_storage=self.bucket)
        self.schedule = Schedule(self.scheduled)
        self.old = [self.add(each) for day in DAYS for each in one_job(day, 2, version=OLD)]
        self.new = [self.add(each) for day in DAYS for each in one_job(day, 1, version=NEW)]
        self.druid.mark_unused(DATASOURCE, [each.segment_id for each in self.old])

    def add(self, segment: Segment) -> Segment:
        """A used segment more, with its object."""
        made = stored(segment)
        self.druid.segments.append(made)
        self.bucket.add(index(made))
        self.copy.add(index(made, COPY))
        return made

    def disposal(self, *, with_copy: bool = True) -> SegmentDisposal:
        """A hand on it; a killed process gets a new one."""
        places = (Place(Scheduled(self.schedule, self.bucket), ROOT), Place(Scheduled(self.schedule, self.copy), COPY))
        return SegmentDisposal(
            datasource=DATASOURCE,
            deployment_id=boundaries().deployment_id,
            run_id=RUN,
            druid=Scheduled(self.schedule, self.druid),
            places=places if with_copy else places[:1],
            shelf=DisposalShelf(Scheduled(self.schedule, self.store), PHI, DATASOURCE),
            require=self.require,
            log=self.said.append,
            clock=lambda: NOW,
        )

    def require(self) -> None:
        """The lease, which somebody may have taken."""
        if self.fenced:
            raise FencedOutError("go on", resource="the lease", came_back="another run has it", remedy="stop")

    def run(self, doomed: Iterable[Segment], *, with_copy: bool = True) -> Disposal:
        """Dispose of them, looking again as long as anything is pending."""
        hand = self.disposal(with_copy=with_copy)
        record = hand.begin(names(doomed))
        while hand.pending(record):
            pass
        return hand.finish(record)

    def left(self, segments: Iterable[Segment]) -> set[str]:
        """Those of which anything is left anywhere."""
        there = {each.segment_id for each in (*self.druid.segments, *self.druid.unused.values())}
        objects = {*self.bucket.objects, *(S3Uri(ROOT.bucket, uri.key) for uri in self.copy.objects)}
        return {each.segment_id for each in segments if each.segment_id in there or index(each) in objects}


def index(segment: Segment, root: S3Uri = ROOT) -> S3Uri:
    return SegmentName.of(segment).folder(root, DATASOURCE) / "index.zip"


def names(segments: Iterable[Segment]) -> list[SegmentName]:
    return [SegmentName.of(each) for each in segments]


def ids(segments: Iterable[Segment]) -> list[str]:
    return [each.segment_id for each in segments]


def test_what_is_to_go_is_gone_from_druid_the_bucket_and_its_copy_and_recorded() -> None:
    town = Town()
    record = town.run(town.old)
    assert town.left(town.old) == set()
    assert town.left(town.new) == set(ids(town.new))
    assert [task["interval"] for task in town.druid.submitted] == [str(span("09-01/09-03")), str(DAYS[2])]
    assert record == DisposalShelf(town.store, PHI, DATASOURCE).read(RUN)
    assert (sorted(record.segments), record.gone) == (sorted(ids(town.old)), set(ids(town.old)))
    seen = sorted((str(each.uri), each.is_delete_marker) for each in record.objects)
    in_bucket = [(str(index(each)), marker) for each in town.old for marker in (False, True)]
    assert seen == sorted([*in_bucket, *((str(index(each, COPY)), False) for each in town.old)])
    assert record.checked == (f"{ROOT / DATASOURCE}", f"{COPY / DATASOURCE}")
    assert (record.ended_at, len(record.kills)) == (NOW, 2)


def test_a_second_run_of_it_does_nothing() -> None:
    town = Town()
    first = town.run(town.old)
    asked = len(town.druid.submitted)
    assert town.run(town.old) == first
    assert len(town.druid.submitted) == asked


def test_what_another_run_finds_gone_is_absent() -> None:
    town = Town()
    town.run(town.old)
    town.store.objects.clear()
    record = town.run(town.old)
    assert (record.segments, sorted(record.absent)) == ((), sorted(ids(town.old)))
    assert record.gone == set(ids(town.old))


def test_what_druid_killed_before_is_still_deleted_for_good() -> None:
    town = Town()
    for each in town.old:
        town.druid.unused.pop(each.segment_id)
        town.bucket.hide(index(each))
    town.run(town.old)
    assert town.left(town.old) == set()


def test_what_serves_is_left_and_told() -> None:
    town = Town()
    record = town.run([*town.old, town.new[0]])
    assert record.left == {town.new[0].segment_id: "it serves queries"}
    assert town.left(town.new) == set(ids(town.new))
    assert town.left(town.old) == set()


def test_what_is_overshadowed_and_used_still_is_taken_out_first() -> None:
    town = Town()
    late = [town.add(each) for each in one_job(DAYS[0], 1, version=OTHER)]
    town.run([*town.old, *late])
    assert town.left([*town.old, *late]) == set()
    assert "1 of 1 overshadowed segments marked unused" in town.said


@pytest.mark.parametrize(("release", "left"), [("25.0.0", 2), ("30.0.0", 0)])
def test_a_stranger_that_is_unused_is_never_killed(release: str, left: int) -> None:
    """Druid 25 would kill it with the others of its day; a release that heeds versions lets it be."""
    town = Town(release)
    theirs = town.add(one_job(DAYS[0], 1, version=OTHER)[0])
    town.druid.mark_unused(DATASOURCE, [theirs.segment_id])
    record = town.run(town.old)
    assert town.left([theirs]) == {theirs.segment_id}
    assert town.bucket.objects[index(theirs)][0].is_latest
    assert len(record.left) == left
    assert town.left(town.old) == set(record.left)


def test_a_stranger_that_appears_after_it_was_decided_stops_the_kill() -> None:
    town = Town()
    hand = town.disposal()
    record = hand.begin(names(town.old))
    theirs = town.add(one_job(DAYS[0], 1, version=OTHER)[0])
    town.druid.mark_unused(DATASOURCE, [theirs.segment_id])
    with pytest.raises(ConflictError, match="has changed since"):
        hand.pending(record)
    assert town.druid.submitted == []
    town.run(town.old)
    assert town.left([theirs]) == {theirs.segment_id}


def test_a_failed_kill_is_told_and_made_anew_by_the_next_try() -> None:
    town = Town()
    town.druid.outcomes = [Outcome(TaskState.FAILED, "java.io.IOException: no route")]
    with pytest.raises(ReindexFailedError, match="no route"):
        town.run(town.old)
    assert all(each.segment_id in town.left(town.old) for each in town.old)
    town.run(town.old)
    assert town.left(town.old) == set()
    assert [str(task["id"])[-3:] for task in town.druid.submitted] == ["_g1", "_g1", "_g2"]


def test_what_is_used_again_keeps_its_versions() -> None:
    town = Town()
    hand = town.disposal()
    record = hand.begin(names(town.old))
    while hand.pending(record):
        pass
    town.druid.segments.append(town.old[0])
    with pytest.raises(IntegrityError, match="used again"):
        hand.finish(record)
    assert index(town.old[0]) in town.bucket.objects


def test_versions_that_nobody_may_delete_are_no_success() -> None:
    town = Town()
    town.copy.held.add(index(town.old[0], COPY))
    with pytest.raises(DruidReindexError, match="held"):
        town.run(town.old)
    read = DisposalShelf(town.store, PHI, DATASOURCE).read(RUN)
    assert read is not None
    assert not read.is_done
    town.copy.held.clear()
    assert town.run(town.old).is_done


def test_a_version_that_is_written_meanwhile_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    monkeypatch.setattr(FakeVersions, "delete_versions", lambda *_: None)
    with pytest.raises(IntegrityError, match="there still"):
        town.run(town.old)


def test_who_has_lost_the_lease_changes_nothing_more() -> None:
    town = Town()
    hand = town.disposal()
    record = hand.begin(names(town.old))
    town.fenced = True
    for part in (lambda: hand.begin(names(town.old)), lambda: hand.pending(record), lambda: hand.finish(record)):
        with pytest.raises(FencedOutError):
            part()
    assert town.druid.submitted == []
    assert town.left(town.old) == set(ids(town.old))


def test_nothing_to_do_is_recorded_as_nothing() -> None:
    town = Town()
    record = town.run([])
    assert (record.segments, record.is_done, town.druid.submitted) == ((), True, [])


@pytest.mark.parametrize("seed", range(200))
def test_whatever_fails_all_of_it_goes_in_the_end_nothing_else_does_and_each_version_is_recorded(seed: int) -> None:
    random = Random(seed)
    town = Town(random.choice(["25.0.0", "30.0.0"]), failures(random, CALLS))
    before = {each for versions in (*town.bucket.objects.values(), *town.copy.objects.values()) for each in versions}
    for _ in range(MOST_TRIES):
        try:
            record = town.run(town.old)
            break
        except (Killed, DruidReindexError):
            continue
    else:
        raise AssertionError(town.schedule.met)
    assert town.left(town.old) == set()
    assert town.left(town.new) == set(ids(town.new))
    gone = {each for each in before if each.uri.key.split("/")[-3] == OLD}
    assert gone <= set(record.objects)
    assert record.gone == set(ids(town.old))
