"""A step of the cluster as `jobs` and `scripts` use it; how it ends for them: `test_jobs.py`, `test_scripts.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from druid_reindex.model.cluster import Cluster, ClusterState, Step, StepState
from druid_reindex.model.identity import digest
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.steps import Doing, StepRun, StepUnit, log_of
from druid_reindex.operators.waiting import Wait, Waiting
from druid_reindex.plan import emr as requests
from druid_reindex.plan import names
from night_world import SETTINGS
from step_commands import command_of, journal_of
from timelines import RUN
from twins import FakeEmr, FakeStore

CLUSTER = Cluster("j-1", "night", ClusterState.WAITING, log_uri="s3://drx-logs-111122223333/emr/phi/")


def test_the_log_lies_where_emr_says_or_else_where_the_cluster_archives_it() -> None:
    step = Step("s-1", "a", StepState.FAILED)
    assert str(log_of(step, CLUSTER)) == "s3://drx-logs-111122223333/emr/phi/j-1/steps/s-1/stderr.gz"
    told = Step("s-1", "a", StepState.FAILED, log_file="s3://drx-logs-111122223333/elsewhere.gz")
    assert str(log_of(told, CLUSTER)) == "s3://drx-logs-111122223333/elsewhere.gz"


def give_away(_wait: Wait) -> NoReturn:
    raise AssertionError("the step has ended")


def ran(store: FakeStore, log: Callable[[str], None]) -> tuple[FakeEmr, str]:
    """EMR once a step of a unit has completed, and the step's name."""
    emr = FakeEmr()
    emr.clusters["j-1"], emr.ahead["j-1"], emr.steps["j-1"] = CLUSTER, [], []
    unit = StepUnit(
        "export_a", "d" * 64, S3Uri.parse(SETTINGS.boundary.runs_uri) / "r/export/a", lambda _n, _f: {},
        lambda name, spec_uri, _seconds: requests.export_step(name, spec_uri, "us-east-1"),
    )  # fmt: skip
    waiting = Waiting(give_away, datetime.now(UTC) + timedelta(minutes=1), lambda _line: None)
    running = StepRun(Doing(SETTINGS, RUN, waiting, log, lambda: None, lambda _id: None), emr, store)
    step_id, _ = running.find_or_add(CLUSTER, unit)
    while not emr.describe_step("j-1", step_id).state.is_ended:
        pass
    step, _ = running.run(CLUSTER, unit)
    return emr, step.name


def test_a_step_is_told_where_its_journal_belongs_and_is_its_command_still() -> None:
    emr, name = ran(FakeStore(), lambda _line: None)
    (step,) = emr.added
    boundary = SETTINGS.boundary
    assert journal_of(step) == {
        "protocol": 1,
        "run": str(RUN),
        "task": name,
        "account": "111122223333",
        "uri": f"{boundary.runs_uri}{RUN}/journal/{name}.jsonl",
        "kms_key_arn": boundary.kms_key_arn,
    }
    assert command_of(step)[0] == requests.EXPORT_SCRIPT
    sha256 = digest((SETTINGS.configs / "bootstrap/journalled.sh").read_bytes())
    place = "s3://drx-artifacts-111122223333/bootstrap/journalled.sh"
    assert step["HadoopJarStep"]["Args"][3:5] == [place, sha256]


def test_a_step_that_has_left_no_journal_is_told_of() -> None:
    said: list[str] = []
    _, name = ran(FakeStore(), said.append)
    (told,) = [line for line in said if "journal" in line]
    uri = names.step_journal_uri(SETTINGS.boundary, RUN, name)
    assert told.startswith(f"s-0000000000001 left no journal at {uri}: ")


def test_a_step_that_has_left_its_journal_is_not() -> None:
    store, said = FakeStore(), list[str]()
    _, name = ran(FakeStore(), said.append)
    said.clear()
    uri = names.step_journal_uri(SETTINGS.boundary, RUN, name)
    store.put(uri, b"", kms_key_arn=SETTINGS.boundary.kms_key_arn)
    ran(store, said.append)
    assert not [line for line in said if "journal" in line]
