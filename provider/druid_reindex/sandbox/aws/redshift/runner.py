"""Runs one submitted statement, from PICKED to its end, in one session and one transaction."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, in the name of its kind
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class, in the name of its kind

from druid_reindex.sandbox.aws.redshift import history, results, statements, storage
from druid_reindex.sandbox.aws.redshift.engine import Engine, EngineUnavailable, set_counters
from druid_reindex.sandbox.aws.redshift.model import Piece, State, Statement, now
from druid_reindex.sandbox.aws.redshift.moving import Moved
from druid_reindex.sandbox.aws.redshift.refusals import Cancelled, LoadRefusal, SqlRefusal, error, of_engine
from druid_reindex.sandbox.aws.redshift.results import Kept
from druid_reindex.sandbox.aws.redshift.statements import Kind, Prepared
from druid_reindex.sandbox.aws.redshift.targets import master

if TYPE_CHECKING:
    from druid_reindex.sandbox.aws.redshift.loading import Loading

log = logging.getLogger(__name__)

CANCELLED = "ERROR: Query cancelled on user's request"
NAME = "submitted"
FETCH_ROWS = 2000


@dataclass
class Work:
    """One statement in its session."""

    statement: Statement
    connection: Connection
    piece: Piece

    @property
    def user(self) -> str:
        """The database user."""
        return self.statement.asked.user


class Runner:
    """Runs statements, each on the thread that calls; `kept` are the results by the id of their piece."""

    def __init__(self, engine: Engine, identities: storage.Identities, folder: Path) -> None:
        self._engine = engine
        self._identities = identities
        self._folder = folder
        self._running: dict[str, Connection] = {}
        self._lock = threading.Lock()
        self.kept: dict[str, Kept] = {}

    def run(self, statement: Statement) -> None:
        """Run the statement to its end, whatever that is."""
        if statement.cancelled.is_set():
            _abort(statement)
            return
        statement.move(State.PICKED)
        try:
            self._in_session(statement)
        except Cancelled:
            _abort(statement)
        except (SqlRefusal, EngineUnavailable) as raised:
            _fail(statement, str(raised))
        except psycopg2.Error as raised:
            _abort(statement) if statement.cancelled.is_set() else _fail(statement, of_engine(raised))
        except Exception:
            log.exception("statement %s met an error of the sandbox's own", statement.id)
            _fail(statement, error("internal error of the sandbox; the account's log has it"))

    def cancel(self, statement: Statement) -> None:
        """Cancel it, in the engine too."""
        statement.cancelled.set()
        with self._lock:
            connection = self._running.get(statement.id)
            if connection is not None:
                connection.cancel()

    def forget(self, statement: Statement) -> None:
        """Delete the statement's results."""
        for piece in statement.pieces:
            found = self.kept.pop(piece.id, None)
            if found is not None:
                found.path.unlink(missing_ok=True)

    def _in_session(self, statement: Statement) -> None:
        asked = statement.asked
        is_master = asked.user == master(asked.target)
        with self._engine.session(asked.user, is_superuser=is_master) as connection:
            with self._lock:
                self._running[statement.id] = connection
            try:
                statement.pid = connection.info.backend_pid
                statement.move(State.STARTED)
                for piece in statement.pieces:
                    self._piece(Work(statement, connection, piece))
                self._commit(statement, connection)
            finally:
                with self._lock:
                    del self._running[statement.id]

    def _commit(self, statement: Statement, connection: Connection) -> None:
        if statement.cancelled.is_set():
            raise Cancelled
        connection.commit()
        statement.move(State.FINISHED)

    def _piece(self, work: Work) -> None:
        statement, piece = work.statement, work.piece
        if statement.cancelled.is_set():
            raise Cancelled
        piece.query = self._engine.next_query()
        piece.move(State.STARTED)
        started = time.monotonic_ns()
        try:
            self._perform(work, statements.prepare(piece.sql, statement.asked.target.database))
        except LoadRefusal as raised:
            history.keep_errors(self._engine, work.user, piece.query, statement, raised.errors)
            raise
        finally:
            piece.duration_ns = time.monotonic_ns() - started
        piece.move(State.FINISHED)

    def _perform(self, work: Work, ready: Prepared) -> None:
        if work.statement.asked.is_batch and ready.alone:
            raise SqlRefusal(error(f"{ready.alone} cannot run inside a transaction block"))
        with work.connection.cursor() as cursor:
            set_counters(cursor, [("query_id", work.piece.query), ("database", work.statement.asked.target.database)])
            match ready.kind:
                case Kind.QUERY | Kind.CHANGE:
                    self._rows(work, ready, cursor)
                case Kind.DEFINITION:
                    self._define(work, ready, cursor)
                case Kind.UNLOAD:
                    self._unload(work, ready, cursor)
                case Kind.COPY:
                    self._copy(work, ready, cursor)
                case Kind.CONTROL | Kind.NOTHING:
                    return

    def _rows(self, work: Work, ready: Prepared, cursor: Cursor) -> None:
        piece = work.piece
        results.as_written(cursor)
        given = dict(work.statement.asked.parameters)
        if missing := [name for name in ready.parameters if name not in given]:
            raise SqlRefusal(error(f'syntax error at or near ":{missing[0]}"'))
        execute(cursor, ready, given)
        if cursor.description is None or ready.kind is Kind.CHANGE:
            piece.rows, piece.size = max(cursor.rowcount, 0), 0
            return
        found = results.keep(self._folder / piece.id.replace(":", "-"), _fetched(cursor), cursor.description)
        self.kept[piece.id] = found
        piece.rows, piece.size, piece.has_result = found.rows, found.size, True

    def _define(self, work: Work, ready: Prepared, cursor: Cursor) -> None:
        if ready.commits:
            work.connection.commit()
        cursor.execute(ready.sql)
        work.piece.rows, work.piece.size = 0, 0
        if ready.physical is not None and ready.table and not ready.physical.is_temporary:
            history.keep_layout(cursor, ready.table, ready.physical)
        if ready.commits:
            work.connection.commit()

    def _store(self, work: Work, moved: Moved) -> storage.Store:
        target = work.statement.asked.target
        storage.check_region(moved, target, storage.stored(moved.uri).bucket)
        return self._identities.store(self._identities.credentials(target, work.user, moved.roles))

    def _unload(self, work: Work, ready: Prepared, cursor: Cursor) -> None:
        from druid_reindex.sandbox.aws.redshift.unloading import Unloading  # noqa: PLC0415 - loads Arrow

        assert ready.unload is not None
        store, started = self._store(work, ready.unload), now()
        try:
            done = Unloading(ready.unload, store, self._folder, work.statement.cancelled.is_set).run(ready.sql, cursor)
        finally:
            store.close()
        set_counters(cursor, [("unload_count", sum(each.rows for each in done))])
        moved = [(each.file.uri, each.rows, each.size_bytes) for each in done]
        history.keep_unload(
            self._engine, history.Move(work.user, work.piece.query, work.statement, started), ready.unload, moved
        )

    def _copy(self, work: Work, ready: Prepared, cursor: Cursor) -> None:
        from druid_reindex.sandbox.aws.redshift.loading import Loading  # noqa: PLC0415 - loads Arrow

        assert ready.copy is not None
        store, started = self._store(work, ready.copy), now()
        try:
            loading: Loading = Loading(ready.copy, store, self._folder, work.statement.cancelled.is_set)
            done = loading.run(cursor)
        finally:
            store.close()
        set_counters(cursor, [("copy_count", sum(each.rows for each in done)), ("copy_id", work.piece.query)])
        moved = [(each.file.uri, each.rows, each.size_bytes, each.errors) for each in done]
        history.keep_load(
            self._engine, history.Move(work.user, work.piece.query, work.statement, started), ready.copy, moved
        )
        if loading.wrong:
            history.keep_errors(self._engine, work.user, work.piece.query, work.statement, tuple(loading.wrong))


