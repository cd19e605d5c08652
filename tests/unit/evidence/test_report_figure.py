"""The measures of figures."""

from __future__ import annotations

from druid_reindex.evidence.report_figure import box_height, box_width, shortened


def test_a_box_grows_with_its_text() -> None:
    assert box_width(["ab", "abcd"]) > box_width(["ab"]) > box_width([]) > 0
    assert box_height(["a", "b"]) > box_height(["a"])


def test_a_long_text_keeps_its_two_ends() -> None:
    assert shortened("short") == "short"
    told = shortened("a" * 30 + "b" * 30, 21)
    assert len(told) == 21
    assert told.startswith("aaaaaaaaaa")
    assert told.endswith("bbbbbbbbbb")
    assert "…" in told
