"""One night of the running sandbox as whoever kills something in it sees it: started, waited for, and its traces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3

from druid_reindex.clients.airflow import TaskInstance
from druid_reindex.clients.night_runs import ENDED_STATES
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId
from druid_reindex.plan import names
from druid_reindex.sandbox.aws.service import airflow_role_arn
from emulated_account import role_environment
from real_sandbox import ROOT, Sandbox

LIMIT_SECONDS = 900.0
POLL_SECONDS = 0.5
DEPLOYMENT = load_boundaries(ROOT / "emr_configs").deployment_id


@dataclass(frozen=True)
class WatchedNight:
    """A run of the datasource's DAG."""

    sandbox: Sandbox
    datasource: str
    run_id: str

    @classmethod
    def start(cls, sandbox: Sandbox, datasource: str, interval: str) -> WatchedNight:
        """A new run that rebuilds ``interval`` whether it needs it or not."""
        run_id = sandbox.runs(datasource).start({"interval": interval, "force": True})
        return cls(sandbox, datasource, run_id)

    @cached_property
    def dag_id(self) -> str:
        return self.sandbox.runs(self.datasource).dag_id

    @cached_property
    def identity(self) -> RunId:
        return RunId.of(DEPLOYMENT, dag_id=self.dag_id, run_id=self.run_id)

    def instances(self) -> dict[str, TaskInstance]:
        """Its task instances, by name."""
        return {each.name: each for each in self.sandbox.api.task_instances(self.dag_id, self.run_id)}

    def until(self, task: str, *states: str) -> None:
        """Wait until the task is in one of the states. Fails where the night is over before."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while (at := self._state(task)) not in states:
            assert time.monotonic() < deadline, (task, at)
            assert self.sandbox.api.run_state(self.dag_id, self.run_id) not in ENDED_STATES, (task, at)
            time.sleep(POLL_SECONDS)

    def _state(self, task: str) -> str | None:
        found = self.instances().get(task)
        return found.state if found else None

    def ended(self) -> str:
        """Its state, once it has ended."""
        return self.sandbox.runs(self.datasource).follow(self.run_id, limit_seconds=LIMIT_SECONDS)

    def clusters(self) -> dict[str, str]:
        """The state of each cluster that was launched for it."""
        emr = boto3.client("emr")
        described = [emr.describe_cluster(ClusterId=each["Id"])["Cluster"] for each in emr.list_clusters()["Clusters"]]
        tag = {"Key": names.RUN_TAG, "Value": str(self.identity)}
        return {each["Id"]: each["Status"]["State"] for each in described if tag in each["Tags"]}

    def druid_tasks(self) -> list[str]:
        """The ids of the tasks that Druid was given for it."""
        asked = "SELECT task_id FROM sys.tasks WHERE datasource = ?"
        rows = self.sandbox.druid.query(asked, [{"type": "VARCHAR", "value": self.datasource}])
        prefix = f"drx_{self.datasource}_{self.identity.short}_"
        return [str(row["task_id"]) for row in rows if str(row["task_id"]).startswith(prefix)]

    def steps(self) -> list[tuple[str, str]]:
        """Name and state of each step of its clusters, in the order in which they were added."""
        emr = boto3.client("emr")
        pages = [page for each in self.clusters() for page in emr.get_paginator("list_steps").paginate(ClusterId=each)]
        return [(step["Name"], step["Status"]["State"]) for page in pages for step in reversed(page["Steps"])]

    def statements(self) -> list[tuple[str, str]]:
        """Name and state of each batch that Redshift was given for it: told to the role that runs them alone."""
        return sorted((each["StatementName"], each["Status"]) for each in self._statements())

    def _statements(self) -> Iterator[dict[str, Any]]:
        prefix = names.statements_prefix(self.datasource, self.identity)
        given = role_environment(self.sandbox.home, airflow_role_arn("phi"))
        data = boto3.client(
            "redshift-data",
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=given["AWS_SESSION_TOKEN"],
        )
        for page in data.get_paginator("list_statements").paginate(StatementName=prefix):
            yield from page["Statements"]


def active_segments(sandbox: Sandbox, datasource: str, start: str, end: str) -> int:
    """How many segments of an interval Druid serves."""
    asked = (
        "SELECT segment_id FROM sys.segments WHERE datasource = ? AND is_active = 1 AND is_overshadowed = 0 "
        'AND "start" >= ? AND "start" < ?'
    )
    values = [{"type": "VARCHAR", "value": each} for each in (datasource, start, end)]
    return len(sandbox.druid.query(asked, values))
