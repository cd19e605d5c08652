"""The state of a run: each section is said, and the next command cannot do harm."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from druid_reindex.evidence.night_state import (
    MISSING_RUN,
    Change,
    Holder,
    NightState,
    Progress,
    RunningCluster,
    Served,
    Stopped,
    StoppedStream,
    Unread,
    as_json,
    render,
    safe_next,
)

AT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)
SECTIONS = ("WHAT stopped", "WHY", "SERVING", "RUNNING", "SUSPENDED", "SAFE NEXT", "DEADLINE")
DAG, RUN = "nightly_reindex__patient_vitals", "manual__1"
NAMED = f"{RUN} --dag-id {DAG}"
UNREAD = Unread("no answer")
CLUSTER = RunningCluster("j-1", "WAITING", AT)
MINE, THEIRS = (Holder(DAG, run, AT, AT, is_this_run=run == RUN) for run in (RUN, "scheduled__2"))
STREAM, OTHERS = (StoppedStream("s0", AT, DAG, run, is_this_run=run == RUN) for run in (RUN, "scheduled__2"))
GREEN = NightState(
    dag_id=DAG, run_id=RUN, datasource="patient_vitals", run_state="success", stopped=(), why="", serving=(),
    running=(), lease=None, progress=Progress((0, 1, 2), frozenset({0, 1, 2})), deadline=None,
)  # fmt: skip
RED = replace(GREEN, run_state="failed")


def failed(task_id: str, done: int | None = 3, **changes: Any) -> NightState:
    progress = None if done is None else Progress((0, 1, 2), frozenset(range(done)))
    return replace(RED, **{"stopped": (Stopped(task_id, 3, AT),), "progress": progress, **changes})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (replace(GREEN, run_state="running"), f"wait; to stop it: druid-reindex abort {NAMED}"),
        (replace(GREEN, run_state="queued", running=(CLUSTER,)), f"wait; to stop it: druid-reindex abort {NAMED}"),
        (failed("reindex", 1, run_state="running"), f"wait; to stop it: druid-reindex abort {NAMED}"),
        (failed("plan", None), f"druid-reindex resume {NAMED}  after"),
        (failed("approve", 0), f"druid-reindex resume {NAMED}  after"),
        (failed("reindex", 1), f"druid-reindex resume {NAMED} --from-batch 1  after"),
        (failed("cluster_up", 0), f"druid-reindex resume {NAMED} --from-batch 0  after"),
        (failed("validate", 2), f"druid-reindex resume {NAMED} --from-batch 2  after"),
        (failed("validate"), "druid-reindex hold patient_vitals  "),
        (failed("rollback", 2), f"druid-reindex rollback {NAMED}  shows what of the night is served"),
        (failed("cluster_down"), f"druid-reindex resume {NAMED} --from-batch 3  judges"),
        (failed("reindex", 1, running=(CLUSTER,)), "druid-reindex orphans --reap  "),
        (failed("cluster_down", running=(CLUSTER,)), "druid-reindex orphans --reap  "),
        (failed("reindex", 1, running=UNREAD), "druid-reindex orphans  the run is over"),
        (failed("reindex", 1, lease=MINE), f"druid-reindex resume {NAMED} --from-batch 1  after"),
        (failed("reindex", 1, lease=THEIRS), f"druid-reindex status scheduled__2 --dag-id {DAG}  it holds"),
        (failed("reindex", 1, lease=UNREAD), f"druid-reindex resume {NAMED} --from-batch 1  after"),
        (failed("reindex", 1, stopped=UNREAD), f"druid-reindex status {NAMED}  once all"),
        (failed("reindex", 1, progress=UNREAD), f"druid-reindex status {NAMED}  once all"),
        (replace(GREEN, run_state=UNREAD, running=(CLUSTER,)), f"druid-reindex status {NAMED}  once Airflow"),
        (replace(GREEN, run_state=MISSING_RUN), "druid-reindex orphans  Airflow does not know"),
        (GREEN, "nothing: the night is over"),
        (replace(GREEN, running=(CLUSTER,)), "druid-reindex orphans --reap  "),
        (replace(GREEN, streams=(STREAM,)), "druid-reindex orphans --reap  the run is over: this resumes"),
        (replace(GREEN, streams=(OTHERS,)), "nothing: the night is over"),
        (replace(GREEN, streams=UNREAD), "nothing: the night is over"),
        (replace(GREEN, run_state="running", streams=(STREAM,)), f"wait; to stop it: druid-reindex abort {NAMED}"),
    ],
)
def test_the_safe_next_command(state: NightState, expected: str) -> None:
    assert safe_next(state).startswith(expected)


def test_names_are_quoted_for_a_shell() -> None:
    assert "status 'a b' --dag-id 'd;x'" in safe_next(replace(GREEN, run_id="a b", dag_id="d;x", run_state=UNREAD))


@pytest.mark.parametrize("state", [
    GREEN,
    replace(GREEN, run_state=UNREAD, stopped=UNREAD, why=UNREAD, serving=UNREAD, running=UNREAD, lease=UNREAD,
            progress=UNREAD, deadline=UNREAD, suspended=UNREAD),
], ids=["empty", "unread"])  # fmt: skip
def test_every_section_is_said_in_order(state: NightState) -> None:
    lines = render(state).splitlines()
    titles = [line[:14].strip() for line in lines if line[:14].strip()]
    assert titles == [*SECTIONS]
    assert all(line[14:].strip() for line in lines)


def test_what_could_not_be_read_says_so_in_its_own_section() -> None:
    text = render(replace(RED, serving=Unread("Druid is away"), lease=Unread("S3 is away"), deadline=Unread("no file")))
    assert "SERVING       could not read: Druid is away" in text
    assert "              lease: could not read: S3 is away" in text
    assert "DEADLINE      could not read: no file" in text


def test_a_failed_night() -> None:
    served = (Served("a/b", ("v1", "v2"), 1234, Change.REBUILT), Served("b/c", (), None, Change.NONE))
    state = failed(
        "reindex", 1, why="out of memory\nsee the log", serving=served, running=(replace(CLUSTER, usd_per_hour=1.256),),
        stopped=(Stopped("reindex", 3, AT, batch=1),), lease=MINE, deadline=AT, suspended=("supervisor vitals",),
    )  # fmt: skip
    assert render(state) == (
        "WHAT stopped  run manual__1 is failed\n"
        "              reindex[1], try 3 since 2026-10-06 02:30 UTC\n"
        "WHY           out of memory\n"
        "              see the log\n"
        "SERVING       a/b  v1, v2  1,234 rows  rebuilt by this run\n"
        "              b/c  nothing  rows unknown  as before\n"
        "RUNNING       cluster j-1 WAITING since 2026-10-06 02:30 UTC, 1.26 USD/h\n"
        "              lease held by this run since 2026-10-06 02:30 UTC until 2026-10-06 02:30 UTC\n"
        "SUSPENDED     supervisor vitals\n"
        "SAFE NEXT     druid-reindex orphans --reap  the run is over: this ends the clusters that no live run owns\n"
        "DEADLINE      2026-10-06 02:30 UTC"
    )


def test_a_cluster_without_a_price_says_so() -> None:
    assert str(CLUSTER).endswith("price unknown")


def test_some_batches_alone() -> None:
    some = Progress((1, 4), frozenset({1}))
    assert (some.first_open, some.end, Progress((), frozenset()).end) == (4, 5, 0)
    assert Progress((1, 4), frozenset({1, 4})).first_open is None


def test_the_same_for_a_program() -> None:
    served = (Served("a/b", ("v1",), 7, Change.OTHER),)
    told = as_json(failed("reindex", 1, serving=served, lease=UNREAD, deadline=AT))
    assert json.loads(json.dumps(told)) == {
        "dag_id": DAG, "run_id": RUN, "datasource": "patient_vitals", "run_state": "failed",
        "stopped": [{"task_id": "reindex", "try_number": 3, "since": AT.isoformat(), "batch": None}], "why": "",
        "serving": [{"interval": "a/b", "versions": ["v1"], "rows": 7, "change": str(Change.OTHER)}],
        "running": [], "lease": {"unread": "no answer"}, "progress": {"batches": [0, 1, 2], "done": [0]},
        "deadline": AT.isoformat(), "suspended": [], "streams": [],
        "safe_next": f"druid-reindex resume {NAMED} --from-batch 1  after mending the cause",
    }  # fmt: skip


def test_what_is_suspended_is_told_of_the_dag_and_of_the_streams() -> None:
    def told(**changes: Any) -> list[str]:
        lines = render(replace(GREEN, **changes)).splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("SUSPENDED"))
        return [
            line.removeprefix("SUSPENDED").strip()
            for line in lines[first : lines.index("SAFE NEXT     nothing: the night is over")]
        ]

    by = f"supervisor s0 since 2026-10-06 02:30 UTC, by {DAG} scheduled__2, which resumes it at its end"
    assert told() == ["nothing by us"]
    assert told(suspended=("DAG d is paused",)) == ["DAG d is paused"]
    assert told(suspended=("DAG d is paused",), streams=(OTHERS,)) == ["DAG d is paused", by]
    assert told(streams=UNREAD) == ["could not read: no answer"]
