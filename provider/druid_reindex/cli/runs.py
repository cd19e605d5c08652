"""``abort``, ``resume`` and ``hold``: what a person does to a night. Each may be given again, and says what it did."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from druid_reindex.cli.journalling import command_journal
from druid_reindex.cli.nights import (
    CONFIGS,
    PIPELINES,
    ConfigsOption,
    DagIdOption,
    Desk,
    PipelinesOption,
    RunArgument,
    airflow_api,
)
from druid_reindex.clients.airflow import AirflowApi, Clearable, DagRun, TaskInstance
from druid_reindex.clients.airflow_facts import asked_batches, told_night
from druid_reindex.clients.leases import LeaseShelf
from druid_reindex.clients.night_facts import Sources, Subject, results
from druid_reindex.clients.run_end import Alive, Services, end_run
from druid_reindex.clients.suspensions import Suspender, SuspensionShelf
from druid_reindex.errors import ConflictError, DeadlineError, NotFoundError, RefusedError
from druid_reindex.evidence.night_state import (
    APPROVE_TASK,
    ATTEST_TASK,
    CLUSTER_DOWN_TASK,
    CLUSTER_UP_TASK,
    EXPORT_TASKS,
    LOAD_TASKS,
    MISSING_RUN,
    PLAN_TASK,
    PREPARE_TASKS,
    REINDEX_TASK,
    ROLLBACK_TASK,
    UNLOAD_TASKS,
    VALIDATE_TASK,
    VERDICT_TASK,
)
from druid_reindex.model.lease import Lease
from druid_reindex.plan import lease as rules

POLL_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("abort")(abort)
    app.command("resume")(resume)
    app.command("hold")(hold)


def abort(
    run: RunArgument,
    dag_id: DagIdOption = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the lease.")] = "aborted",
    wait_seconds: Annotated[float, typer.Option(help="How long to wait until all has ended.", min=0)] = 900.0,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
) -> None:
    """Stop RUN: in Airflow, on Druid, on EMR, on Redshift; then give its lease back. Doing it again is harmless.

    1. marks the run as failed in Airflow, if it is queued or running
    2. breaks its lease, so that whatever of it still works stops at its next write
    3. stops its Druid tasks, cancels its steps and statements, terminates its clusters; a shared one goes on for others
    4. resumes the supervisors that it has suspended, once all of that has ended
    5. gives the lease back, and lets the run be over in Airflow

    What is published stays: `status` then says what is served, and how to go on. Exit 1 when something still lives
    after --wait-seconds: the lease is not given back then, and the next night ends what is left.
    """
    found = abort_run(Desk(pipelines, configs), run, dag_id, reason=reason, wait_seconds=wait_seconds)
    typer.echo(f"safe next: druid-reindex status {found.run_id} --dag-id {found.dag_id}")


def abort_run(desk: Desk, run: str, dag_id: str | None, *, reason: str, wait_seconds: float) -> DagRun:
    """The run, as it was found, once nothing of it lives and its lease is given back; tells what is done.

    Raises DeadlineError when something still lives after ``wait_seconds``, and what Airflow, Druid, EMR and S3 raise.
    """
    with airflow_api() as api:
        found = desk.find_run(api, run, dag_id)
        if found.is_live:
            _mark_failed(api, found)
            typer.echo(f"marked run {found.run_id} of {found.dag_id} as failed (it was {found.state})")
        else:
            typer.echo(f"run {found.run_id} of {found.dag_id} is {found.state}: nothing to mark")
    subject = desk.subject(found)
    with (
        desk.sources() as sources,
        command_journal(desk.boundaries, [subject.boundary], "abort", sources.store, mutates=True),
    ):
        shelf = LeaseShelf(sources.store(), subject.boundary, subject.pipeline.datasource)
        _tell_lease(shelf.swap(lambda lease: _fence(lease, subject, reason)), subject)
        end_all(subject, sources, wait_seconds, looks=2 if found.is_live else 1)
        resume_supervisors(subject, sources)
        claim = rules.Claim(subject.pipeline.datasource, subject.run_id, desk.boundaries.deployment_id)
        before = shelf.read()
        after = shelf.swap(lambda lease: rules.give_back(lease, claim, datetime.now(UTC)))
    typer.echo("gave its lease back" if after != before else "it has no lease to give back")
    with airflow_api() as api:
        _close(api, found)
    return found


def resume(
    run: RunArgument,
    from_batch: Annotated[
        int | None, typer.Option("--from-batch", help="The first batch to carry out; those before must be done.", min=0)
    ] = None,
    dag_id: DagIdOption = None,
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
) -> None:
    """Let RUN, which has ended, go on: from a batch of its plan, or, without --from-batch, planned anew.

    Clears task instances in Airflow, and says which. With --from-batch N: cluster_up, attest, reindex from batch N on,
    cluster_down, validate, rollback and verdict; the number after the last batch only judges the night again. It is
    refused while the run is live, and when a batch before N has left no result. `status` names the right N.
    """
    desk = Desk(pipelines, configs)
    with airflow_api() as api:
        found = desk.find_run(api, run, dag_id)
        refuse_live(found, "resume a run")
        tasks = api.task_instances(found.dag_id, found.run_id)
        if from_batch is None:
            chosen: list[Clearable] = [*dict.fromkeys(task.task_id for task in tasks)]
        else:
            night = _planned(api, found, tasks)
            with desk.sources() as sources:
                _require_results(desk.subject(found), night, from_batch, sources)
            chosen = from_batch_on(from_batch, night, tasks)
        cleared = api.clear(found.dag_id, found.run_id, chosen)
        paused = (api.dag(found.dag_id) or {}).get("is_paused")
    typer.echo(f"cleared in run {found.run_id} of {found.dag_id}: {', '.join(cleared) or 'nothing'}")
    if paused:
        typer.echo(f"the DAG is on hold, so nothing starts before: druid-reindex hold {found.dag_id} --release")


def hold(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help="Its datasource, file or DAG id.")],
    pipelines: PipelinesOption = PIPELINES,
    configs: ConfigsOption = CONFIGS,
    *,
    release: Annotated[bool, typer.Option("--release", help="Let its nights start again.")] = False,
) -> None:
    """Let no further night of PIPELINE start, until it is released; its DAG is paused in Airflow.

    A run that is under way finishes the task instances that run, and starts no other, cluster_down neither: abort it if
    it must not wait. Whoever looks sees it under SUSPENDED in `status`.
    """
    dag_id = Desk(pipelines, configs).pipeline(pipeline).dag_id
    with airflow_api() as api:
        dag = api.dag(dag_id)
        if dag is None:
            raise NotFoundError(
                "hold a pipeline", resource=f"DAG {dag_id}", came_back="Airflow does not know it",
                remedy="wait until Airflow has parsed the pipeline's file, or look at its import errors",
            )  # fmt: skip
        already = bool(dag["is_paused"]) is not release
        if not already:
            (api.unpause if release else api.pause)(dag_id)
        live = api.live_runs(dag_id)
    state = "released: its nights start at their hour" if release else "on hold: no night starts until it is released"
    typer.echo(f"{dag_id} is {'already ' if already else ''}{state}")
    for each in live:
        rest = "goes on" if release else "starts no further task; to end it, with its cluster: druid-reindex abort"
        typer.echo(f"run {each.run_id} is {each.state}, and {rest}{'' if release else f' {each.run_id}'}")
    if not release:
        typer.echo(f"to release it: druid-reindex hold {dag_id} --release")


def from_batch_on(first: int, night: Mapping[str, Any], tasks: list[TaskInstance]) -> list[Clearable]:
    """What is cleared so that the batches from ``first`` on are carried out, and the night is judged."""
    numbers = asked_batches(night) or ()
    ids = [task.task_id for task in tasks]
    loads = [task_id for task_id in ids if task_id.startswith(LOAD_TASKS)]
    attested: list[Clearable] = [ATTEST_TASK] if ATTEST_TASK in ids else []
    exports = [task_id for task_id in ids if task_id.startswith(EXPORT_TASKS)]
    rollback: list[Clearable] = [ROLLBACK_TASK] if ROLLBACK_TASK in ids else []  # runs of earlier releases have none
    after: list[Clearable] = [CLUSTER_DOWN_TASK, VALIDATE_TASK, *rollback, *exports, *loads, VERDICT_TASK]
    wanted = [index for index, number in enumerate(numbers) if number >= first]
    if not wanted:
        return [CLUSTER_UP_TASK, *attested, *after] if exports else after
    mapped = {task.map_index for task in tasks if task.task_id == REINDEX_TASK and task.map_index >= 0}
    whole = not mapped or len(wanted) == len(numbers)
    batches: list[Clearable] = [REINDEX_TASK] if whole else [(REINDEX_TASK, index) for index in wanted]
    unloads = [task_id for task_id in ids if task_id.startswith(UNLOAD_TASKS)]
    prepares = [task_id for task_id in ids if task_id.startswith(PREPARE_TASKS)]
    return [*unloads, CLUSTER_UP_TASK, *attested, *prepares, *batches, *after]


def _mark_failed(api: AirflowApi, run: DagRun) -> None:
    """Mark the run as failed, and its verdict, which Airflow skips, so that it does not turn the run green."""
    api.set_run_state(run.dag_id, run.run_id, "failed")
    _set_state(api, run, VERDICT_TASK, "failed")


def _close(api: AirflowApi, run: DagRun) -> None:
    """Let a run be over that waits for its cluster_down, whose work is done: Airflow goes on with a run until then."""
    now = api.run(run.dag_id, run.run_id)
    if now is not None and now.is_live:
        _set_state(api, run, CLUSTER_DOWN_TASK, "skipped")
        _mark_failed(api, run)


def _set_state(api: AirflowApi, run: DagRun, task_id: str, state: str) -> None:
    for task in api.task_instances(run.dag_id, run.run_id):
        if task.task_id == task_id and task.state != state:
            api.set_task_state(run.dag_id, run.run_id, task, state)


def _fence(lease: Lease | None, subject: Subject, reason: str) -> Lease | None:
    """The run's lease as broken; None where there is nothing to break."""
    if lease is None or not lease.is_open or lease.owner != str(subject.run_id):
        return None
    return rules.broken(lease, by=getpass.getuser(), reason=reason, now=datetime.now(UTC))


