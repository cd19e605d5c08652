"""Who has read a pack."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from druid_reindex.evidence.access import Access, chained, first_broken

ONE = Access(datetime(2026, 10, 6, 9, tzinfo=UTC), "ada", "arn:aws:iam::1:user/ada", "report html", ("ab" * 32,))


def test_a_record_says_who_when_what_and_how() -> None:
    told = json.loads(ONE.to_json())
    assert told == {
        "at": "2026-10-06T09:00:00+00:00", "by": "ada", "how": "report html", "identity": "arn:aws:iam::1:user/ada",
        "packs": ["ab" * 32],
    }  # fmt: skip


def test_names_sort_by_time_and_differ_for_different_readings_of_one_instant() -> None:
    later = replace(ONE, at=datetime(2026, 10, 6, 10, tzinfo=UTC))
    assert ONE.name < later.name
    assert ONE.name != replace(ONE, by="grace").name


def test_lines_follow_from_each_other() -> None:
    lines = b""
    for by in ("ada", "grace", "jo"):
        lines += chained(replace(ONE, by=by), lines)
    assert first_broken(lines) is None
    assert first_broken(b"") is None


@pytest.mark.parametrize(
    ("find", "put", "wanted"), [(b"grace", b"nobody", 3), (b'"previous"', b'"x"', 1), (b"{", b"", 1)]
)
def test_a_line_that_was_changed_breaks_the_next_one(find: bytes, put: bytes, wanted: int) -> None:
    lines = b""
    for by in ("ada", "grace", "jo"):
        lines += chained(replace(ONE, by=by), lines)
    assert first_broken(lines.replace(find, put)) == wanted


def test_a_line_that_was_taken_out_is_missed() -> None:
    lines = b""
    for by in ("ada", "grace", "jo"):
        lines += chained(replace(ONE, by=by), lines)
    first, _, third = lines.splitlines(keepends=True)
    assert first_broken(first + third) == 2
