"""`retire` by hand: what is shown, what is asked, what is done, and that it may be given again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from airflow_twin import DESK, PLACES, Outside
from druid_reindex.cli import retire
from druid_reindex.cli.main import app
from druid_reindex.clients.leases import LeaseKeeper, LeaseShelf
from druid_reindex.errors import NoAnswerError
from druid_reindex.model.disposal import from_json
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from druid_reindex.plan.lease import Claim
from retired_nights import DATASOURCE, DAY, PHI, V0, V1, Past, ids, version
from twins import Outcome

LONG_AGO = datetime.now(UTC) - timedelta(days=20)
GOES = f"{DAY}  {V0}  2 segments go"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Outside:
    made = Outside().connect(monkeypatch)
    monkeypatch.setattr(retire.time, "sleep", lambda _seconds: None)
    return made


@pytest.fixture
def past(outside: Outside) -> Past:
    made = Past(outside.druid, outside.versions, outside.store)
    made.serve(version(V0))
    made.night("1", version(V0), version(V1), LONG_AGO)
    return made


def invoke(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(app, ["retire", DATASOURCE, *arguments, *PLACES], input=said)


def test_it_shows_what_goes_asks_does_it_and_names_the_record(outside: Outside, past: Past) -> None:
    result = invoke(said="y\n")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:2] == [GOES, "Dispose of these for good? [y/N]: y"]
    assert "gone: 2 segments, 4 versions of objects; none is left" in lines
    assert past.there([*version(V0), *version(V1)]) == set(ids(version(V1)))
    (uri,) = [each.uri for each in outside.store.listing(names.disposals_uri(PHI, DATASOURCE))]
    assert lines[-1] == f"the record: {uri}"
    assert from_json(outside.store.get(uri)).is_done
    lease = LeaseShelf(outside.store, PHI, DATASOURCE).read()
    assert lease is not None
    assert lease.is_given_back


@pytest.mark.parametrize(("options", "said", "code"), [(["--dry-run"], "", 0), ([], "n\n", 1)])
def test_a_dry_run_and_a_no_change_nothing(
    outside: Outside, past: Past, options: list[str], said: str, code: int
) -> None:
    result = invoke(*options, said=said)
    assert result.exit_code == code
    assert GOES in result.stdout
    assert past.there(version(V0)) == set(ids(version(V0)))
    assert (LeaseShelf(outside.store, PHI, DATASOURCE).read(), outside.druid.submitted) == (None, [])


def test_a_second_time_there_is_nothing(past: Past) -> None:
    invoke("--yes")
    result = invoke("--yes")
    assert (result.exit_code, result.stdout) == (0, "nothing is to go\n")


def test_after_a_failure_it_goes_on_under_the_same_lease(outside: Outside, past: Past) -> None:
    outside.druid.outcomes = [Outcome(TaskState.FAILED, failure="no route")]
    first = invoke("--yes")
    assert (first.exit_code, "no route" in first.stderr) == (1, True)
    lease = LeaseShelf(outside.store, PHI, DATASOURCE).read()
    assert lease is not None
    assert lease.is_open
    assert invoke("--yes").exit_code == 0
    assert past.there(version(V0)) == set()


def test_a_night_that_holds_the_lease_is_named_and_nothing_goes(outside: Outside, past: Past) -> None:
    night = RunId.of(DESK.boundaries.deployment_id, dag_id="nightly", run_id="manual__7")
    LeaseKeeper(outside.store, PHI, Claim(DATASOURCE, night, DESK.boundaries.deployment_id)).hold()
    result = invoke("--yes")
    assert (result.exit_code, "manual__7" in result.stderr) == (1, True)
    assert past.there(version(V0)) == set(ids(version(V0)))


def test_a_kill_that_does_not_end_is_waited_for_and_then_told(
    outside: Outside, past: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.druid.outcomes = [Outcome(polls=1_000)]
    monkeypatch.setattr(retire, "WAIT_SECONDS", 0.0)
    result = invoke("--yes")
    assert (result.exit_code, "it goes on where this one stopped" in result.stderr) == (1, True)


def test_what_cannot_be_reached_is_an_error(outside: Outside, past: Past) -> None:
    outside.away["versions"] = NoAnswerError("list versions", resource="s3", came_back="nothing", remedy="wait")
    result = invoke("--yes")
    assert (result.exit_code, "list versions" in result.stderr) == (1, True)
