"""The DAG of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule

from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence.night_state import EXPORT_TASKS, LOAD_TASKS, PREPARE_TASKS, ROLLBACK_TASK, UNLOAD_TASKS
from druid_reindex.operators import assets
from druid_reindex.operators.approve import APPROVE_TASK, ApproveNightOperator
from druid_reindex.operators.attest import ATTEST_TASK, AttestClusterOperator
from druid_reindex.operators.callbacks import deadline_alert, failure_callbacks
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.evidence import EVIDENCE_TASK, KeepEvidenceOperator
from druid_reindex.operators.export import ExportSegmentsOperator
from druid_reindex.operators.form import trigger_form
from druid_reindex.operators.jdbc import UnloadJdbcOperator
from druid_reindex.operators.night import PLAN_TASK, task_docs
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.posture import POSTURE_TASK, JudgePostureOperator, is_gated
from druid_reindex.operators.prepare import TokeniseFilesOperator
from druid_reindex.operators.redshift import SQL_FILTERS, LoadRedshiftOperator, UnloadRedshiftOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.rollback import RollbackSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.validate import ValidateSegmentsOperator
from druid_reindex.operators.verdict import NightVerdictOperator
from druid_reindex.plan import names

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.callback import SyncCallback
    from airflow.sdk.definitions.mappedoperator import MappedOperator

# A DAG that is unpaused for the first time waits for its hour; Airflow's default catches up on one 2.4 hours past.
NOT_BEFORE_ITS_HOUR = timedelta(0)


def reindex_dags(folder: Path, *, configs: Path, notifiers: Sequence[SyncCallback] = ()) -> dict[str, DAG]:
    """The DAGs of all pipelines in ``folder`` (``*.yaml``), by the name of the file.

    ``notifiers`` are told of a night that failed or is late, as ``SyncCallback(NotifierClass, {"text":
    "{{ night_state }}"})``.

    Raises one ConfigurationError with everything that is wrong in any of the files: Airflow takes all DAGs of a file
    with an import error as stale, so check pipelines (``druid-reindex pipeline check``) before they are deployed.
    """
    found: dict[Path, NightSettings] = {}
    wrong: list[ConfigurationError] = []
    for file in sorted(folder.glob("*.yaml")):
        try:
            settings = NightSettings.read(file, configs=configs)
            _refuse_second_file(file, settings, found)
            _refuse_unlike_group(file, settings, found)
            found[file] = settings
        except ConfigurationError as error:
            wrong.append(error)
    if len(wrong) > 1:
        raise ConfigurationError(
            "read the pipelines",
            resource=str(folder),
            came_back="\n".join(f"{error.resource}: {error.came_back}" for error in wrong),
            remedy="\n".join(dict.fromkeys(error.remedy for error in wrong)),
        )
    if wrong:
        raise wrong[0]
    return {file.stem: _dag(settings, file, notifiers) for file, settings in found.items()}


def _refuse_second_file(file: Path, settings: NightSettings, found: dict[Path, NightSettings]) -> None:
    for other, known in found.items():
        if known.pipeline.dag_id == settings.pipeline.dag_id:
            raise ConfigurationError(
                "read a pipeline",
                resource=str(file),
                came_back=f"{other} is a pipeline of the datasource {settings.pipeline.datasource} too",
                remedy="keep one file for each datasource: two nights would rebuild the same segments",
            )


def _refuse_unlike_group(file: Path, settings: NightSettings, found: dict[Path, NightSettings]) -> None:
    mine = names.shared_choices(settings.pipeline)
    for other, known in found.items():
        if settings.pipeline.cluster.group is None or known.pipeline.cluster.group != settings.pipeline.cluster.group:
            continue
        theirs = names.shared_choices(known.pipeline)
        unlike = [f"{field} {mine[field]}, there {theirs[field]}" for field in mine if mine[field] != theirs[field]]
        if unlike:
            raise ConfigurationError(
                "read a pipeline",
                resource=str(file),
                came_back=f"{other} names the cluster group {settings.pipeline.cluster.group} too, but with other "
                f"values: here {'; here '.join(unlike)}",
                remedy=f"pipelines that share a cluster must have {', '.join(mine)} in common: name another group",
            )


def reindex_dag(file: Path, *, configs: Path, notifiers: Sequence[SyncCallback] = ()) -> DAG:
    """The DAG that runs the nights of the pipeline in ``file``; ``configs`` is the folder ``emr_configs``.

    ``notifiers`` are as for ``reindex_dags``.
    Raises ConfigurationError that names file, line and field, which Airflow shows as the file's import error.
    """
    return _dag(NightSettings.read(file, configs=configs), file, notifiers)


def _dag(settings: NightSettings, file: Path, notifiers: Sequence[SyncCallback]) -> DAG:
    pipeline = settings.pipeline
    cron = pipeline.schedule.cron
    with DAG(
        dag_id=pipeline.dag_id,
        description=pipeline.description,
        doc_md=_documentation(settings, file.name),
        schedule=CronTriggerTimetable(cron, timezone=pipeline.schedule.timezone, run_immediately=NOT_BEFORE_ITS_HOUR)
        if cron
        else None,
        catchup=False,
        max_active_runs=1,
        deadline=deadline_alert(settings, file, notifiers),
        params=trigger_form(pipeline, settings.profiles),
        template_searchpath=[str(settings.sql_folder)] if pipeline.has_sql else None,
        user_defined_filters=SQL_FILTERS if pipeline.has_sql else None,
        default_args={"owner": pipeline.owner},
        tags={"druid-reindex", pipeline.classification.value, *pipeline.tags},
    ) as dag:
        _wire(settings, notifiers)
    return dag


def _wire(settings: NightSettings, notifiers: Sequence[SyncCallback]) -> None:
    plan = PlanNightOperator(task_id=PLAN_TASK, settings=settings)
    approve = ApproveNightOperator(task_id=APPROVE_TASK, settings=settings)
    up = LaunchEmrClusterOperator(task_id="cluster_up", settings=settings)
    reindex = ReindexSegmentsOperator.partial(
        task_id="reindex",
        settings=settings,
        max_active_tis_per_dagrun=1,
        pool=settings.boundary.pool,
        queue=settings.boundary.queue,
        retries=settings.pipeline.policy.retries,
        doc_md=task_docs(ReindexSegmentsOperator),
    ).expand(batch=plan.output)
    down = TerminateEmrClusterOperator(task_id="cluster_down", settings=settings)
    validate = ValidateSegmentsOperator(task_id="validate", settings=settings, trigger_rule=TriggerRule.ALL_DONE)
    rollback = RollbackSegmentsOperator(task_id=ROLLBACK_TASK, settings=settings, trigger_rule=TriggerRule.ALL_DONE)
    verdict = NightVerdictOperator(
        task_id="verdict",
        settings=settings,
        trigger_rule=TriggerRule.ALL_DONE,
        on_failure_callback=failure_callbacks(settings, notifiers),
        outlets=[assets.datasource(settings)],
    )
    plan >> approve >> up >> reindex >> down.as_teardown(setups=up) >> verdict
    reindex >> validate >> rollback >> verdict
    last: list[BaseOperator] = [down, rollback]
    for unload in settings.pipeline.unloads:
        if unload.jdbc is None:
            task_id = f"{UNLOAD_TASKS}{unload.name}"
            approve >> UnloadRedshiftOperator(task_id=task_id, settings=settings, unload=unload) >> up
    for load in settings.pipeline.loads:
        task_id = f"{LOAD_TASKS}{load.name}"
        loaded = LoadRedshiftOperator(task_id=task_id, settings=settings, load=load)
        validate >> loaded >> verdict
        last.append(loaded)
        if load.unload is None:
            export = ExportSegmentsOperator(task_id=f"{EXPORT_TASKS}{load.name}", settings=settings, load=load)
            reindex >> export >> [down, loaded]
    if settings.boundary.evidence is not None:
        kept = KeepEvidenceOperator(task_id=EVIDENCE_TASK, settings=settings, trigger_rule=TriggerRule.ALL_DONE)
        last >> kept >> verdict
    ready: BaseOperator = up
    if is_gated(settings):
        JudgePostureOperator(task_id=POSTURE_TASK, settings=settings) >> plan
        ready = AttestClusterOperator(task_id=ATTEST_TASK, settings=settings)
        up >> ready >> reindex
    _wire_steps(settings, ready, reindex)


def _wire_steps(settings: NightSettings, ready: BaseOperator, reindex: MappedOperator) -> None:
    """What the cluster does with unloads before the rebuild, once it is ``ready``."""
    for unload in settings.pipeline.unloads:
        first = ready
        if unload.jdbc is not None:
            first = UnloadJdbcOperator(task_id=f"{UNLOAD_TASKS}{unload.name}", settings=settings, unload=unload)
            ready >> first >> reindex
        if unload.tokens:
            task_id = f"{PREPARE_TASKS}{unload.name}"
            first >> TokeniseFilesOperator(task_id=task_id, settings=settings, unload=unload) >> reindex


def _documentation(settings: NightSettings, file_name: str) -> str:
    pipeline = settings.pipeline
    return (
        f"{pipeline.description}\n\n"
        f"Rebuilds the segments of `{pipeline.datasource}` ({pipeline.classification.value}) that need it, "
        f"through `{pipeline.submit.value}` on cluster profile `{settings.profile.name}`. Defined in `{file_name}`.\n\n"
        "The trigger form says what a run takes; a manual run and a backfill need a `reason`. A backfill rebuilds, for "
        f"each of its runs, the calendar day of the logical date in {pipeline.schedule.timezone}.\n"
    )
