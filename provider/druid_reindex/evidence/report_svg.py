"""A figure as SVG within a page: its colours are the page's, its text is escaped, and it loads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never
from xml.sax.saxutils import escape

from druid_reindex.evidence.report_figure import LINE_UNITS, PADDING_UNITS, Box, Figure, Label, Line, Shape

_HEAD_UNITS = 7


def svg(figure: Figure) -> str:
    """The figure; its title and what it says are read out where it is not seen."""
    width, height = f"{figure.width:g}", f"{figure.height:g}"
    drawn = "\n".join(line for shape in figure.shapes for line in _shape(shape))
    name = escape(figure.name)
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-labelledby="{name}-title {name}-says">\n<title id="{name}-title">{escape(figure.title)}</title>\n'
        f'<desc id="{name}-says">{escape(figure.says)}</desc>\n{drawn}\n</svg>'
    )


def _shape(shape: Shape) -> Iterator[str]:
    match shape:
        case Box():
            yield (
                f'<rect class="box {shape.look}" x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" '
                f'height="{shape.height:g}" rx="3"/>'
            )
            for number, line in enumerate(shape.lines):
                yield _text(shape.x + PADDING_UNITS, shape.y + PADDING_UNITS + 9 + LINE_UNITS * number, line)
        case Line():
            yield f'<path class="line" d="M{shape.x1:g} {shape.y1:g} L{shape.x2:g} {shape.y2:g}"/>'
            if not shape.plain:
                yield _arrow(shape)
        case Label():
            yield _text(shape.x, shape.y, shape.text)
        case _:
            assert_never(shape)


def _arrow(line: Line) -> str:
    """The head at the end of a line that goes to the right."""
    back = line.x2 - _HEAD_UNITS
    upper, lower = line.y2 - _HEAD_UNITS / 2, line.y2 + _HEAD_UNITS / 2
    return f'<path class="head" d="M{line.x2:g} {line.y2:g} L{back:g} {upper:g} L{back:g} {lower:g} Z"/>'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:g}" y="{y:g}">{escape(text)}</text>'