def _tell_lease(lease: Lease | None, subject: Subject) -> None:
    if lease is not None and lease.owner == str(subject.run_id) and lease.broken is not None:
        typer.echo("its lease is broken: whatever of it still works stops at its next write")


def end_all(subject: Subject, sources: Sources, wait_seconds: float, looks: int) -> None:
    """Return once as many ``looks`` in a row found nothing of the run: what a killed task had sent may arrive late.

    Raises DeadlineError that names what lives.
    """
    tell = _once(set())
    warehouse = subject.boundary.redshift if subject.pipeline.moves_tables else None
    redshift = sources.redshift(warehouse) if sources.redshift and warehouse else None
    services = Services(sources.druid(), sources.emr(), sources.store(), subject.boundary, tell, redshift)
    give_up, found_nothing = time.monotonic() + wait_seconds, 0
    while found_nothing < looks:
        alive = end_run(subject.pipeline.datasource, subject.run_id, services)
        found_nothing = 0 if alive else found_nothing + 1
        if alive and time.monotonic() >= give_up:
            raise _still_alive(subject, alive, wait_seconds)
        if alive:
            tell(f"waiting for {alive} to end")
        if found_nothing < looks:
            time.sleep(POLL_SECONDS)
    typer.echo("nothing of it runs on Druid, EMR or Redshift")