def execute(cursor: Cursor, ready: Prepared, given: dict[str, str]) -> None:
    """Run a query or a change; the engine binds its parameters, each as a text whose type it finds out."""
    if not ready.parameters:
        cursor.execute(ready.sql)
        return
    cursor.execute(f"PREPARE {NAME} AS {ready.sql}")
    marks = ", ".join(["%s"] * len(ready.parameters))
    cursor.execute(f"EXECUTE {NAME} ({marks})", [given[name] for name in ready.parameters])


def _fetched(cursor: Cursor) -> Iterator[tuple[str | None, ...]]:
    while rows := cursor.fetchmany(FETCH_ROWS):
        yield from rows


def _fail(statement: Statement, said: str) -> None:
    failed = False
    for piece in statement.pieces:
        if piece.state is State.STARTED:
            piece.move(State.FAILED, said)
            failed = True
        elif piece.state is State.SUBMITTED:
            piece.move(State.ABORTED if failed else State.FAILED, "" if failed else said)
            failed = True
    statement.move(State.FAILED, said)


def _abort(statement: Statement) -> None:
    for piece in statement.pieces:
        if piece.state in {State.SUBMITTED, State.STARTED}:
            piece.move(State.ABORTED)
    statement.move(State.ABORTED, CANCELLED)
