"""What a command's clients ask is kept where nights look for what others did, or the command does not begin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from druid_reindex.cli.journalling import command_journal
from druid_reindex.clients import run_journals
from druid_reindex.clients.journal import current
from druid_reindex.errors import NoAnswerError, NotAuthorizedError
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.uri import S3Uri
from timelines import boundaries
from trail_account import NIGHT
from trail_runs import call
from twins import FakeStore

BOTH = boundaries()
PHI, GENERAL = BOTH.phi, BOTH.general
DENIED = NotAuthorizedError("write", resource="it", came_back="AccessDenied", remedy="allow it")
AWAY = NoAnswerError("write", resource="it", came_back="nothing", remedy="wait")


class Refusing(FakeStore):
    """A store that takes nothing."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def put(self, *_args: Any, **_told: Any) -> None:
        raise self.error


@pytest.fixture(autouse=True)
def as_jane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "CORP\\jane.doe")


def asked() -> AwsCall:
    """A call of the command, as a client's hook writes it."""
    journal = current()
    assert journal is not None
    made = replace(call(1, NIGHT), run=journal.run, task=journal.task, account=journal.account)
    journal.add(made)
    return made


def kept(store: FakeStore, side: Boundary = PHI) -> list[Any]:
    files = run_journals.journal_files(store, side.runs_uri, str(BOTH.deployment_id))
    return run_journals.read_journal(store, files)


def objects(store: FakeStore) -> list[S3Uri]:
    return [each.uri for each in store.listing(S3Uri.parse(f"{PHI.runs_uri}{BOTH.deployment_id}/"))]


def test_what_is_asked_lies_below_the_deployment_under_a_run_of_the_commands_own() -> None:
    store = FakeStore()
    with command_journal(BOTH, [PHI], "rollback", lambda: store, mutates=True):
        assert [store.get(uri) for uri in objects(store)] == [b""], "that it may be written is known before"
        made = asked()
    assert kept(store) == [made]
    assert made.task == "cli.rollback.CORP_jane_doe.-1.1"
    assert made.account == "111122223333"
    assert made.run != str(BOTH.deployment_id)
    assert current() is None
    with command_journal(BOTH, [PHI], "rollback", lambda: store, mutates=True):
        assert asked().run != made.run


def test_a_command_on_both_sides_is_told_to_both() -> None:
    store = FakeStore()
    with command_journal(BOTH, [PHI, GENERAL], "orphans", lambda: store, mutates=True):
        made = asked()
    assert kept(store) == kept(store, GENERAL) == [made]


def test_a_command_that_changes_something_does_not_begin_without_its_journal() -> None:
    begun = False
    with pytest.raises(NotAuthorizedError), command_journal(
        BOTH, [PHI], "retire", lambda: Refusing(DENIED), mutates=True
    ):  # fmt: skip
        begun = True
    assert not begun


def test_it_goes_on_where_nothing_answers_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with command_journal(BOTH, [PHI], "orphans", lambda: Refusing(AWAY), mutates=True):
        asked()
    said = capsys.readouterr().err
    assert "cannot be begun in S3" in said
    assert "what this command asked stays at" in said


def test_one_that_only_looks_is_warned_once_and_the_next_command_takes_it_along(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with command_journal(BOTH, [PHI], "status", lambda: Refusing(DENIED), mutates=False):
        made = asked()
    assert capsys.readouterr().err.count("stays at") == 1
    store = FakeStore()
    with command_journal(BOTH, [PHI], "status", lambda: store, mutates=False):
        pass
    assert kept(store) == [made]


def test_nothing_is_written_where_nothing_was_asked() -> None:
    store = FakeStore()
    with command_journal(BOTH, [PHI], "status", lambda: store, mutates=False):
        pass
    assert objects(store) == []


def test_a_command_that_fails_leaves_its_journal() -> None:
    store = FakeStore()

    def interrupted() -> None:
        with command_journal(BOTH, [PHI], "purge", lambda: store, mutates=True):
            asked()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (left,) = kept(store)
    assert left.task.startswith("cli.purge.")
