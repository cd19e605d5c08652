"""The page: whole in itself, readable by ear, in the dark, on a phone, and in black and white."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report_html import html, style
from druid_reindex.evidence.report_night import night_report
from told_nights import FOREIGN, MISSING, confirmed, evidence, night

EVIL = "<script>alert('x')</script>\"'&"
VOID = {"meta", "link", "br", "hr", "img", "input", "rect", "path"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes; ``open`` are those that were never closed."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(body)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def body() -> str:
    return html(night_report(evidence(night(supplement=confirmed(FOREIGN, MISSING))))).decode()


@pytest.fixture(scope="module")
def page(body: str) -> Page:
    return Page(body)


def test_it_is_well_formed_and_says_its_language(page: Page) -> None:
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("title")) >= 1


def test_it_asks_nobody_for_anything(page: Page, body: str) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "input"}
    for tag, attributes in page.elements:
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "srcset", "style"}}
        assert tag != "a" or str(attributes["href"]).startswith("#")
    assert not re.search(r"url\(|@import|http-equiv=.refresh", body)
    assert "default-src 'none'" in body


def test_each_table_has_its_caption_and_each_header_its_scope(page: Page) -> None:
    tables = page.all("table")
    assert len(tables) > 8
    assert len(page.all("caption")) == len(tables)
    assert {attributes.get("scope") for attributes in page.all("th")} == {"col", "row"}


def test_ids_are_unique_and_all_that_names_one_finds_it(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = [str(attributes["href"])[1:] for attributes in page.all("a")]
    named += [name for _, each in page.elements for name in str(each.get("aria-labelledby") or "").split()]
    assert named
    assert set(named) <= set(ids)


def test_headings_go_down_one_step_at_a_time_and_the_first_link_skips(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.all("a")[0]["href"] == "#content"


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name(page: Page) -> None:
    wide = [attributes for _, attributes in page.elements if attributes.get("class") == "wide"]
    assert wide
    for attributes in wide:
        assert attributes["tabindex"] == "0"
        assert attributes.get("aria-label") or attributes.get("aria-labelledby")


def test_a_drawing_says_what_it_shows(page: Page) -> None:
    drawings = page.all("svg")
    assert len(drawings) == 2
    assert all(each["role"] == "img" and each["aria-labelledby"] for each in drawings)
    assert len(page.all("desc")) == 2


def test_colour_is_never_the_only_sign(body: str) -> None:
    for found in re.findall(r'class="level \w+">([^<]*)<', body):
        assert re.fullmatch(r"[✗!✓] (red|amber|green)", found)
    assert re.search(r'class="level red">✗ red<', body)
    borders = re.findall(r"\.verdict\.\w+ {[^}]*border-left-style: (\w+)", style())
    assert len(set(borders)) == len(borders) == 3


def test_the_mark_is_in_title_head_foot_and_on_every_printed_page(body: str) -> None:
    assert body.count("trail: emulated") >= 4
    assert '@top-right { content: "trail: emulated"; }' in body


def test_every_value_is_escaped() -> None:
    asked = parts.told(parts.Asked(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL))
    failed = parts.told(parts.Tasks((parts.Task(EVIL, "failed"),)))
    segments = parts.told(parts.Segments((parts.Batch(0, (EVIL,), (EVIL,), parts.Record(EVIL, EVIL)),)))
    changes = {Kind.ASKED: asked, Kind.TASKS: failed, Kind.SEGMENTS: segments, Kind.PLAN: parts.unread(Kind.PLAN, EVIL)}
    body = html(night_report(evidence(night(changes)))).decode()
    assert "<script" not in body
    assert Page(body).open == []


def test_equal_evidence_gives_equal_bytes(body: str) -> None:
    assert html(night_report(evidence(night(supplement=confirmed(FOREIGN, MISSING))))).decode() == body


def palettes() -> dict[str, dict[str, str]]:
    """The colours by their names: those of the light page, the dark one, and the print."""
    blocks = re.findall(r":root {([^}]*)}", style())
    assert len(blocks) == 3
    return {name: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for name, block in
            zip(("light", "dark", "print"), blocks, strict=True)}  # fmt: skip


def luminance(colour: str) -> float:
    """Source: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance"""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Source: https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio"""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


TEXTS = [("ink", "paper"), ("quiet", "paper"), ("link", "paper"), ("ink", "panel"), ("red", "paper"),
         ("amber", "paper"),
         ("green", "paper"), ("red", "red-panel"), ("amber", "amber-panel"), ("green", "green-panel")]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_and_lines_stand_out(scheme: str) -> None:
    """Source: https://www.w3.org/TR/WCAG21/#contrast-minimum (AA: 4.5 for text, 3 for what is drawn)"""
    colours = palettes()[scheme]
    for front, back in TEXTS:
        assert contrast(colours[front], colours[back]) >= 4.5, f"{front} on {back}"
    assert contrast(colours["edge"], colours["paper"]) >= 3
    assert contrast(colours["edge"], colours["panel"]) >= 3


def test_no_colour_is_used_that_is_not_in_the_palette() -> None:
    without_palettes = re.sub(r":root {[^}]*}", "", style())
    assert not re.search(r"#[0-9a-f]{3,8}\b(?![^{]*{)", without_palettes)
    assert set(re.findall(r"var\(--([\w-]+)\)", without_palettes)) == set(palettes()["light"])
    assert palettes()["light"].keys() == palettes()["dark"].keys() == palettes()["print"].keys()
