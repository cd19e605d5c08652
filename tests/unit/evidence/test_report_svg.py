"""A figure as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

from druid_reindex.evidence.report_figure import Box, Figure, Label, Line, Look
from druid_reindex.evidence.report_svg import svg

EVIL = '</text><script>alert("1")</script>&'


def test_text_is_escaped_and_the_figure_says_what_it_shows() -> None:
    shapes = (Box(0, 0, 9, 9, (EVIL,), Look.DASHED), Label(1, 2, EVIL), Line(0, 0, 9, 0), Line(0, 0, 9, 9, plain=True))
    told = svg(Figure("name", EVIL, EVIL, 10, 20, shapes))
    assert "<script" not in told
    root = ElementTree.fromstring(told)
    assert [each.text for each in root.iter("text")] == [EVIL, EVIL]
    assert root.get("aria-labelledby") == "name-title name-says"
    assert [each.get("id") for each in root if each.tag in {"title", "desc"}] == ["name-title", "name-says"]
    assert [each.get("class") for each in root.iter("path")] == ["line", "head", "line"]
