"""``druid-reindex purge``: a person has all rows of given keys left out of a datasource, and is told what is left."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from druid_reindex.cli.nights import CONFIGS, PIPELINES, ConfigsOption, Desk, PipelinesOption, airflow_api
from druid_reindex.cli.runs import POLL_SECONDS
from druid_reindex.clients.airflow import AirflowApi, DagRun
from druid_reindex.clients.airflow_facts import told_night
from druid_reindex.clients.night_facts import Subject
from druid_reindex.errors import ConfigurationError, ConflictError, IntegrityError, NotApprovedError
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan import purge as rules
from druid_reindex.ports import ObjectStorePort

SUCCESS = "success"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("purge")(purge)


def purge(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Its datasource, file or DAG id.")],
    key_file: Annotated[str, typer.Option("--key-file", help="s3://… of a file with one key in each line.")],
    column: Annotated[str, typer.Option("--column", help="The dimension that holds the keys.")],
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Rebuild all that PIPELINE's datasource serves without the rows of keys, and prove that none is left.

    Starts a run of the pipeline's DAG and follows it: a step of its cluster writes the rows that stay, the chunks are
    rebuilt of these, another step counts the keys' rows in the new segments. A batch in which one is left is taken
    back, and the run fails. The keys are read by these steps alone; here and in Airflow are the file's address and
    ETag. Given again, it goes on with the pipeline's latest run, if that is a purge by the same file, and has not
    failed. To interrupt it stops nothing.
    """
    desk = Desk(pipelines, configs)
    found, asked = desk.pipeline(pipeline), {"key_file": str(_address(key_file)), "column": column}
    rules.refuse_inexact(found, column)
    with airflow_api() as api:
        run = _latest(api, found, asked)
        if run is None:
            if not (yes or typer.confirm(f"Rebuild all of {found.datasource} without the rows of these keys?")):
                raise NotApprovedError(
                    "purge keys", resource=found.datasource, came_back="no", remedy="nothing was changed: ask again"
                )
            run_id = api.trigger(found.dag_id, {"reason": f"purge by {asked['key_file']}", "purge": asked})
            run = DagRun(found.dag_id, run_id, "queued")
        run = _followed(api, run)
        night = told_night(api, run) or {}
    with desk.sources() as sources:
        told = Told.of(desk.subject(run), night, sources.store())
    typer.echo(str(told))
    if run.state != SUCCESS:
        raise IntegrityError(
            "purge keys", resource=f"{run.dag_id} {run.run_id}", came_back=f"the run is {run.state}",
            remedy=f"read why: druid-reindex status {run.run_id} --dag-id {run.dag_id}; batches that passed stay "
            "as they are; then give this command again, which purges all of it anew",
        )  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What the batches of a purge have left: how many keys there were, and the rows with and without them."""

    batches: int
    done: int
    keys: int
    rows: Mapping[str, int]

    @classmethod
    def of(cls, subject: Subject, night: Mapping[str, Any], store: ObjectStorePort) -> Told:
        """What the records of the night's batches tell; those of batches that were taken back count for nothing."""
        rows: Counter[str] = Counter(rows_with=0, rows_without=0, rows_left=0)
        keys = done = 0
        for number in night.get("batches", ()):
            uri = names.result_uri(subject.boundary, subject.run_id, number)
            record = json.loads(store.get(uri)) if store.exists(uri) else {}
            if told := record.get("purge"):
                done, keys = done + 1, told["keys"]
                rows += Counter({name: sum(told[name].values()) for name in ("rows_with", "rows_without")})
                rows["rows_left"] += told["rows_left"]
        return cls(len(night.get("batches", ())), done, keys, rows)

    def __str__(self) -> str:
        if not self.batches:
            return "nothing is served, or nothing was planned: no row of the keys was looked for"
        return (
            f"{self.done} of {self.batches} batches rebuilt without {self.keys} keys: {self.rows['rows_with']:,} rows "
            f"left out, {self.rows['rows_without']:,} kept, {self.rows['rows_left']} of the keys in the new segments"
        )


def _address(text: str) -> S3Uri:
    """The file's address; what else was given is not told, for it may be a key."""
    try:
        return S3Uri.parse(text)
    except ValueError:
        raise ConfigurationError(
            "find the keys of a purge", resource="--key-file", came_back="no S3 address",
            remedy="put the keys into a file in S3 and name it: s3://bucket/key",
        ) from None  # fmt: skip


def _latest(api: AirflowApi, pipeline: Pipeline, asked: Mapping[str, str]) -> DagRun | None:
    """The pipeline's latest run, if it is a purge by this file that has not failed; None where a new one is to start.

    Raises ConflictError while another run is live.
    """
    run = api.latest_run(pipeline.dag_id)
    told = ((told_night(api, run) or {}).get("purge") or {}) if run is not None else {}
    if run is not None and {"key_file": told.get("uri"), "column": told.get("column")} == asked:
        return run if run.is_live or run.state == SUCCESS else None
    if run is not None and run.is_live:
        raise ConflictError(
            "purge keys", resource=f"{run.dag_id} {run.run_id}", came_back=f"it is {run.state}",
            remedy="wait until it has ended, or stop it with `druid-reindex abort`; then give this command again",
        )  # fmt: skip
    return None


def _followed(api: AirflowApi, run: DagRun) -> DagRun:
    """The run, once it is over; says whenever its state is another one."""
    typer.echo(f"run {run.run_id} of {run.dag_id}; more of it: druid-reindex status {run.run_id} --dag-id {run.dag_id}")
    said = ""
    while True:
        run = replace(run, state=api.run_state(run.dag_id, run.run_id))
        if run.state != said:
            typer.echo(f"it is {run.state}")
            said = run.state
        if not run.is_live:
            return run
        time.sleep(POLL_SECONDS)
