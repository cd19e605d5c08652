"""A script as one batch: found, attached to, replaced; what a failed one tells, and what not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from druid_reindex.errors import (
    DruidReindexError,
    FencedOutError,
    IntegrityError,
    NotAuthorizedError,
    ProtocolError,
    RefusedError,
    StatementFailedError,
)
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.statements import Attempts, Finished, StatementJob
from druid_reindex.operators.waiting import Wait, Waiting
from druid_reindex.plan.redshift import CHECKS, COPY, LATEST_OWNER, SAME_ROWS, WHOLE_KEYS, Step
from timelines import RUN, boundaries, pipeline, profile
from twins import BatchError, FakeRedshift

SETTINGS = NightSettings(pipeline(), boundaries(), profile(), Path("emr_configs"))
SCRIPT = (Step("wait", "LOCK t"), Step(COPY, "COPY t"), Step(SAME_ROWS, "SELECT 1"), Step("count", "SELECT 2"))
ROWS: list[list[dict[str, Any]]] = [[], [], [], [{"rows": 4}]]


class Deferred(Exception):
    """The slot was given away, for the item in its arguments."""


def give_away(wait: Wait) -> NoReturn:
    raise Deferred(wait.trigger(poll_seconds=1.0, deadline="", **wait.arguments).item)


def job(redshift: FakeRedshift, resumed: str | None = None, require: Any = lambda: None) -> StatementJob:
    waiting = Waiting(give_away, datetime.now(UTC) + timedelta(minutes=1), lambda _line: None, resumed)
    return StatementJob(SETTINGS, RUN, redshift, waiting, lambda _line: None, require, pause_seconds=0.0)


def attempts(**changes: Any) -> Attempts:
    return Attempts(**{"unit": "load_snapshot", "script": lambda _generation: SCRIPT} | changes)


def ran(redshift: FakeRedshift, resumed: str | None = None, **changes: Any) -> Finished:
    """What the job returns when its task begins anew after each wait, remembering only what it waited for."""
    for _ in range(20):
        try:
            return job(redshift, resumed).run(attempts(**changes))
        except Deferred as deferred:
            resumed = deferred.args[0]
    raise AssertionError("it never ends")


def failing(index: int, said: str) -> FakeRedshift:
    """A Redshift on which the first batch fails at the statement ``index``; load errors are told after that."""

    def run(_name: str, statements: Any) -> list[list[dict[str, Any]]]:
        if "sys_load_error_detail" in statements[0]:
            return [[{"column_name": "day  ", "column_type": "date", "error_code": 1206, "line_number": 3}]]
        if len(redshift.log) == 1:
            raise BatchError(index, said)
        return ROWS

    redshift = FakeRedshift(run)
    return redshift


def refused(redshift: FakeRedshift) -> DruidReindexError:
    with pytest.raises(DruidReindexError) as error:
        ran(redshift)
    return error.value


def test_a_batch_is_one_transaction_and_runs_once() -> None:
    redshift = FakeRedshift(lambda _name, _statements: ROWS)
    first = ran(redshift)
    assert ran(redshift) == first
    assert [*redshift.sent.values()] == [["LOCK t", "COPY t", "SELECT 1", "SELECT 2"]]
    assert job(redshift).rows_told(first.batch) == 4


def test_a_lost_answer_does_not_make_a_second_batch() -> None:
    redshift = FakeRedshift(lambda _name, _statements: ROWS)
    first = ran(redshift)
    batch = redshift.batches.pop(first.batch.statement_id)  # the list does not show it yet
    redshift.batches = {batch.statement_id: batch}
    hidden, redshift.named = redshift.named, lambda _prefix: []  # type: ignore[method-assign]
    assert ran(redshift).batch.statement_id == first.batch.statement_id
    assert hidden("drx_")


def test_a_dead_batch_is_replaced_by_the_next_generation() -> None:
    redshift = failing(0, "ERROR: deadlock detected")
    assert "another transaction" in refused(redshift).came_back
    assert ran(redshift).generation == 2
    assert [name[-3:] for name in redshift.log] == ["_g1", "_g2"]


def test_other_scripts_and_other_plans_are_other_batches() -> None:
    redshift = FakeRedshift(lambda _name, _statements: ROWS)
    found = {ran(redshift, **each).batch.statement_id for each in ({}, {"salt": "a plan"}, {"unit": "load_other"})}
    assert len(found) == 3


def test_a_generation_that_is_not_fresh_is_passed_over_and_one_that_is_not_whole_is_replaced() -> None:
    redshift = FakeRedshift(lambda _name, _statements: ROWS)
    assert ran(redshift, is_fresh=lambda generation: generation > 2).generation == 3
    assert ran(redshift, is_fresh=lambda _: True, is_whole=lambda _: False).generation == 1


def test_a_run_without_its_lease_submits_nothing() -> None:
    def lost() -> NoReturn:
        raise FencedOutError("go on", resource="the lease", came_back="another's", remedy="none")

    redshift = FakeRedshift()
    with pytest.raises(FencedOutError):
        job(redshift, require=lost).run(attempts())
    assert redshift.log == []


def test_a_batch_that_somebody_cancelled_is_not_tried_again() -> None:
    redshift = FakeRedshift(polls=5)
    with pytest.raises(Deferred) as deferred:
        job(redshift).run(attempts())
    redshift.cancel(deferred.value.args[0])
    with pytest.raises(RefusedError, match="ABORTED"):
        job(redshift, deferred.value.args[0]).run(attempts())


@pytest.mark.parametrize(
    ("what", "kind"), [(SAME_ROWS, IntegrityError), (WHOLE_KEYS, IntegrityError), (LATEST_OWNER, FencedOutError)]
)
def test_a_check_that_stops_the_transaction_says_what_did_not_hold(what: str, kind: type[DruidReindexError]) -> None:
    def fail(_name: str, _statements: Any) -> NoReturn:
        raise BatchError(1, "ERROR: division by zero")

    with pytest.raises(kind) as error:
        ran(FakeRedshift(fail), script=lambda _: (SCRIPT[0], Step(what, "SELECT 1 / 0")))
    assert error.value.attempted == what
    assert "nothing was changed" in error.value.came_back
    assert set(CHECKS) == {SAME_ROWS, WHOLE_KEYS, LATEST_OWNER}


def test_a_failed_copy_tells_columns_codes_and_lines_and_no_value() -> None:
    error = refused(failing(1, "ERROR: Load into table 'stage' failed. Value 'Ann Smith'"))
    assert isinstance(error, StatementFailedError)
    assert error.attempted == COPY
    assert error.came_back.endswith("; column day (date), error 1206, line 3")
    assert "Ann" not in str(error)


def test_load_errors_that_cannot_be_read_hide_nothing() -> None:
    redshift = failing(1, "ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 7")
    told, redshift.rows = redshift.rows, _forbidden  # type: ignore[method-assign]
    error = refused(redshift)
    assert isinstance(error, NotAuthorizedError)
    assert "its load errors could not be read (NotAuthorizedError)" in error.came_back
    assert told is not redshift.rows


def _forbidden(_statement_id: str) -> NoReturn:
    raise NotAuthorizedError("read", resource="rows", came_back="no", remedy="grant it")


def test_a_batch_that_failed_before_its_first_statement() -> None:
    def fail(_name: str, _statements: Any) -> NoReturn:
        raise BatchError(0, "ERROR: the cluster is paused")

    redshift = FakeRedshift(fail)
    parts, redshift._parts = redshift._parts, lambda *_: ()  # type: ignore[method-assign]
    assert "could not be reached" in refused(redshift).came_back
    assert parts is not redshift._parts


@pytest.mark.parametrize("answer", [[], [{"rows": None}], [{"rows": 1}, {"rows": 2}], [{"other": 1}]])
def test_an_answer_without_one_number_is_not_guessed_at(answer: list[dict[str, Any]]) -> None:
    redshift = FakeRedshift(lambda _name, _statements: [*ROWS[:3], answer])
    with pytest.raises(ProtocolError):
        job(redshift).rows_told(ran(redshift).batch)


def test_cancelling_is_of_what_is_waited_for() -> None:
    redshift = FakeRedshift(polls=5)
    idle = job(redshift)
    idle.cancel()
    with pytest.raises(Deferred):
        idle.run(attempts())
    idle.cancel()
    assert [batch.state.value for batch in redshift.batches.values()] == ["ABORTED"]
