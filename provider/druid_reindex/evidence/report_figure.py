"""Figures as boxes, lines and labels, laid out here once, so that the page and the print draw the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Look(StrEnum):
    """How a box is drawn: by its border, so that it can be told apart without colours."""

    PLAIN = "plain"
    STRONG = "strong"
    DASHED = "dashed"
    SOLID = "solid"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle from its upper left corner, with its lines of text."""

    x: float
    y: float
    width: float
    height: float
    lines: Sequence[str] = ()
    look: Look = Look.PLAIN


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line, with an arrow's head at its end unless it is ``plain``."""

    x1: float
    y1: float
    x2: float
    y2: float
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """A text that begins at ``x``, on the base line ``y``."""

    x: float
    y: float
    text: str


Shape: TypeAlias = Box | Line | Label


@dataclass(frozen=True, slots=True)
class Figure:
    """Shapes in a field of ``width`` by ``height`` units; ``says`` tells the same to who does not see it."""

    name: str
    title: str
    says: str
    width: float
    height: float
    shapes: Sequence[Shape]


LINE_UNITS, CHARACTER_UNITS, PADDING_UNITS = 17.0, 7.0, 10.0


def box_height(lines: Sequence[str]) -> float:
    """How high a box is that holds these lines."""
    return LINE_UNITS * len(lines) + 2 * PADDING_UNITS - 4


def box_width(lines: Sequence[str]) -> float:
    """How wide a box is that holds these lines."""
    return CHARACTER_UNITS * max((len(line) for line in lines), default=0) + 2 * PADDING_UNITS


def shortened(text: str, most: int = 40) -> str:
    """``text``, its middle left out where it is longer than ``most`` characters."""
    head = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - head]}…{text[-head:]}"


Lines: TypeAlias = tuple[str, ...]
Flow: TypeAlias = tuple[Lines, Lines, Lines]
_GAP_X, _GAP_Y, _MARGIN = 70.0, 16.0, 8.0


def flow(name: str, title: str, says: str, rows: Sequence[Flow]) -> Figure:
    """Rows of three boxes from left to right: what there was, what was done with it, what came of it."""
    widths = [max(box_width(row[column]) for row in rows) for column in range(3)]
    shapes: list[Shape] = []
    y = _MARGIN
    for row in rows:
        shapes += _drawn(row, widths, y)
        y += max(map(box_height, row)) + _GAP_Y
    return Figure(name, title, says, sum(widths) + 2 * _GAP_X + 2 * _MARGIN, y, shapes)


def _drawn(row: Flow, widths: Sequence[float], y: float) -> list[Shape]:
    shapes: list[Shape] = []
    middle = y + max(map(box_height, row)) / 2
    x = _MARGIN
    for lines, width, look in zip(row, widths, (Look.DASHED, Look.PLAIN, Look.STRONG), strict=True):
        height = box_height(lines)
        if shapes:
            shapes.append(Line(x - _GAP_X, middle, x, middle))
        shapes.append(Box(x, middle - height / 2, width, height, lines, look))
        x += width + _GAP_X
    return shapes
