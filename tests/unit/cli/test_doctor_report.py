"""A check's line, and what all lines together mean."""

from __future__ import annotations

import pytest

from druid_reindex.cli.doctor_report import Check, Line, Mark, Outcome, examine, exit_code, good, wrong
from druid_reindex.errors import DruidReindexError, NoAnswerError, NotAuthorizedError, NotFoundError


def raising(kind: type[DruidReindexError]) -> Outcome:
    raise kind("read a key", resource="key/1", came_back="no\nreally", remedy="ask again")


def lines(*checks: Check) -> list[Line]:
    return list(examine(checks, lambda _name: None))


@pytest.mark.parametrize(
    ("kind", "mark"),
    [(NotFoundError, Mark.WRONG), (NotAuthorizedError, Mark.UNREAD), (NoAnswerError, Mark.UNREAD)],
)
def test_a_missing_thing_is_wrong_and_what_could_not_be_read_is_no_answer(
    kind: type[DruidReindexError], mark: Mark
) -> None:
    (line,) = lines(Check("key", lambda: raising(kind)))
    assert line.outcome.mark is mark
    assert ("could not read a key" in str(line)) is (mark is Mark.UNREAD)
    assert str(line).endswith("What to do: ask again")
    assert "\n" not in str(line)


def test_a_refusal_may_be_the_answer() -> None:
    (line,) = lines(Check("user", lambda: raising(NotAuthorizedError), wrong_on=(NotAuthorizedError,)))
    assert line.outcome.mark is Mark.WRONG


@pytest.mark.parametrize("first", [wrong("no", "do"), Outcome(Mark.UNREAD, "?", "do")])
def test_what_needs_a_check_that_did_not_pass_is_not_asked(first: Outcome) -> None:
    found = lines(Check("a", lambda: first), Check("b", lambda: good("fine"), needs="a"))
    assert found[1].outcome == Outcome(Mark.UNREAD, "not asked", "put right first: a")
    assert lines(Check("a", lambda: good("")), Check("b", lambda: good("fine"), needs="a"))[1].outcome.mark is Mark.GOOD


def test_each_name_is_told_before_its_check_is_asked() -> None:
    told: list[str] = []

    def look() -> Outcome:
        assert told == ["a"]
        return good("")

    assert len(list(examine([Check("a", look)], told.append))) == 1


@pytest.mark.parametrize(
    ("marks", "code"),
    [("✓✓", 0), ("✓✗?", 1), ("✗", 1), ("✓?", 2), ("?", 2), ("", 2)],
)
def test_the_exit_code_is_0_only_when_all_is_good(marks: str, code: int) -> None:
    assert exit_code([Line("x", Outcome(Mark(mark), "")) for mark in marks]) == code


def test_a_program_gets_words() -> None:
    told = Line("key", wrong("a\nb", "c")).as_json()
    assert told == {"check": "key", "result": "wrong", "found": "a; b", "remedy": "c"}
