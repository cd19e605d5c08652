"""What a run has on Druid and EMR is ended; how its steps are: `tests/unit/operators/test_succession.py`."""

from __future__ import annotations

import pytest

from airflow_twin import DAG, DESK, RUN
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.run_end import Alive, end_run
from druid_reindex.errors import NoAnswerError
from druid_reindex.model.druid_task import TaskStatus
from druid_reindex.plan import names
from twins import FakeDruid, FakeEmr

SUBJECT = DESK.subject(DagRun(DAG, RUN, "failed"))


class SilentDruid(FakeDruid):
    """Does not answer."""

    def active_tasks(self, datasource: str) -> list[TaskStatus]:
        raise NoAnswerError("list active tasks", resource=datasource, came_back="ConnectError", remedy="wait")


def test_clusters_are_ended_though_druid_does_not_answer() -> None:
    emr, said = FakeEmr(), list[str]()
    tags = [{"Key": key, "Value": value} for key, value in names.run_tags(SUBJECT.run_id).items()]
    cluster_id = emr.run_job_flow({"Name": "night", "Tags": tags})
    with pytest.raises(NoAnswerError):
        end_run("patient_vitals", SUBJECT.run_id, SilentDruid(), emr, said.append)
    assert emr.terminated == [cluster_id]
    assert end_run("patient_vitals", SUBJECT.run_id, FakeDruid(), emr, said.append) == Alive((), (cluster_id,))
    assert (emr.terminated, said) == ([cluster_id], [f"terminating cluster {cluster_id} (night)"])


def test_what_lives_is_named() -> None:
    assert str(Alive(("t",), ("j",))) == "t, j"
    assert (bool(Alive()), str(Alive())) == (False, "nothing")
