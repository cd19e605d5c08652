"""Groups in a store: listed, changed, closed only while nobody has joined; what they left on EMR is ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from druid_reindex.clients.groups import GroupShelf, end_closed, group_shelves
from druid_reindex.errors import ConflictError
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from timelines import boundaries
from twins import FakeEmr, FakeStore

PHI = boundaries().phi
DEPLOYMENT = UUID(int=1)
NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
A, B = (RunId.of(DEPLOYMENT, dag_id="d", run_id=name) for name in "ab")


def shelf(store: FakeStore, key: str = "nightly-1", now: datetime = NOW) -> GroupShelf:
    return GroupShelf(store, PHI, key, lambda: now)


def test_groups_are_found_on_their_side_of_the_boundary() -> None:
    store = FakeStore()
    assert group_shelves(store, PHI) == []
    for key in ("weekly-2", "nightly-1"):
        shelf(store, key).join(DEPLOYMENT, A)
    store.put(names.groups_uri(PHI) / "notes.txt", b"", kms_key_arn="k")
    assert [each.key for each in group_shelves(store, PHI)] == ["nightly-1", "weekly-2"]
    assert group_shelves(store, boundaries().general) == []


def test_a_group_is_encrypted_with_its_boundarys_key() -> None:
    store = FakeStore()
    shelf(store).join(DEPLOYMENT, A)
    assert {key for _, key in store.objects.values()} == {PHI.kms_key_arn}


def test_one_joins_launches_and_leaves() -> None:
    store = FakeStore()
    made = shelf(store)
    assert made.leave(A) is None
    made.join(DEPLOYMENT, A)
    assert made.launched(A, 1, "j-1").cluster_id == "j-1"
    assert made.launched(A, 1, "j-2").cluster_id == "j-1"
    left = made.leave(A)
    assert left == made.read()
    assert left is not None
    assert (left.members, left.generation) == ((), 2)


def test_it_is_closed_only_while_nobody_has_joined_since() -> None:
    store = FakeStore()
    seen = shelf(store).join(DEPLOYMENT, A)
    shelf(store, now=NOW + timedelta(seconds=1)).join(DEPLOYMENT, B)
    with pytest.raises(ConflictError, match="in use again: d a, d b"):
        shelf(store).close(seen)
    found = shelf(store).read()
    assert found is not None
    shelf(store).close(found)
    shelf(store).close(found)
    closed = shelf(store).read()
    assert closed is not None
    assert (closed.members, closed.generation) == ((), 2)


def test_a_group_that_somebody_deleted_is_said() -> None:
    with pytest.raises(ConflictError, match="not there any more"):
        shelf(FakeStore()).launched(A, 1, "j-1")


def test_closed_clusters_are_ended_once() -> None:
    emr, said, store = FakeEmr(), list[str](), FakeStore()
    for generation in ("1", "2"):
        tags = [(names.GROUP_TAG, "nightly-1"), (names.GENERATION_TAG, generation)]
        emr.run_job_flow({"Name": "shared", "Tags": [{"Key": key, "Value": value} for key, value in tags]})
    shelf(store).join(DEPLOYMENT, A)
    group = shelf(store).leave(A)
    assert group is not None
    for _ in range(2):
        ended = end_closed(emr, emr.living_clusters(names.GROUP_TAG), group, said.append)
        assert [each.cluster_id for each in ended] == ["j-0000000000001"]
    assert (emr.terminated, len(said)) == (["j-0000000000001"], 1)
