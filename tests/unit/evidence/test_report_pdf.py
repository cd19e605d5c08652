"""The report as a PDF, read back."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pypdf import PdfReader

from druid_reindex.evidence.report import Report, Table
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_pdf import pdf
from told_nights import FOREIGN, MISSING, confirmed, evidence, night


@pytest.fixture(scope="module")
def report() -> Report:
    return night_report(evidence(night(supplement=confirmed(FOREIGN, MISSING))))


def read(report: Report) -> PdfReader:
    return PdfReader(io.BytesIO(pdf(report)))


def test_each_page_has_its_number_and_the_mark(report: Report) -> None:
    pages = [page.extract_text() for page in read(report).pages]
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert f"page {number} of {len(pages)}" in page
        assert "trail: emulated" in page


def test_without_an_emulated_trail_there_is_no_mark(report: Report) -> None:
    sections = [each for each in report.sections if each.name != "blind"]
    assert all(
        "emulated" not in page.extract_text() for page in read(replace(report, mark="", sections=sections)).pages
    )


def test_title_language_and_outline(report: Report) -> None:
    document = read(report)
    assert document.metadata is not None
    assert document.metadata.title == report.title
    assert document.trailer["/Root"]["/Lang"] == "en"
    assert document.trailer["/Root"]["/PageMode"] == "/UseOutlines"
    titles = [entry["/Title"] for entry in document.outline if isinstance(entry, dict)]
    assert titles == [section.title for section in report.sections]


def test_all_that_the_tables_say_is_there(report: Report) -> None:
    whole = "".join(page.extract_text() for page in read(report).pages)
    packed = "".join(whole.split())
    for table in report.tables():
        assert "".join((table.caption if table.rows else table.nothing).split()) in packed
    for word in ("x red", FOREIGN.principal, "drx1.0f2a7d6e41f5.1", "4,120"):
        assert "".join(word.split()) in packed


def test_no_character_of_our_own_is_spelled(report: Report) -> None:
    assert all(r"\u{" not in page.extract_text() for page in read(report).pages)


def test_a_letter_that_the_font_has_not_is_spelled_and_markup_is_text(report: Report) -> None:
    odd = Table("odd", "Odd", ("a",), [("Жанна & <b>bold</b>",)])
    section = replace(report.sections[1], tables=(odd,), figure=None)
    whole = "".join(page.extract_text() for page in read(replace(report, sections=(section,))).pages)
    assert r"\u{416}" in whole
    assert "& <b>bold</b>" in whole


def test_a_very_long_table_and_a_word_without_end(report: Report) -> None:
    long = Table("long", "Long", ("a", "b"), [(number, "x" * 4000) for number in range(60)])
    section = replace(report.sections[1], tables=(long,), figure=None)
    assert len(read(replace(report, sections=(section,))).pages) > 5


def test_words_of_a_wide_table_are_not_broken(report: Report) -> None:
    wide = Table("wide", "Wide", [f"Considerable {n}" for n in range(12)], [["2026-10-06T09:12:44+00:00"] * 12])
    section = replace(report.sections[1], tables=(wide,), figure=None)
    words = "".join(page.extract_text() for page in read(replace(report, sections=(section,))).pages).split()
    assert words.count("Considerable") == 12
    assert words.count("2026-10-06") == 12


def test_no_page_is_left_half_empty_before_a_table_that_can_be_divided(report: Report) -> None:
    long = Table("long", "Long", ("a", "b"), [(f"row {number}", "x") for number in range(60)])
    section = replace(report.sections[1], tables=(long,), figure=None)
    first = read(replace(report, sections=(section,))).pages[0].extract_text()
    assert "row 20" in first
