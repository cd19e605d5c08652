"""The report as one HTML page that needs nothing else: no script, no style sheet, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from druid_reindex.evidence.report import Cell, Level, Report, text
from druid_reindex.evidence.report_svg import svg

STYLE_FILE, PAGE_FILE = "report.css", "report.html.j2"


def html(report: Report, links: Sequence[tuple[str, str]] = ()) -> bytes:
    """The page in UTF-8, every value escaped; equal reports give equal bytes.

    ``links`` are words and addresses that stand above it, where it is shown beside other pages.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.tests["level"] = lambda value: isinstance(value, Level)
    environment.tests["count"] = _is_count
    environment.tests["counted"] = lambda column, table: all(_is_count(row[column]) for row in table.rows)
    page = environment.from_string(_resource(PAGE_FILE))
    drawn = {each.name: Markup(svg(each.figure)) for each in report.sections if each.figure}  # noqa: S704  # svg escapes
    return page.render(report=report, links=links, style=Markup(style()), drawn=drawn, text=text).encode()  # noqa: S704  # our file


def _is_count(cell: Cell) -> bool:
    return type(cell) is int


def style() -> str:
    """The page's style sheet."""
    return _resource(STYLE_FILE)


def _resource(name: str) -> str:
    return files("druid_reindex.evidence").joinpath(name).read_text("utf-8")
