"""The report as a PDF for print and for the file: A4, its pages numbered, the report's mark on each of them.

Readers by ear are served better by the page: this library writes no structure tags, only title, language and outline.
Source: https://docs.reportlab.com/reportlab/userguide/ch5_platypus/
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, assert_never
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Drawing, Polygon, Rect, String
from reportlab.graphics.shapes import Line as PdfLine
from reportlab.lib.colors import Color, black, white
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import CondPageBreak, KeepTogether, LongTable, Paragraph, SimpleDocTemplate, TableStyle

from druid_reindex.evidence.report import Cell, Report, Section, Table, text
from druid_reindex.evidence.report_figure import LINE_UNITS, PADDING_UNITS, Box, Figure, Label, Line, Look, Shape

_PLAIN, _BOLD = "Vera", "VeraBd"
_GREY: Final = Color(0.35, 0.35, 0.35)
_PALE: Final = Color(0.95, 0.95, 0.95)
_MARGIN = 16 * mm
_WIDTH = landscape(A4)[0] - 2 * _MARGIN - 12  # the frame's own padding
_SPELLED = {"✗": "x", "✓": "+", "→": "->", "\n": " "}
_WIDE, _WORD = 44, 15  # characters: of a text that counts for its column's width, of a word that is kept whole
_SIZE, _SMALL_SIZE, _MOST_COLUMNS = 7.0, 6.0, 9
_CHARACTER = 0.6  # of the size of the font
_ROOM = 32 * mm  # a heading needs so much below it, or begins the next page
_INSTANT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?\+00:00$")


def pdf(report: Report) -> bytes:
    """The document; its date is the one on which it is made."""
    written = io.BytesIO()
    document = SimpleDocTemplate(
        written, pagesize=landscape(A4), leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN,
        bottomMargin=_MARGIN, title=report.title, subject=report.made_of, author="druid-reindex",
        creator="druid-reindex", lang="en", displayDocTitle=1, pageCompression=1,
    )  # fmt: skip
    document.build(list(_story(report)), canvasmaker=_numbered(report.title, report.mark))
    return written.getvalue()


def _story(report: Report) -> Iterator[Any]:
    yield _paragraph(report.title, "title")
    yield _paragraph(f"{report.level.word}: {report.verdict}", "strong")
    yield _paragraph(f"Made of {report.made_of}.", "plain")
    for section in report.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[Any]:
    head = [_Heading(section.title, section.name)]
    head += [_paragraph(f"• {line}" if len(section.says) > 1 else line, "plain") for line in section.says]
    if section.figure is not None:
        yield KeepTogether([*head, _paragraph(section.figure.title, "strong"), _drawing(section.figure)])
    else:
        yield CondPageBreak(_ROOM + 14 * mm + 6 * mm * len(section.says))
        yield from head
    for table in section.tables:
        yield from _captioned(table)
    for line in section.commands:
        yield _paragraph(line, "command")


def _captioned(table: Table) -> Iterator[Any]:
    if table.rows:
        yield CondPageBreak(_ROOM)
        yield _paragraph(table.caption, "strong")
        yield _table(table)
    else:
        yield _paragraph(f"{table.caption}: {table.nothing}", "strong")


class _Heading(Paragraph):  # type: ignore[misc]
    """A heading that the outline leads to."""

    def __init__(self, title: str, name: str) -> None:
        super().__init__(escape(_printable(title)), _styles()["heading"])
        self._title, self._name = title, name

    def draw(self) -> None:
        """Draw it, and note its place."""
        self.canv.bookmarkPage(self._name)
        self.canv.addOutlineEntry(self._title, self._name)
        super().draw()


def _table(table: Table) -> LongTable:
    small = "-small" if len(table.columns) > _MOST_COLUMNS else ""
    head = [_paragraph(column, f"head{small}") for column in table.columns]
    rows = [[_paragraph(_cell(cell), f"cell{small}") for cell in row] for row in table.rows]
    drawn = LongTable([head, *rows], colWidths=_widths(table), repeatRows=1, spaceAfter=4 * mm)
    drawn.setStyle(TableStyle([
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, 0), 1, black),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, _GREY),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ]))  # fmt: skip
    return drawn


def _cell(cell: Cell) -> str:
    """The cell's text; an instant of UTC with a space, at which it may break."""
    return _INSTANT.sub(r"\1 \2", text(cell))


def _widths(table: Table) -> list[float]:
    """Widths in which short words stay whole; what is left goes to the columns by the length of their texts."""
    columns = [[*map(_cell, each)] for each in zip(table.columns, *table.rows, strict=True)]
    whole = [max(len(word) for cell in column for word in cell.split() or [""] if len(word) <= _WORD) + 2
             for column in columns]  # fmt: skip
    more = [min(max(map(len, column)), _WIDE) for column in columns]
    size = _SMALL_SIZE if len(columns) > _MOST_COLUMNS else _SIZE
    left = max(_WIDTH / (_CHARACTER * size) - sum(whole), 0)
    shares = [fixed + left * wanted / sum(more) for fixed, wanted in zip(whole, more, strict=True)]
    return [_WIDTH * each / sum(shares) for each in shares]


