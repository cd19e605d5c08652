"""Statements run to their ends."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.sandbox.aws.redshift import runner as module
from druid_reindex.sandbox.aws.redshift.engine import Engine
from druid_reindex.sandbox.aws.redshift.model import Asked, State, Statement
from druid_reindex.sandbox.aws.redshift.runner import Runner
from druid_reindex.sandbox.home import SandboxHome

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n"


@pytest.fixture
def runner(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr(module, "master", lambda _: "boss")
    nobody: Any = None
    return Runner(engine, nobody, folder)


def run(runner: Runner, asked: Asked, *sqls: str, **changes: Any) -> Statement:
    statement = Statement(replace(asked, sqls=sqls, is_batch=len(sqls) > 1, **changes))
    runner.run(statement)
    return statement


def test_rows_are_kept_and_forgotten(runner: Runner, asked: Asked, folder: Path) -> None:
    done = run(runner, asked, "SELECT :a::int AS a", parameters=(("a", "5"),))
    (piece,) = done.pieces
    assert (done.state, piece.rows, piece.has_result) == (State.FINISHED, 1, True)
    assert len(list(folder.iterdir())) == 1
    runner.forget(done)
    assert not list(folder.iterdir())
    assert not runner.kept


def test_a_batch_that_fails_leaves_nothing(runner: Runner, asked: Asked) -> None:
    failed = run(runner, asked, "CREATE TABLE halves (id int)", "SELECT 1/0", "SELECT 1")
    assert [piece.state for piece in failed.pieces] == [State.FINISHED, State.FAILED, State.ABORTED]
    assert failed.error == "ERROR: division by zero"
    assert 'relation "halves" does not exist' in run(runner, asked, "SELECT * FROM halves").error


def test_truncate_commits(runner: Runner, asked: Asked) -> None:
    run(runner, asked, "CREATE TABLE emptied (id int)", "INSERT INTO emptied VALUES (1)")
    failed = run(runner, asked, "TRUNCATE emptied", "SELECT 1/0")
    assert failed.state is State.FAILED
    assert run(runner, asked, "SELECT * FROM emptied").pieces[0].rows == 0


def test_cancel_reaches_the_engine(runner: Runner, asked: Asked) -> None:
    statement = Statement(replace(asked, sqls=(ENDLESS,)))
    running = threading.Thread(target=runner.run, args=(statement,))
    running.start()
    while statement.pieces[0].state is not State.STARTED:
        time.sleep(0.01)
    # The engine ignores a cancellation that comes before its query.
    while running.is_alive():
        runner.cancel(statement)
        running.join(0.2)
    assert statement.state is State.ABORTED
    late = Statement(asked)
    late.cancelled.set()
    runner.run(late)
    assert late.state is State.ABORTED


def test_without_an_engine_and_with_an_error_of_its_own(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: Runner
) -> None:
    nobody: Any = None
    missing = Runner(Engine(SandboxHome(tmp_path / "home", tmp_path / "cache"), None), nobody, tmp_path)
    assert "runs without the PostgreSQL" in run(missing, asked, "SELECT 1").error
    monkeypatch.setattr(module.statements, "prepare", lambda *_: 1 / 0)
    assert "internal error of the sandbox" in run(runner, asked, "SELECT 1").error