def resume_supervisors(subject: Subject, sources: Sources) -> None:
    """Resume what the run, of which nothing lives, has suspended. Raises what Druid and S3 raise."""
    shelf = SuspensionShelf(sources.store(), subject.boundary, subject.pipeline.datasource)
    suspension = shelf.read()
    if suspension is not None and suspension.run == subject.run_id:
        Suspender(shelf, sources.druid(), suspension, typer.echo).resume()


def _once(said: set[str]) -> Callable[[str], None]:
    def tell(text: str) -> None:
        if text not in said:
            said.add(text)
            typer.echo(text)

    return tell


def _still_alive(subject: Subject, alive: Alive, wait_seconds: float) -> DeadlineError:
    return DeadlineError(
        "abort a run",
        resource=subject.run_id.dag_run_id,
        came_back=f"after {wait_seconds:g} s these still live: {alive}; they were asked to end",
        remedy="give the same command again in a few minutes; the lease stays broken until then, so that the next "
        "night ends them first",
    )


def refuse_live(run: DagRun, attempted: str) -> None:
    """Go on with a run that is over. Raises ConflictError or NotFoundError."""
    if run.is_live:
        raise ConflictError(
            attempted, resource=run.run_id, came_back=f"it is {run.state}",
            remedy="wait until it has ended, or stop it with `druid-reindex abort`",
        )  # fmt: skip
    if run.state == MISSING_RUN:
        raise NotFoundError(
            attempted, resource=f"{run.dag_id} {run.run_id}", came_back="Airflow does not know it",
            remedy="trigger a new run in Airflow's UI",
        )  # fmt: skip


def _planned(api: AirflowApi, run: DagRun, tasks: list[TaskInstance]) -> Mapping[str, Any]:
    """What the run's plan told. Raises RefusedError when plan or approval are not done."""
    night = told_night(api, run)
    states = {task.task_id: task.state for task in tasks}
    undone = [name for name in (PLAN_TASK, APPROVE_TASK) if states.get(name, "success") != "success"]
    if night is None or undone:
        raise RefusedError(
            "resume a run from a batch", resource=run.run_id,
            came_back=f"{', '.join(undone) or PLAN_TASK} is not done, so there is no plan to go on with",
            remedy="resume it without --from-batch: it is planned anew",
        )  # fmt: skip
    return night


def _require_results(subject: Subject, night: Mapping[str, Any], first: int, sources: Sources) -> None:
    """Raise RefusedError for a batch that the run does not have, or one before it that has left no result."""
    numbers = asked_batches(night) or ()
    if first not in {*numbers, max(numbers, default=-1) + 1}:
        raise RefusedError(
            "resume a run from a batch", resource=f"batch {first}", came_back=f"the run has {[*numbers]}",
            remedy="name one of these, or the number after the last to judge the night again",
        )  # fmt: skip
    done = results(subject, sources.store())
    missing = [number for number in numbers if number < first and number not in done]
    if missing:
        raise RefusedError(
            "resume a run from a batch", resource=f"batch {first}", came_back=f"batches {missing} have left no result",
            remedy=f"resume from batch {missing[0]}",
        )  # fmt: skip
