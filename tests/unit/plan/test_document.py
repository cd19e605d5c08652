"""The stored plan."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.errors import ProtocolError
from druid_reindex.model.segment import Segment
from druid_reindex.plan.document import PROTOCOL, canonical, from_json, to_json
from druid_reindex.plan.night import Batch, Chunk, NightPlan, Reason
from druid_reindex.plan.planner import plan_night
from timelines import WINDOW, pipeline, segment, span, tombstone


@st.composite
def plans(draw: st.DrawFn) -> NightPlan:
    segments: list[Segment] = [segment("09-01/10-01", "v0")] if draw(st.booleans()) else []
    for day in draw(st.sets(st.integers(1, 28))):
        for number in range(draw(st.integers(1, 4))):
            rows = draw(st.none() | st.integers(0, 10**9))
            segments.append(segment(f"09-{day:02}/09-{day + 1:02}", "v1", number, rows=rows))
    if draw(st.booleans()):
        segments.append(tombstone("09-01T05/09-01T06", "v2"))
    return plan_night(pipeline(), segments, WINDOW, [span("09-03/09-09")])


@settings(max_examples=100, deadline=None)
@given(plans())
def test_a_plan_survives_the_round_trip(plan: NightPlan) -> None:
    body = to_json(plan)
    assert from_json(body) == plan
    assert to_json(from_json(body)) == body


def test_what_a_chunk_is_built_from_survives_it_too() -> None:
    source = segment("09-01/09-02", "v1")
    plan = NightPlan(
        "snapshot", 1, (Batch(0, (Chunk(span("09-01/09-02"), (), (Reason.NOT_BUILT,), 1, (source,)),), 1),), "x"
    )
    assert from_json(to_json(plan)) == plan


@pytest.mark.parametrize(("protocol", "absent"), [(1, ("sources", "files")), (2, ("files",))])
def test_a_plan_of_a_protocol_before_is_read(protocol: int, absent: tuple[str, ...]) -> None:
    plan = plan_night(pipeline(), [segment("09-01/09-02", "v1", n) for n in range(3)], WINDOW)
    document = json.loads(to_json(plan)) | {"protocol": protocol}
    del document["definition"], document["stale"]
    for batch in document["batches"]:
        for chunk in batch["chunks"]:
            for name in absent:
                del chunk[name]
    assert from_json(json.dumps(document).encode()) == plan


def test_the_form_is_canonical() -> None:
    plan = NightPlan("vitals", 3, (), "naïve: nothing to do", "1:d", (span("09-01/09-02"),))
    assert to_json(plan).decode() == (
        '{"batches":[],"considered_chunks":3,"datasource":"vitals","definition":"1:d",'
        '"explanation":"naïve: nothing to do","protocol":3,'
        '"stale":["2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z"]}'
    )
    assert canonical({"b": 1, "a": [2]}) == b'{"a":[2],"b":1}'


@pytest.mark.parametrize(
    ("body", "came_back"),
    [
        (b"", "no JSON object with a protocol"),
        (b"[]", "no JSON object with a protocol"),
        (b"\xff", "no JSON object with a protocol"),
        (b"{}", "no JSON object with a protocol"),
        (json.dumps({"protocol": PROTOCOL + 1}).encode(), "protocol 4"),
        (json.dumps({"protocol": PROTOCOL}).encode(), "KeyError: 'datasource'"),
    ],
)
def test_what_cannot_be_read_is_a_protocol_error(body: bytes, came_back: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        from_json(body)
    assert caught.value.came_back == came_back
