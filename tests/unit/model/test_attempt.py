"""A try is told apart by what AWS lets it say of itself."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

from druid_reindex.model.attempt import Attempt, is_try, session_name_of
from druid_reindex.model.identity import RunId
from journals import ATTEMPT, RUN

# Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")


def test_the_session_name_is_one_that_sts_takes_however_long_the_task_is() -> None:
    for attempt in (ATTEMPT, replace(ATTEMPT, task_id="t" * 250, map_index=1023, try_number=99)):
        assert SESSION_NAME.fullmatch(attempt.session_name)
        assert SESSION_NAME.fullmatch(attempt.source_identity)
        assert attempt.session_name == f"drx1.{attempt.mark}.{attempt.try_number}"
        assert attempt.agent == f"drx1#{attempt.mark}"


def test_tries_share_a_mark_and_tasks_runs_and_mapped_instances_do_not() -> None:
    assert replace(ATTEMPT, try_number=3).mark == ATTEMPT.mark
    assert replace(ATTEMPT, try_number=3).session_name != ATTEMPT.session_name
    other_run = replace(ATTEMPT, run=RunId.of(UUID(int=7), dag_id="d", run_id="manual__2"))
    others = {replace(ATTEMPT, map_index=4).mark, replace(ATTEMPT, task_id="load").mark, other_run.mark}
    assert len(others | {ATTEMPT.mark}) == 4


def test_what_the_journal_says_of_a_try() -> None:
    assert ATTEMPT.task == "reindex.3.2"
    assert Attempt(RUN, "plan").task == "plan.-1.1"


def test_the_source_identity_is_the_run_and_the_tags_say_what_sts_takes() -> None:
    assert ATTEMPT.source_identity == str(RUN)
    assert ATTEMPT.session_tags == {
        "druid-reindex:run": str(RUN),
        "druid-reindex:dag": "nightly_reindex__patient_vitals",
        "druid-reindex:datasource": "patient_vitals",
    }
    odd = Attempt(RunId.of(UUID(int=7), dag_id="night*ly", run_id="r"), "housekeeping")
    assert odd.session_tags == {"druid-reindex:run": str(odd.run)}


def test_a_journal_says_enough_to_name_the_session() -> None:
    for attempt in (ATTEMPT, Attempt(RUN, "with.dots")):
        assert session_name_of(str(attempt.run), attempt.task) == attempt.session_name


def test_a_try_is_told_from_a_step_by_its_end() -> None:
    assert all(is_try(each.task) for each in (ATTEMPT, Attempt(RUN, "with.dots"), Attempt(RUN, "plan", 12, 34)))
    assert not any(map(is_try, ("drx_a_1a2b_b0_0123abcd_g1", "drx_a.b_1a2b_b0_0123abcd_g1", "plan.-1.0", "")))