def _drawing(figure: Figure) -> Drawing:
    scale = min(1.0, _WIDTH / figure.width, (A4[0] - 2 * _MARGIN - 30 * mm) / figure.height)
    drawing = Drawing(figure.width * scale, figure.height * scale)
    drawing.transform = (scale, 0, 0, scale, 0, 0)
    for shape in figure.shapes:
        for each in _shape(shape, figure.height):
            drawing.add(each)
    return drawing


def _shape(shape: Shape, height: float) -> Iterator[Any]:
    """The shape with the origin below."""
    match shape:
        case Box():
            yield Rect(
                shape.x, height - shape.y - shape.height, shape.width, shape.height, strokeColor=black,
                fillColor=_GREY if shape.look is Look.SOLID else white, rx=2, ry=2,
                strokeWidth=2 if shape.look is Look.STRONG else 0.7,
                strokeDashArray=[4, 2] if shape.look is Look.DASHED else None,
            )  # fmt: skip
            for number, line in enumerate(shape.lines):
                top = shape.y + PADDING_UNITS + 9 + LINE_UNITS * number
                yield _string(shape.x + PADDING_UNITS, height - top, line)
        case Line():
            yield PdfLine(shape.x1, height - shape.y1, shape.x2, height - shape.y2, strokeWidth=0.7)
            if not shape.plain:
                x, y = shape.x2, height - shape.y2
                yield Polygon([x, y, x - 7, y + 3.5, x - 7, y - 3.5], fillColor=black)
        case Label():
            yield _string(shape.x, height - shape.y, shape.text)
        case _:
            assert_never(shape)


def _string(x: float, y: float, line: str) -> String:
    return String(x, y, _printable(line), fontName=_PLAIN, fontSize=9)


def _paragraph(line: str, style: str) -> Paragraph:
    return Paragraph(escape(_printable(line)), _styles()[style])


@cache
def _styles() -> dict[str, ParagraphStyle]:
    _glyphs()
    plain: dict[str, Any] = {"fontName": _PLAIN, "fontSize": 9, "leading": 12.5, "splitLongWords": 1}
    small = plain | {"fontSize": _SIZE, "leading": 9}
    smaller = plain | {"fontSize": _SMALL_SIZE, "leading": 7.5}
    wanted = {
        "title": plain | {"fontName": _BOLD, "fontSize": 18, "leading": 24},
        "heading": plain | {"fontName": _BOLD, "fontSize": 13, "leading": 18, "spaceBefore": 14},
        "strong": plain | {"fontName": _BOLD, "spaceBefore": 6, "spaceAfter": 2},
        "plain": plain | {"spaceAfter": 3},
        "head": small | {"fontName": _BOLD},
        "cell": small,
        "head-small": smaller | {"fontName": _BOLD},
        "cell-small": smaller,
        "command": small | {"backColor": _PALE, "leftIndent": 4, "spaceAfter": 2},
    }
    return {name: ParagraphStyle(name, **style) for name, style in wanted.items()}


@cache
def _glyphs() -> frozenset[int]:
    """The characters that the fonts have; they come with the library, and are embedded in the document."""
    fonts = [TTFont(name, f"{name}.ttf") for name in (_PLAIN, _BOLD)]
    for font in fonts:
        pdfmetrics.registerFont(font)
    return frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in fonts))


def _printable(line: str) -> str:
    """The text, each character that the fonts have not spelled out or as its number."""
    return "".join(each if ord(each) in _glyphs() else _SPELLED.get(each, f"\\u{{{ord(each):x}}}") for each in line)


def _numbered(title: str, mark: str) -> type:
    """A canvas that knows how many pages there are before it writes the first one."""
    from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415

    class Numbered(Canvas):  # type: ignore[misc]
        """Keeps its pages until the last one is drawn."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._kept: list[dict[str, Any]] = []
            self.showOutline()

        def showPage(self) -> None:  # noqa: N802  # the library's name
            """Keep the page."""
            self._kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            """Write all pages, each with its number."""
            for page in self._kept:
                self.__dict__.update(page)
                self._foot(len(self._kept))
                super().showPage()
            super().save()

        def _foot(self, pages: int) -> None:
            self.setFont(_PLAIN, 8)
            self.drawString(_MARGIN, 8 * mm, _printable(title))
            self.drawRightString(landscape(A4)[0] - _MARGIN, 8 * mm, f"page {self._pageNumber} of {pages}")
            if mark:
                self.setFont(_BOLD, 9)
                self.drawRightString(landscape(A4)[0] - _MARGIN, landscape(A4)[1] - 10 * mm, _printable(mark))

    return Numbered
