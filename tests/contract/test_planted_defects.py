"""The planted defects without an engine: the real operators over a twin of Druid whose SQL is SQLite's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import planted_tests
from judged_defects import JudgedRun, in_memory, planted_run
from planted_defects import DEFECTS


@pytest.fixture(scope="module")
def run() -> Iterator[JudgedRun]:
    """The planted days, judged once."""
    with in_memory() as stage, planted_run(stage) as planted:
        stopped, _ = planted.validate()
        assert "judge what was published on patient_planted batch 1," in stopped
        yield planted


def test_there_are_twenty_and_more() -> None:
    assert sum(bool(defect.told) for defect in DEFECTS) >= 20


@pytest.mark.parametrize("number", range(len(DEFECTS)), ids=[defect.name for defect in DEFECTS])
def test_each_is_caught_by_the_check_that_looks_for_it_and_a_good_rebuild_passes(run: JudgedRun, number: int) -> None:
    planted_tests.caught(run, number)


def test_a_wrong_expectations_file_fails_a_good_rebuild_and_names_the_expectation(run: JudgedRun) -> None:
    planted_tests.wrong_expectation_caught(run)


def test_druid_answers_each_expectation_that_a_pipeline_may_have(run: JudgedRun) -> None:
    planted_tests.each_expectation_answered(run)


def test_no_value_of_a_row_is_in_a_verdict_or_on_a_page(run: JudgedRun) -> None:
    planted_tests.no_value_told(run)


def test_each_is_taken_back_and_what_was_served_before_is_served_again(run: JudgedRun) -> None:
    planted_tests.taken_back(run)
