"""The plan as a page."""

from __future__ import annotations

import itertools
from html.parser import HTMLParser
from typing import Any

from druid_reindex.plan.estimate import Estimate
from druid_reindex.plan.page import PlanPage, plan_page
from druid_reindex.plan.rows import ChunkRow

ROW = ChunkRow(
    0, "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z", ("fragmented", "forced"), 3, 1, 3_000, 6_000, 1, 0.25, None
)
FACTS = {"run id": "f00", "reason": "late file"}


def page(**changes: Any) -> str:
    told: dict[str, Any] = {
        "title": "Plan of patient_vitals", "explanation": "1 to rebuild", "facts": FACTS,
        "rows": (ROW,), "estimate": Estimate(6_000, 1.5, 0.75), "over_limits": (),
    }  # fmt: skip
    return plan_page(PlanPage(**told | changes)).decode()


class Reader(HTMLParser):
    """The tags, the attributes' values and the texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.values: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def test_each_chunk_has_its_row() -> None:
    texts = Reader(page()).texts
    start = texts.index("US dollars") + 1
    assert texts[start:-1] == [
        "0", "2026-09-01T00:00:00.000Z/2026-09-02T00:00:00.000Z", "fragmented, forced", "3", "3,000", "6,000", "1",
        "0.25", "unknown",
    ]  # fmt: skip
    assert texts[-1].startswith("A chunk's instance-hours and dollars are its share")


def test_the_head_tells_run_estimate_and_limits() -> None:
    texts = Reader(page(over_limits=["120 time chunks, where policy.max_chunks is 100"])).texts
    assert "Waits for approval: 120 time chunks, where policy.max_chunks is 100." in texts
    told = dict(itertools.pairwise(texts))
    assert told["reason"] == "late file"
    assert told["Estimated instance-hours"] == "1.5"
    assert told["Estimated cost in US dollars"] == "0.75"


def test_what_is_unknown_is_told_so() -> None:
    texts = Reader(page(estimate=Estimate(6_000, 1.5, None, "the price of r6g.xlarge in prices.yaml"))).texts
    told = dict(itertools.pairwise(texts))
    assert told["Estimated cost in US dollars"] == "unknown"
    assert told["Missing for the estimate"] == "the price of r6g.xlarge in prices.yaml"


def test_a_plan_without_batches_has_no_table_of_chunks() -> None:
    assert "US dollars" not in Reader(page(rows=())).texts


def test_every_value_is_escaped() -> None:
    bad = '<script>alert("x")</script>'
    html = page(title=bad, explanation=bad, facts={bad: bad}, over_limits=[bad])
    assert "script" not in Reader(html).tags
    assert Reader(html).texts.count(bad) == 5


def test_nothing_is_loaded_from_outside() -> None:
    read = Reader(page())
    assert not {"script", "link", "img", "iframe"} & set(read.tags)
    assert not [value for value in read.values if "://" in value]
    assert "url(" not in page()


def test_equal_plans_give_equal_pages() -> None:
    assert page() == page()


def test_no_payload_of_a_segment_is_shown() -> None:
    assert "loadSpec" not in page()
    assert "patient_token" not in page()
