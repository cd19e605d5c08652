"""Waits for statements that Redshift runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from druid_reindex.operators import connections
from druid_reindex.operators.triggers.polls import Question
from druid_reindex.operators.triggers.waits import LookAgainTrigger


class RedshiftStatementTrigger(LookAgainTrigger):
    """Waits until a batch of statements has ended; one list answers for all. Killed, the batch is cancelled, undone."""

    def __init__(self, *, region: str, statement_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.region, self.statement_id = region, statement_id

    @property
    def item(self) -> str:
        """The batch."""
        return self.statement_id

    def waited_for(self) -> dict[str, Any]:
        """The batch, and its Region."""
        return {"region": self.region, "statement_id": self.statement_id}

    def question(self) -> Question:
        """The states of all batches that are waited for by this connection."""

        async def ask(redshift: Any, items: frozenset[str]) -> dict[str, Any]:
            found: dict[str, Any] = await redshift.statements(items)
            return found

        return Question(
            ("statements", self.conn_id, self.region),
            lambda: connections.async_redshift(self.conn_id, self.region),
            ask,
        )

    def judge(self, answers: Mapping[str, Any]) -> str | None:
        """The batch's state once it has ended."""
        state = answers[self.statement_id].state
        return f"statement {self.statement_id} is {state.value}" if state.is_ended else None

    async def on_kill(self) -> None:
        """Cancel the batch."""
        async with self.journalled(), connections.async_redshift(self.conn_id, self.region) as redshift:
            await redshift.cancel(self.statement_id)
