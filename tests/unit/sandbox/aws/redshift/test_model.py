"""Statements and their pieces."""

from __future__ import annotations

import threading
from dataclasses import replace

from druid_reindex.sandbox.aws.redshift.model import Asked, State, Statement


def test_a_batch_has_numbered_pieces_and_a_statement_is_its_own(asked: Asked) -> None:
    batch = Statement(replace(asked, sqls=("a", "b"), is_batch=True))
    assert [piece.id for piece in batch.pieces] == [f"{batch.id}:1", f"{batch.id}:2"]
    single = Statement(asked)
    assert [piece.id for piece in single.pieces] == [single.id]


def test_whoever_waits_is_woken_at_the_end(statement: Statement) -> None:
    waiting = threading.Thread(target=statement.wait_ended, args=(60,))
    waiting.start()
    statement.move(State.STARTED)
    assert not statement.ended
    statement.move(State.FAILED, "why")
    waiting.join(10)
    assert not waiting.is_alive()
    assert (statement.ended, statement.error) == (True, "why")
