"""What somebody has touched, in counts that the packs tell."""

from __future__ import annotations

from typing import Any

import pytest

from druid_reindex.evidence.held import (
    NO_MANIFEST,
    NO_OBJECT,
    NOTHING_HELD,
    UNKNOWN_FORM,
    UNTOLD,
    Held,
    chunk_of,
)
from druid_reindex.evidence.parts_trail import Touched
from druid_reindex.model.holding import Holding

CHUNK = "2026-10-01T00:00:00.000Z/2026-10-02T00:00:00.000Z"
FOLDER = "druid/segments/patient_vitals/2026-10-01T00:00:00.000Z_2026-10-02T00:00:00.000Z/v2"
SEGMENT = f"arn:aws:s3:::drx-phi/{FOLDER}/0/index.zip"
UNLOADED, OWN = "arn:aws:s3:::drx-phi/runs/r/unload/claims/1/0000_part_00", "arn:aws:s3:::drx-phi/runs/r/plan.json"
HOLDINGS = [
    Holding(SEGMENT.replace("arn:aws:s3:::", "s3://"), CHUNK, 4120, 371, "by a sketch").to_record(),
    Holding(UNLOADED.replace("arn:aws:s3:::", "s3://"), rows=12, how="nobody counts the patients in files").to_record(),
]
FILES = {"files": [{"uri": each.replace("arn:aws:s3:::", "s3://"), "etag": "e"} for each in (UNLOADED, OWN)]}


def touched(resource: str) -> Touched:
    return Touched("foreign", "eve", "s3.amazonaws.com", "GetObject", resource, 1, "t", "t", "")


def counted(resource: str, segments: dict[str, Any]) -> tuple[str | None, int | None, int | None, str]:
    found = Held.of(segments, FILES).counted(touched(resource))
    return found.interval, found.rows, found.patients, found.counted


def test_a_segment_has_its_chunk_rows_and_patients() -> None:
    assert counted(SEGMENT, {"holdings": HOLDINGS}) == (CHUNK, 4120, 371, "by a sketch")


def test_a_file_of_a_manifest_has_its_rows() -> None:
    told = (None, 12, None, "nobody counts the patients in files")
    assert counted(UNLOADED, {"holdings": HOLDINGS}) == told


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (f"arn:aws:s3:::drx-phi/{FOLDER}/1/index.zip", UNTOLD),
        (OWN, NO_MANIFEST),
        ("arn:aws:s3:::drx-phi", NO_OBJECT),
        ("arn:aws:kms:us-east-1:111122223333:key/1", NO_OBJECT),
        ("the account", NO_OBJECT),
    ],
)
def test_what_nobody_has_counted_says_why(resource: str, why: str) -> None:
    _, rows, patients, told = counted(resource, {"holdings": HOLDINGS})
    assert (rows, patients, told) == (None, None, why)


def test_the_address_of_a_segment_still_tells_its_chunk() -> None:
    assert counted(SEGMENT, {})[0] == CHUNK
    assert chunk_of("arn:aws:s3:::b/druid/segments/ds/2026-10-01_2026-10-02/v/0/index.zip") is None


def test_a_record_that_could_not_be_read_is_told_beside_what_it_may_have_counted() -> None:
    told = counted(SEGMENT, {"holdings": [], "uncounted": ["read an object: HTTP 503"]})
    assert told == (CHUNK, None, None, f"{UNTOLD}; read an object: HTTP 503")


@pytest.mark.parametrize("wrong", [{"rows": -3}, {"rows": "many"}, {"patients": True}, {"uri": "index.zip"}])
def test_counts_that_cannot_be_are_no_counts(wrong: dict[str, Any]) -> None:
    told = counted(SEGMENT, {"holdings": [HOLDINGS[0] | wrong]})
    assert told == (CHUNK, None, None, f"{UNTOLD}; {UNKNOWN_FORM}")


def test_a_pack_of_an_earlier_release_tells_nothing() -> None:
    assert NOTHING_HELD.counted(touched(SEGMENT)).counted == UNTOLD
