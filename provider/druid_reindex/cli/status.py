"""``druid-reindex status``: what became of a run, and the next command that cannot do harm. Read-only."""

from __future__ import annotations

import json

import typer

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import (
    CONFIGS,
    PIPELINES,
    ConfigsOption,
    DagIdOption,
    Desk,
    JsonOption,
    PipelinesOption,
    RunArgument,
    airflow_api,
)
from druid_reindex.clients.airflow import DagRun
from druid_reindex.clients.airflow_facts import airflow_facts, told_night
from druid_reindex.clients.night_facts import AirflowFacts, night_state
from druid_reindex.errors import DruidReindexError
from druid_reindex.evidence.night_state import NightState, Unread, as_json, render


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    run: RunArgument,
    dag_id: DagIdOption = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    as_document: JsonOption = False,
) -> None:
    """Say what stopped, why, what is served, what runs and costs, and which command is safe next. Changes nothing.

    Of the latest night of a pipeline: druid-reindex status patient_vitals

    WHAT stopped   the run's state, and the tasks that failed by themselves
    WHY            the exception of each, with what to do about it
    SERVING        each planned time chunk: versions, rows, rebuilt or not
    RUNNING        clusters, with price an hour, and who holds the lease
    SUSPENDED      a DAG on hold; supervisors that a night has suspended
    SAFE NEXT      one command that cannot do harm in this state
    DEADLINE       by policy.finish_within_hours

    A part that could not be read says so, and why. With --dag-id it tells what it can while Airflow does not answer.

    Airflow is found by AIRFLOW_URL with AIRFLOW_TOKEN, or AIRFLOW_USER and AIRFLOW_PASSWORD (and AIRFLOW_CA_FILE);
    Druid by DRUID_URL, DRUID_COORDINATOR_URL, DRUID_OVERLORD_URL; AWS by boto3's own chain.
    """
    state = look(Desk(pipelines, configs), run, dag_id)
    if as_document:
        typer.echo(json.dumps(as_json(state), indent=2, ensure_ascii=False))
    else:
        typer.echo(render(state))


def look(desk: Desk, run: str, dag_id: str | None) -> NightState:
    """The state of the run. Raises what ``Desk.find_run`` raises, and without ``dag_id`` also what Airflow raises."""
    profile = None
    try:
        with airflow_api() as api:
            found = desk.find_run(api, run, dag_id)
            night = told_night(api, found)
            told = airflow_facts(api, found, night)
            profile = night.get("profile") if night is not None else None
    except DruidReindexError as error:
        if dag_id is None:
            raise
        unread = Unread(str(error))
        found = DagRun(desk.pipeline(dag_id).dag_id, run, "")
        told = AirflowFacts(unread, unread, unread, unread, suspended=unread)
    subject = desk.subject(found, profile)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [subject.boundary], "status", sources.store, mutates=False),
    ):
        return night_state(subject, told, sources)
