"""A group of clusters as a record: what is written is read back, and what is not ours to read is said."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.model.group import Group, Member, from_json, shown, to_json
from druid_reindex.model.identity import RunId

DEPLOYMENT = UUID(int=1)
NOW = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
RUN = RunId.of(DEPLOYMENT, dag_id="nightly", run_id="r 1")
WHOLE = Group("nightly-1", DEPLOYMENT, 3, (Member(RUN, NOW),), "j-1", Member(RUN, NOW))


@pytest.mark.parametrize("group", [WHOLE, Group("nightly-1", DEPLOYMENT)])
def test_a_group_survives_the_store(group: Group) -> None:
    found = from_json(to_json(group))
    assert found == group
    assert [(m.run.dag_id, m.run.dag_run_id) for m in found.members] == [("nightly", "r 1") for _ in group.members]


def test_who_uses_it_is_said() -> None:
    assert WHOLE.has(RUN)
    assert not WHOLE.has(RunId.of(DEPLOYMENT, dag_id="nightly", run_id="r 2"))
    assert shown(WHOLE.members) == "nightly r 1"


@pytest.mark.parametrize(
    ("ours", "theirs"), [(b'"protocol":1', b'"protocol":2'), (b'"members":[', b'"members":[7,'), (b'"key"', b'"kee"')]
)
def test_what_this_release_cannot_read_is_said(ours: bytes, theirs: bytes) -> None:
    assert ours in to_json(WHOLE)
    with pytest.raises(ProtocolError, match="read a group"):
        from_json(to_json(WHOLE).replace(ours, theirs))
