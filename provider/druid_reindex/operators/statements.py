"""A script as one batch of Redshift's Data API: found before it is submitted, replaced when it died.

A batch is one transaction, so a generation that died has changed nothing in the database; what it left in S3 lies under
a prefix of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from druid_reindex.errors import DruidReindexError, ProtocolError, RefusedError
from druid_reindex.model.identity import RunId, digest
from druid_reindex.model.warehouse import Statement, StatementState, SubStatement
from druid_reindex.operators.waiting import Waiting
from druid_reindex.plan import names
from druid_reindex.plan.redshift import CHECKS, COPY, ROWS, Step, load_errors_query, script_digest
from druid_reindex.ports import RedshiftPort

if TYPE_CHECKING:
    from druid_reindex.operators.settings import NightSettings

Script = tuple[Step, ...]
_LOOKS = 15


@dataclass(frozen=True)
class Attempts:
    """One unit of work in its generations: the script of each, and which may be begun, or taken as they stand.

    ``salt`` tells equal scripts of different plans apart; ``is_fresh`` and ``is_whole`` are asked of a generation that
    nobody knows, and of one that has finished.
    """

    unit: str
    script: Callable[[int], Script]
    salt: str = ""
    is_fresh: Callable[[int], bool] = lambda _generation: True
    is_whole: Callable[[int], bool] = lambda _generation: True


@dataclass(frozen=True)
class Finished:
    """A batch that succeeded, and of which generation it was."""

    generation: int
    batch: Statement


@dataclass
class StatementJob:
    """What one try of a task has Redshift run; ``require`` is called before each submission."""

    settings: NightSettings
    run_id: RunId
    redshift: RedshiftPort
    waiting: Waiting
    log: Callable[[str], None]
    require: Callable[[], None]
    pause_seconds: float = 1.0
    _running: str | None = field(default=None, init=False)

    def run(self, attempts: Attempts) -> Finished:
        """The batch, once it has succeeded. Raises the error that Redshift's own means, without values of rows."""
        generation, statement_id = self._find_or_submit(attempts)
        self._running = statement_id
        batch = self.waiting.until(
            lambda: self.redshift.describe(statement_id),
            lambda seen: seen.state.is_ended,
            self.settings.statement_wait(statement_id),
            tell=lambda seen: seen.state.value,
        )
        self._running = None
        if batch.state is not StatementState.FINISHED:
            raise self._failure(batch, attempts.script(generation))
        return Finished(generation, batch)

    def cancel(self) -> None:
        """Cancel what was waited for; nothing when nothing was."""
        if self._running is not None:
            self.redshift.cancel(self._running)

    def rows_told(self, batch: Statement) -> int:
        """The number that the batch's last statement answered with."""
        answer = self.redshift.rows(batch.parts[-1].statement_id)
        if len(answer) != 1 or not isinstance(answer[0].get(ROWS), int):
            raise ProtocolError(
                "read how many rows there are",
                resource=f"statement {batch.statement_id}",
                came_back=f"{len(answer)} rows without one number {ROWS}",
                remedy="look whether the table's ledger was changed by hand",
            )
        return int(answer[0][ROWS])

    def _find_or_submit(self, attempts: Attempts) -> tuple[int, str]:
        sha256 = script_digest(attempts.script(0), attempts.salt)
        datasource = self.settings.pipeline.datasource
        prefix = names.statements_prefix(datasource, self.run_id)
        known = {each.name: each for each in reversed(self.redshift.named(f"{prefix}{attempts.unit}_{sha256[:8]}_g"))}
        generation = 0
        while True:
            generation += 1
            name = names.statement_name(datasource, self.run_id, attempts.unit, digest=sha256, generation=generation)
            batch = known.get(name)
            if batch is not None and self._may_attach(batch, attempts, generation):
                self.log(f"attaching to statement {batch.statement_id} ({name}, {batch.state.value})")
                return generation, batch.statement_id
            if batch is None and attempts.is_fresh(generation):
                return generation, self._submit(name, attempts.script(generation))

    def _may_attach(self, batch: Statement, attempts: Attempts, generation: int) -> bool:
        """Whether it lives, or is the very one that was waited for, or left a usable result."""
        if not batch.state.is_ended or batch.statement_id == self.waiting.resumed:
            return True
        return batch.state is StatementState.FINISHED and attempts.is_whole(generation)

    def _submit(self, name: str, script: Script) -> str:
        self.require()
        statements = [step.sql for step in script]
        token = digest(f"{self.run_id} {name} {script_digest(script)}".encode())
        self.log(f"submitting {name}")
        return self.redshift.submit(name, statements, token=token)

    def _failure(self, batch: Statement, script: Script) -> DruidReindexError:
        from druid_reindex.clients.redshift_errors import failure  # noqa: PLC0415

        resource = f"statement {batch.statement_id} of {self.settings.boundary.redshift}"
        if batch.state is StatementState.ABORTED:
            remedy = "find out who cancelled it; then clear this task"
            return RefusedError("have Redshift run statements", resource=resource, came_back="ABORTED", remedy=remedy)
        stopped = next((i for i, part in enumerate(batch.parts) if part.state is StatementState.FAILED), None)
        if stopped is None:
            return failure("have Redshift run statements", resource, batch.error)
        step, part = script[stopped], batch.parts[stopped]
        said = part.error or batch.error
        if step.what in CHECKS and "zero" in said.lower():
            kind, came_back, remedy = CHECKS[step.what]
            return kind(step.what, resource=resource, came_back=f"{came_back}; nothing was changed", remedy=remedy)
        return failure(step.what, resource, said, load_errors=self._load_errors(part) if step.what == COPY else ())

    def _load_errors(self, part: SubStatement) -> list[str]:
        """Where COPY stopped; what cannot be read of it is told as that, for it is no reason to hide the failure."""
        if not part.query_id:
            return []
        try:
            found = self._answer(part)
        except DruidReindexError as unread:
            return [f"its load errors could not be read ({type(unread).__name__})"]
        return [
            f"column {str(each['column_name']).strip()} ({str(each['column_type']).strip()}), "
            f"error {each['error_code']}, line {each['line_number']}"
            for each in found
        ]

    def _answer(self, part: SubStatement) -> list[dict[str, object]]:
        sql = load_errors_query(part.query_id)
        name = f"{names.statements_prefix(self.settings.pipeline.datasource, self.run_id)}errors_{part.query_id}"
        statement_id = self.redshift.submit(name, [sql], token=digest(f"{part.statement_id} {sql}".encode()))
        for _ in range(_LOOKS):
            batch = self.redshift.describe(statement_id)
            if batch.state is StatementState.FINISHED:
                return self.redshift.rows(batch.parts[0].statement_id)
            if batch.state.is_ended:
                break
            time.sleep(self.pause_seconds)
        raise RefusedError("read load errors", resource=statement_id, came_back=batch.state.value, remedy="query them")
