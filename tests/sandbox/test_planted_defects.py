"""Over twenty planted defects, published by a real Druid, judged by the real validate, taken back by rollback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import planted_tests
from judged_defects import JudgedRun, on_the_sandbox, planted_run
from planted_defects import DEFECTS
from real_sandbox import Sandbox

pytestmark = pytest.mark.sandbox

MOST_SECONDS = 150


@pytest.fixture(scope="module")
def run(sandbox: Sandbox) -> Iterator[JudgedRun]:
    """The planted days, judged once."""
    with on_the_sandbox(sandbox) as stage, planted_run(stage) as planted:
        stopped, seconds = planted.validate()
        assert "judge what was published on patient_planted batch 1," in stopped
        assert seconds < MOST_SECONDS
        yield planted


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
