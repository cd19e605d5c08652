"""A report as a value: page, print and tables are made from it alike, so that none of them can say something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from druid_reindex.evidence.report_figure import Figure

UNKNOWN = "unknown"


class Level(StrEnum):
    """How much a thing matters; each has a mark and a word, so that no colour is needed to tell them apart."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"

    @property
    def word(self) -> str:
        """The mark and the word."""
        return _WORDS[self]


_WORDS = {Level.RED: "✗ red", Level.AMBER: "! amber", Level.GREEN: "✓ green"}
_FROM_WORST = tuple(Level)
Cell: TypeAlias = str | int | Level | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody must look at: what, where, and what to do about it."""

    level: Level
    what: str
    where: str
    todo: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a caption; a cell that is None is told as unknown, and ``nothing`` is said where there are no rows."""

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    nothing: str = "None."


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what is said below it, and its tables; ``commands`` are lines for a shell."""

    name: str
    title: str
    says: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figure: Figure | None = None
    commands: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What is told, the most important first. ``mark`` stands on every page; it is empty outside a sandbox."""

    title: str
    level: Level
    verdict: str
    made_of: str
    mark: str
    sections: Sequence[Section]

    def tables(self) -> Iterable[Table]:
        """Every table, in order."""
        return (table for section in self.sections for table in section.tables)


def worst(levels: Iterable[Level]) -> Level:
    """The worst of the levels; green of none."""
    return min(levels, key=_FROM_WORST.index, default=Level.GREEN)


def by_level(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the worst first; equal ones keep their order."""
    return sorted(findings, key=lambda each: _FROM_WORST.index(each.level))


def findings_table(findings: Iterable[Finding], nothing: str) -> Table:
    """The findings as a table, the worst first."""
    rows = [(each.level, each.what, each.where, each.todo) for each in by_level(findings)]
    caption = f"Findings, the worst first: {len(rows)}"
    return Table("findings", caption, ("Level", "What was found", "Where", "What to do"), rows, nothing)


def text(cell: Cell) -> str:
    """The cell as people read it."""
    match cell:
        case None:
            return UNKNOWN
        case Level():
            return cell.word
        case int():
            return f"{cell:,}"
        case str():
            return cell
