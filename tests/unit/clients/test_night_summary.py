"""A night's summary: from what Airflow holds to the table and the JSON of the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.clients.night_summary import ClusterSummary, Summary, TaskSummary, summarise

KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
XCOMS: dict[tuple[str, str], Any] = {
    ("plan", "night"): {
        "explanation": "2 chunks: fragmented",
        "segments_before": 12,
        "rows_before": 90,
        "suspended": ["vitals-stream"],
    },
    ("validate", "return_value"): {
        "chunks": 2,
        "segments_after": 2,
        "rows_before": 90,
        "rows_after": 90,
        "bytes_after": 4096,
        "kms_keys": [KEY],
        "versions": ["2026-10-06T02:31:00.000Z"],
    },
    ("cluster_down", "return_value"): {"cluster_id": "j-1", "state": "TERMINATED"},
    ("verdict", "return_value"): {"status": "rebuilt"},
}
TASKS = [
    TaskInstance("plan", -1, "success", 2.04, 1),
    TaskInstance("reindex", 0, "success", 60.0, 1),
    TaskInstance("reindex", 1, "success", 40.0, 1),
]


class Night:
    """What Airflow holds of one run."""

    def __init__(self, state: str, xcoms: dict[tuple[str, str], Any], tasks: list[TaskInstance]) -> None:
        self.state, self.xcoms, self.tasks = state, xcoms, tasks

    def run_state(self, _dag_id: str, _run_id: str) -> str:
        return self.state

    def task_instances(self, _dag_id: str, _run_id: str) -> list[TaskInstance]:
        return self.tasks

    def xcom(self, _dag_id: str, _run_id: str, task: str, *, key: str, map_index: int = -1) -> Any:
        return self.xcoms.get((task, key) if map_index < 0 else (f"{task}[{map_index}]", key))


def summary(state: str = "success", xcoms: Any = XCOMS, tasks: Any = TASKS) -> Summary:
    night: Any = Night(state, xcoms, tasks)
    return summarise(night, "d", "r")


def text(told: Summary) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        console.print(told.table())
    return captured.get()


def test_a_good_night() -> None:
    told = summary()
    assert (told.status, told.chunks_rebuilt, told.kms_keys) == ("rebuilt", 2, [KEY])
    assert (told.segments_before, told.segments_after, told.rows_before, told.rows_after) == (12, 2, 90, 90)
    assert told.cluster == ClusterSummary("j-1", "TERMINATED")
    assert told.tasks == {"plan": TaskSummary(2.0, "success"), "reindex": TaskSummary(100.0, "success")}


def test_it_tells_why_and_what_was_asked_of_the_outside() -> None:
    night = {"reasons": {"rows appended": 2}, "stale_chunks": 3}
    asked = {
        ("plan", "outside_calls"): {"druid": 3, "lease": 2},
        ("reindex[0]", "outside_calls"): {"druid": 4},
        ("reindex[1]", "outside_calls"): {"druid": 5, "s3": 1},
    }
    told = summary(xcoms=XCOMS | asked | {("plan", "night"): XCOMS["plan", "night"] | night})
    assert (told.reasons, told.stale_chunks) == ({"rows appended": 2}, 3)
    assert told.outside_calls == {"plan": {"druid": 3, "lease": 2}, "reindex": {"druid": 9, "s3": 1}}
    shown = text(told)
    assert "druid 12 (3 by plan), lease 2 (2 by plan), s3 1 (0 by plan)" in shown
    assert "older chunks of another definition" in shown
    assert (summary().reasons, summary().outside_calls) == ({}, {})


def test_the_table_shows_what_a_person_asks_first() -> None:
    shown = text(summary())
    for part in ("12 → 2", "90 → 90", "4096", KEY, "2026-10-06T02:31", "j-1 TERMINATED", "success, 100 s"):
        assert part in shown


def test_an_attested_night_tells_each_instance(tmp_path: Path) -> None:
    attested = {"instances": {"i-1": "pass"}, "realm": "EC2.INTERNAL", "security_configuration": "druid-reindex-0"}
    told = summary(xcoms=XCOMS | {("attest", "return_value"): attested})
    assert all(part in text(told) for part in ("i-1 pass", "EC2.INTERNAL", "druid-reindex-0"))
    told.write(tmp_path / "night.json")
    found = json.loads((tmp_path / "night.json").read_text())
    assert found["attestation"] == {"i-1": {"verdict": "pass"}}
    assert (found["realm"], found["security_configuration"]) == ("EC2.INTERNAL", "druid-reindex-0")
    assert "attestation" not in text(summary())


def test_what_was_judged_is_told_whether_the_night_passed_or_not(tmp_path: Path) -> None:
    judged = {"verdict": "failed", "batches": {"0": "failed"}, "expectations": 12, "findings": 2, "seconds": 3.5}
    told = summary("failed", xcoms={("validate", "quality"): judged})
    assert "failed: 12 expectations, 2 findings" in text(told)
    told.write(tmp_path / "night.json")
    found = json.loads((tmp_path / "night.json").read_text())["quality"]
    assert found == {"verdict": "failed", "expectations": 12, "findings": 2, "seconds": 3.5}
    assert "nothing judged" in text(summary())


def test_the_json_carries_the_same_under_the_names_that_programs_know(tmp_path: Path) -> None:
    path = tmp_path / "summaries" / "night.json"
    summary().write(path)
    found = json.loads(path.read_text())
    assert found["cluster"] == {"id": "j-1", "state": "TERMINATED"}
    assert found["tasks"]["reindex"] == {"seconds": 100.0, "state": "success"}
    assert {name: found[name] for name in ("status", "run_id", "chunks_rebuilt", "rows_after", "kms_keys")} == {
        "status": "rebuilt",
        "run_id": "r",
        "chunks_rebuilt": 2,
        "rows_after": 90,
        "kms_keys": [KEY],
    }


def test_a_night_with_nothing_to_do_launched_nothing() -> None:
    told = summary(
        xcoms={
            ("plan", "night"): {"explanation": "every chunk is as wanted", "segments_before": 0},
            ("cluster_down", "return_value"): {"cluster_id": None, "state": None},
            ("verdict", "return_value"): {"status": "nothing to do"},
        }
    )
    assert (told.status, told.cluster) == ("nothing to do", ClusterSummary())
    assert "none launched" in text(told)
    assert "every chunk is as wanted" in text(told)


MOVED = [("unload_claims", 7), ("unload_conditions", 4), ("export_snapshot", 9), ("load_snapshot", 9)]


def test_a_night_that_moves_tables_tells_how_many_rows() -> None:
    tasks = [*TASKS, *(TaskInstance(name, -1, "success", 1.0, 1) for name, _ in MOVED)]
    told = summary(xcoms=XCOMS | {(name, "return_value"): {"rows": rows} for name, rows in MOVED}, tasks=tasks)
    assert (told.unloaded_rows, told.exported_rows, told.loaded_rows) == (11, 9, 9)
    assert "11 unloaded, 9 exported, 9 loaded" in text(told)
    assert "unloaded" not in text(summary())


def test_a_night_that_took_chunks_back_names_them() -> None:
    told = summary("failed", {("rollback", "return_value"): {"rolled_back": ["2026-09-01/2026-09-02"]}})
    assert (told.status, told.rolled_back) == ("failed", ["2026-09-01/2026-09-02"])
    assert "taken back" in text(told)
    assert summary().rolled_back == []
    assert "taken back" not in text(summary())


def test_the_snapshots_night_stands_within_the_one_that_it_was_built_from(tmp_path: Path) -> None:
    night = Summary("rebuilt", "r2", unloaded_rows=11, exported_rows=9, loaded_rows=9)
    summary().with_snapshot(night).write(tmp_path / "night.json")
    found = json.loads((tmp_path / "night.json").read_text())
    told = {name: found["snapshot"][name] for name in ("rows", "unloaded_rows", "loaded_rows")}
    assert told == {"rows": 9, "unloaded_rows": 11, "loaded_rows": 9}
    assert (found["run_id"], found["snapshot"]["night"]["run_id"]) == ("r", "r2")


@pytest.mark.parametrize(("status", "green"), [("rebuilt", True), ("nothing to do", True), ("failed", False)])
def test_a_night_is_as_green_as_its_snapshots(status: str, green: bool) -> None:
    assert summary().with_snapshot(Summary(status, "r2")).is_green == green
    assert not Summary("failed", "r").with_snapshot(Summary(status, "r2")).is_green


@pytest.mark.parametrize("xcoms", [{}, XCOMS], ids=["nothing told", "all told"])
def test_a_red_run_is_a_failed_night_whatever_its_tasks_told(xcoms: Any) -> None:
    assert summary("failed", xcoms).status == "failed"


def test_a_green_run_without_a_verdict_is_a_failed_night() -> None:
    assert summary("success", {}).status == "failed"


def test_of_a_mapped_task_the_worst_state_stands() -> None:
    states = ("success", "failed", "success")
    tasks = [TaskInstance("reindex", number, state, 1.0, 1) for number, state in enumerate(states)]
    assert summary("failed", {}, tasks).tasks == {"reindex": TaskSummary(3.0, "failed")}


def test_the_supervisors_that_were_suspended_are_told() -> None:
    assert summary().suspended == ["vitals-stream"]
    assert "vitals-stream" in text(summary())
    assert "supervisors" not in text(summary(xcoms={}))


def test_where_the_evidence_lies_and_what_of_it_could_not_be_read() -> None:
    kept = {"pack": "s3://drx-evidence/phi/packs/v/r/0000.jsonl", "pending": ["journal"], "unread": ["objects"]}
    told = summary(xcoms=XCOMS | {("evidence", "return_value"): kept})
    assert (told.evidence.pack, told.evidence.pending, told.evidence.unread) == (kept["pack"], ["journal"], ["objects"])
    rows = told._besides()
    assert rows["evidence"] == f"{kept['pack']}, not read: objects"
    assert summary().evidence.pack is None
    assert "evidence" not in summary()._besides()
