"""Who may launch, who uses, who ends: whatever the order in which runs join, die and leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.cluster import Cluster, ClusterState
from druid_reindex.model.group import Group, Member
from druid_reindex.model.identity import RunId
from druid_reindex.plan import group as rules
from druid_reindex.plan import names

DEPLOYMENT = UUID(int=1)
NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
A, B, C = (RunId.of(DEPLOYMENT, dag_id="d", run_id=name) for name in "abc")


def joined(group: Group | None, run_id: RunId, now: datetime = NOW, dead: str | None = None) -> Group:
    made = rules.join("nightly-1", DEPLOYMENT, run_id, now, dead)(group)
    assert made is not None
    return made


def cluster(generation: int | str, key: str = "nightly-1", state: ClusterState = ClusterState.WAITING) -> Cluster:
    tags = {names.GROUP_TAG: key, names.GENERATION_TAG: str(generation), names.RUN_TAG: str(A)}
    return Cluster("j-1", "n", state, tags=tags)


UP = rules.launched(A, 1, "j-1")(joined(None, A))
assert UP is not None


def test_the_first_one_launches_and_the_second_does_not() -> None:
    group = joined(joined(None, A), B)
    assert [member.run for member in group.members] == [A, B]
    assert group.launcher == Member(A, NOW)


def test_a_silent_launcher_is_replaced_and_comes_too_late() -> None:
    later = NOW + rules.LAUNCH_PATIENCE
    group = joined(None, A)
    assert joined(group, B, later - timedelta(seconds=1)).launcher == Member(A, NOW)
    taken = joined(group, B, later)
    assert taken.launcher == Member(B, later)
    assert rules.launched(A, 1, "j-1")(taken) is None


@pytest.mark.parametrize(
    ("group", "run_id", "generation"),
    [(None, A, 1), (joined(None, A), B, 1), (joined(None, A), A, 2), (UP, A, 1), (replace(UP, launcher=None), A, 1)],
)
def test_a_cluster_becomes_the_groups_only_when_its_launcher_says_so_in_its_generation(
    group: Group | None, run_id: RunId, generation: int
) -> None:
    assert rules.launched(run_id, generation, "j-2")(group) is None


def test_a_launcher_that_leaves_lets_another_launch() -> None:
    group = rules.leave(A)(joined(joined(None, A), B))
    assert group is not None
    assert (group.launcher, group.generation) == (None, 1)
    assert rules.may_launch(group, None, NOW)


def test_a_dead_cluster_closes_its_generation_once() -> None:
    group = joined(joined(UP, B), B, dead="j-1")
    assert (group.generation, group.cluster_id, group.launcher) == (2, None, Member(B, NOW))
    assert joined(group, A, dead="j-1").generation == 2


def test_the_last_one_out_closes_and_twice_is_once() -> None:
    group = rules.leave(A)(joined(UP, B))
    assert group is not None
    assert (group.cluster_id, group.generation) == ("j-1", 1)
    assert rules.leave(A)(group) is None
    closed = rules.leave(B)(group)
    assert closed == Group("nightly-1", DEPLOYMENT, 2)
    assert rules.leave(B)(closed) is None
    assert rules.leave(B)(None) is None


def test_the_dead_are_forgotten_unless_they_joined_again() -> None:
    group = joined(UP, B)
    dead = [member for member in group.members if member.run == B]
    assert rules.leave(A, dead)(group) == Group("nightly-1", DEPLOYMENT, 2)
    again = rules.leave(A, dead)(joined(group, B, NOW + timedelta(seconds=1)))
    assert again is not None
    assert again.has(B)


def test_closing_is_refused_once_somebody_joined() -> None:
    assert rules.close(UP)(UP) == Group("nightly-1", DEPLOYMENT, 2)
    assert rules.close(UP)(joined(UP, B)) is None
    assert rules.close(UP)(joined(UP, A, NOW + timedelta(seconds=1))) is None
    assert rules.close(UP)(None) is None
    assert rules.close(UP)(Group("nightly-1", DEPLOYMENT, 2)) is None


@pytest.mark.parametrize(
    ("found", "is_open", "is_closed"),
    [
        (cluster(2), True, False), (cluster(1), False, True), (cluster(3), False, False),
        (cluster(2, key="other"), False, False), (cluster(1, key="other"), False, False),
        (cluster(2, state=ClusterState.TERMINATING), False, False),
        (cluster(1, state=ClusterState.TERMINATING), False, True), (cluster("odd"), False, True),
    ],
)  # fmt: skip
def test_tags_say_whether_a_cluster_may_be_used(found: Cluster, *, is_open: bool, is_closed: bool) -> None:
    group = Group("nightly-1", DEPLOYMENT, 2)
    assert (rules.is_open(found, group), rules.is_closed(found, group)) == (is_open, is_closed)


def test_a_runs_own_clusters_are_those_that_it_does_not_share() -> None:
    own = Cluster("j-2", "n", ClusterState.WAITING, tags={names.RUN_TAG: str(A)})
    assert rules.of_run([cluster(1), own], A) == [own]
    assert rules.of_run([own], B) == []


@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "launch", "die", "close"]), st.sampled_from([A, B, C]))))
def test_the_group_has_a_cluster_only_while_it_has_members_and_generations_only_grow(
    steps: list[tuple[str, RunId]],
) -> None:
    group: Group | None = None
    launches = 0
    for what, run_id in steps:
        before, launches = group, launches + 1
        changes = {
            "join": rules.join("k", DEPLOYMENT, run_id, NOW),
            "leave": rules.leave(run_id),
            "launch": rules.launched(run_id, group.generation if group else 1, f"j-{launches}"),
            "die": rules.join("k", DEPLOYMENT, run_id, NOW, group.cluster_id if group else None),
            "close": rules.close(group) if group else (lambda _: None),
        }
        group = changes[what](group) or group
        if group is None:
            continue
        assert len({member.run for member in group.members}) == len(group.members)
        assert group.members or (group.cluster_id is None and group.launcher is None)
        if before is not None:
            assert group.generation >= before.generation
            given_up = before.cluster_id not in {None, group.cluster_id}
            assert not given_up or group.generation > before.generation
