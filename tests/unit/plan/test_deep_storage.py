"""Tests of where a segment's objects lie: name, id and address say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.model.interval import Interval
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.deep_storage import SegmentName, interval_folder, interval_of, lies_below, name_of
from timelines import segment, span

ROOT = S3Uri.parse("s3://drx-phi-111122223333/druid/segments")
DAY = span("09-01/09-02")
VERSION = "2026-11-21T14:43:38.686Z"
NAMES = st.builds(SegmentName, st.just(DAY), st.sampled_from([VERSION, "v1", "2026-09-01"]), st.integers(0, 999))


@given(NAMES, st.sampled_from(["patient_vitals", "a_b-c", "x"]), st.sampled_from(["index.zip", "uuid/index.zip"]))
def test_name_id_and_address_say_the_same(name: SegmentName, datasource: str, file: str) -> None:
    assert SegmentName.parse(datasource, name.segment_id(datasource)) == name
    assert name_of(name.folder(ROOT, datasource) / file, ROOT, datasource) == name


def test_the_id_and_the_folder_are_those_that_druid_makes() -> None:
    made = segment(DAY, VERSION, 4)
    name = SegmentName.of(made)
    assert name.segment_id("patient_vitals") == made.segment_id
    assert str(name.folder(ROOT, "patient_vitals")) == (
        f"{ROOT}/patient_vitals/2026-09-01T00:00:00.000Z_2026-09-02T00:00:00.000Z/{VERSION}/4"
    )


@pytest.mark.parametrize("text", ["other_2026-09-01_2026-09-02_v1", "patient_vitals", "patient_vitals_a_b_v1", ""])
def test_what_is_no_id_of_the_datasource_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"vitals|Invalid"):
        SegmentName.parse("patient_vitals", text)


@pytest.mark.parametrize(
    "key",
    [
        "patient_vitals/20260901T000000.000Z_20260902T000000.000Z/v/0/index.zip",
        "patient_vitals/2026-09-01_2026-09-02/v/0/index.zip",
        f"patient_vitals/{interval_folder(DAY)}/v/index.zip",
        f"patient_vitals/{interval_folder(DAY)}/v/x/index.zip",
        f"patient_vitals_old/{interval_folder(DAY)}/v/0/index.zip",
        "patient_vitals",
    ],
)
def test_what_lies_elsewhere_belongs_to_no_segment(key: str) -> None:
    assert name_of(ROOT / key, ROOT, "patient_vitals") is None


def test_a_folder_is_an_interval_only_as_druid_writes_it() -> None:
    assert interval_of(interval_folder(DAY)) == DAY
    for folder in ("2026-09-01_2026-09-02", "tmp", "2026-09-01T00:00:00.000Z_", "a_b_c"):
        assert interval_of(folder) is None


def test_a_segment_that_druid_keeps_elsewhere_does_not_lie_below() -> None:
    made = segment(DAY, VERSION)
    key = f"{SegmentName.of(made).folder(ROOT, 'patient_vitals').key}/index.zip"
    spec = {"type": "s3_zip", "bucket": ROOT.bucket, "key": key}
    assert lies_below(replace(made, payload=made.payload | {"loadSpec": spec}), ROOT)
    for other in ({}, spec | {"bucket": "another-bucket"}, spec | {"key": f"x/{key}"}, {"type": "hdfs", "path": key}):
        assert not lies_below(replace(made, payload=made.payload | {"loadSpec": other}), ROOT)


def test_ends_of_time_have_no_folder_that_is_read() -> None:
    assert interval_of("-146136543-09-08T08:23:32.096Z_146140482-04-24T15:36:27.903Z") is None
    assert str(SegmentName(Interval.parse("2026-09-01/2026-09-02"), "v", 3)) == f"{DAY} v 3"
