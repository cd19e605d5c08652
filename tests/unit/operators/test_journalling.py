"""A task's journal reaches the run's prefix however the try ends, and never hides why it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from druid_reindex.clients.journal import SPOOL_VARIABLE, current
from druid_reindex.errors import RefusedError, UnavailableError
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.journal import from_line
from druid_reindex.operators.journalling import Keeping, journalling
from druid_reindex.operators.night import NightOperator
from journals import ATTEMPT
from night_world import SETTINGS, World, make
from twins import FakeStore, Outcome

KEEPING = Keeping.of(SETTINGS.boundary)
AT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))


def ask(path: str) -> None:
    """What a client does."""
    journal = current()
    assert journal is not None
    journal.add(DruidCall(AT, "druid:8290", "GET", path, "phi", 200, None, None, journal.run, journal.task))


class Asking(NightOperator):
    """Asks, waits, asks again, and fails."""

    looks: ClassVar[list[str]] = []

    def carry_out(self, context: Context) -> str:
        """Fail at the second look."""
        self.looks.append(str(context["dag_run"].run_id))
        ask(f"/look/{len(self.looks)}")
        self.waiting.until(lambda: len(self.looks), lambda n: n > 1, SETTINGS.task_wait("t"))
        raise RefusedError("look", resource="t", came_back="no", remedy="look again")


def journals(world: World) -> dict[str, list[str]]:
    """The paths that were asked for, by the journal's address without time and unique part."""
    found: dict[str, list[str]] = {}
    for uri, (body, _) in world.store.objects.items():
        if "/journal/" in uri.key:
            calls = [from_line(line) for line in body.splitlines()]
            paths = [call.path for call in calls if isinstance(call, DruidCall)]
            found.setdefault(uri.key.partition(".20")[0], []).extend(paths)
    return found


def test_each_part_of_a_try_leaves_its_journal_also_where_it_fails(world: World) -> None:
    world.druid.tasks["t"] = Outcome(polls=0)
    with pytest.raises(AirflowFailException):
        world.run(make(Asking, "asking"))
    run_id = make(Asking, "asking").run_identity(world.context())
    assert journals(world) == {f"runs/{run_id}/journal/asking.-1.1": ["/look/1", "/look/2"]}
    assert len([uri for uri in world.store.objects if "/journal/" in uri.key]) == 2
    assert KEEPING.files.waiting() == []


def test_what_cannot_be_put_is_told_and_stays_for_the_next() -> None:
    warned: list[str] = []

    def refuse() -> FakeStore:
        raise AirflowNotFoundException("no connection aws_phi")

    def fail() -> None:
        with journalling(KEEPING, ATTEMPT, refuse, warned.append):
            ask("/status")
            raise UnavailableError("the reason", resource="r", came_back="c", remedy="m")

    with pytest.raises(UnavailableError, match="the reason"):
        fail()
    assert len(KEEPING.files.waiting()) == 1
    assert "no connection aws_phi" in warned[0]
    store = FakeStore()
    with journalling(KEEPING, ATTEMPT, lambda: store, warned.append):
        ask("/status")
    assert KEEPING.files.waiting() == []
    assert len(store.objects) == 2


def test_who_asks_nothing_leaves_nothing_and_needs_no_store() -> None:
    def never() -> FakeStore:
        raise AssertionError("asked for")

    with journalling(KEEPING, ATTEMPT, never, str):
        pass


def test_the_account_is_the_keys() -> None:
    assert KEEPING.account == "111122223333"
