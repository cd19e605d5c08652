"""What a check found, as one line: good (✓), wrong (✗), or could not be read (?), with a remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from druid_reindex.errors import ConfigurationError, DruidReindexError, NotFoundError


class Mark(StrEnum):
    """A check's answer; UNREAD is never a pass."""

    GOOD = "✓"
    WRONG = "✗"
    UNREAD = "?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found, and what to do about it when it is not good."""

    mark: Mark
    found: str
    remedy: str = ""


def good(found: str) -> Outcome:
    """A pass."""
    return Outcome(Mark.GOOD, found)


def wrong(found: str, remedy: str) -> Outcome:
    """A failure that a person must put right."""
    return Outcome(Mark.WRONG, found, remedy)


@dataclass(frozen=True, slots=True)
class Check:
    """One look; errors in ``wrong_on`` are its answer, any other means that nobody could look.

    ``needs`` names an earlier check without whose pass this one is not asked.
    """

    name: str
    look: Callable[[], Outcome]
    needs: str = ""
    wrong_on: tuple[type[DruidReindexError], ...] = (NotFoundError, ConfigurationError)


@dataclass(frozen=True, slots=True)
class Line:
    """One check's answer."""

    name: str
    outcome: Outcome

    def __str__(self) -> str:
        remedy = f". What to do: {self.outcome.remedy}" if self.outcome.remedy else ""
        return _one_line(f"{self.outcome.mark} {self.name:<24} {self.outcome.found}{remedy}")

    def as_json(self) -> dict[str, str]:
        """The line for a program: ``result`` is good, wrong or unread."""
        outcome = self.outcome
        return {
            "check": self.name,
            "result": outcome.mark.name.lower(),
            "found": _one_line(outcome.found),
            "remedy": _one_line(outcome.remedy),
        }


def examine(checks: Iterable[Check], asking: Callable[[str], None]) -> Iterator[Line]:
    """Each check's line, as soon as it is known; ``asking`` is told the check's name before."""
    marks: dict[str, Mark] = {}
    for check in checks:
        asking(check.name)
        outcome = _outcome(check, marks)
        marks[check.name] = outcome.mark
        yield Line(check.name, outcome)


def exit_code(lines: Sequence[Line]) -> int:
    """0 when all is good, 1 when anything is wrong, 2 when something could not be read; no line is no pass."""
    marks = {line.outcome.mark for line in lines}
    if Mark.WRONG in marks:
        return 1
    return 0 if marks == {Mark.GOOD} else 2


def _outcome(check: Check, marks: dict[str, Mark]) -> Outcome:
    if check.needs and marks.get(check.needs) is not Mark.GOOD:
        return Outcome(Mark.UNREAD, "not asked", f"put right first: {check.needs}")
    try:
        return check.look()
    except DruidReindexError as error:
        is_answer = isinstance(error, check.wrong_on)
        found = f"{error.resource}: {error.came_back}"
        return Outcome(Mark.WRONG, found, error.remedy) if is_answer else _unread(error, found)


def _unread(error: DruidReindexError, found: str) -> Outcome:
    return Outcome(Mark.UNREAD, f"could not {error.attempted}: {found}", error.remedy)


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
