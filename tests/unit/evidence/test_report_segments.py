"""Which data moved."""

from __future__ import annotations

import pytest

from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report_figure import Box
from druid_reindex.evidence.report_segments import lineage_figure, objects_table, segments_table, version_of
from druid_reindex.model.segment import Segment
from told_nights import AFTER, BEFORE, CHUNKS, OBJECT, evidence, night, record


@pytest.mark.parametrize("datasource", ["vitals", "patient_vitals", "a_2_b"])
@pytest.mark.parametrize("partition", [0, 3])
def test_an_id_as_druid_writes_it_is_read_back(datasource: str, partition: int) -> None:
    segment = Segment.from_payload({
        "dataSource": datasource, "interval": CHUNKS[0].replace("_", "/"), "version": BEFORE, "size": 1,
        "shardSpec": {"type": "numbered", "partitionNum": partition},
    })  # fmt: skip
    assert version_of(segment.segment_id) == (str(segment.interval), BEFORE)


@pytest.mark.parametrize("text", ["", "x", "a_b_c_d", "v_2026-10-05_v1", "ds_2026-10-01T00:00:00.000Z_v"])
def test_what_is_no_id_is_shown_as_it_is(text: str) -> None:
    assert version_of(text) == (text, "no version in the id")


def test_each_version_of_each_chunk_with_its_segments() -> None:
    rows = segments_table(evidence(night())).rows
    assert (0, "before", CHUNKS[0].replace("_", "/"), BEFORE, 3) in rows
    assert (1, "after", CHUNKS[3].replace("_", "/"), AFTER, 1) in rows
    assert len(rows) == 7


def test_the_graph_says_in_words_what_it_draws() -> None:
    figure = lineage_figure(evidence(night()))
    assert figure is not None
    boxes = [shape for shape in figure.shapes if isinstance(shape, Box)]
    assert len(boxes) == 6
    assert boxes[0].lines == ("patient_vitals", f"{BEFORE} (9)")
    assert f"{BEFORE} (9) → batch 0; 3 time chunks → patient_vitals; {AFTER} (3)" in figure.says
    assert "nothing served before" in figure.says
    assert all(
        box.x >= 0 and box.x + box.width <= figure.width and box.y + box.height <= figure.height for box in boxes
    )


def test_a_graph_of_many_batches_and_versions_stays_small_and_says_how_many_it_leaves_out() -> None:
    ids = [f"v_{CHUNKS[0]}_2026-10-02T06:41:0{number}.118Z" for number in range(9)]
    batches = tuple(parts.Batch(number, ids, ids[:1], record("r")) for number in range(40))
    figure = lineage_figure(evidence(night({Kind.SEGMENTS: parts.told(parts.Segments(batches))})))
    assert figure is not None
    assert "28 more batches" in figure.says
    assert "and 6 more versions" in figure.says
    assert figure.height < 2000


def test_a_night_without_a_batch_has_no_graph() -> None:
    told = evidence(night({Kind.SEGMENTS: parts.absent(Kind.SEGMENTS, "nothing to do")}))
    assert lineage_figure(told) is None
    assert not segments_table(told).rows


def test_an_object_without_a_key_says_none() -> None:
    files = parts.Objects((parts.StoredFile(OBJECT, "e", ""),), ("v_gone",))
    assert objects_table(evidence(night({Kind.OBJECTS: parts.told(files)}))).rows == [
        (OBJECT, "e", "none"), ("v_gone", "used no more", ""),
    ]  # fmt: skip
