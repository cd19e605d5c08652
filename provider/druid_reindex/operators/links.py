"""Links on a task's page in Airflow's UI: the cluster, the job, its log, the datasource, the run's plan and evidence.

A task tells a link as soon as it knows the address, so that it is there while the task waits and after it failed.
Airflow evaluates a link once more in the worker when the task ends and stores the answer under the same key:
that answer is what the task told.

Source: https://airflow.apache.org/docs/apache-airflow/3.3.2/howto/define-extra-link.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from druid_reindex.evidence.lineage import CALLS_SECTION, LINEAGE_SECTION, Names
from druid_reindex.model.pipeline import Submission
from druid_reindex.model.uri import Arn, S3Uri
from druid_reindex.operators import connection_types
from druid_reindex.operators.plugin import PREFIX

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.operators.settings import NightSettings

PLAN_PAGE_KEY = "plan_page"
PLAN_TAB = "druid-reindex-plan"
EVIDENCE_PLACE_KEY = "evidence_place"
EVIDENCE_TAB = "druid-reindex-evidence"
DATASETS_KEY = "lineage_datasets"
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}


class ToldLink(BaseOperatorLink):
    """A link whose address the task has told."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """What the task told under the link's key; empty when it told nothing.

        In the worker, ``ti_key`` is the task instance itself; elsewhere Airflow reads the stored address without us.
        """
        pull = getattr(ti_key, "xcom_pull", None)
        told = pull(key=self.xcom_key) if pull else None
        return told if isinstance(told, str) else ""

    def tell(self, context: Context, url: str) -> None:
        """Show ``url`` from now on; an empty one is not told."""
        if url:
            context["ti"].xcom_push(self.xcom_key, url)


class EmrClusterLink(ToldLink):
    """The cluster in EMR's console."""

    name = "EMR cluster"


class JobLogLink(ToldLink):
    """The step's or the Druid task's log, in S3's console."""

    name = "Job log in S3"


class DruidTaskLink(ToldLink):
    """The task in Druid's web console."""

    name = "Druid task"


class DruidDatasourceLink(ToldLink):
    """The datasource in Druid's web console."""

    name = "Druid datasource"


class PlanLink(ToldLink):
    """The run's plan, as a tab of the run's page."""

    name = "Plan"


class DataDocsLink(ToldLink):
    """What was expected of a batch and what was found, in S3's console."""

    name = "Data Docs in S3"


class EvidenceLink(BaseOperatorLink):
    """The run's evidence, as a tab of the run's page: what the task moved, called, and what CloudTrail says of it."""

    name = "Evidence"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The tab's address; empty where the task's boundary keeps no evidence."""
        return evidence_url(ti_key.dag_id, ti_key.run_id) if _keeps_evidence(operator) else ""


class LineageLink(BaseOperatorLink):
    """Which data the task has read and written."""

    name = "Lineage"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002
        """The place on the task's own page."""
        return task_url(ti_key, LINEAGE_SECTION)


class CloudTrailLink(BaseOperatorLink):
    """The task's calls, and what CloudTrail says of them."""

    name = "CloudTrail matches"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The place on the task's own page; empty where its boundary keeps no evidence."""
        return task_url(ti_key, CALLS_SECTION) if _keeps_evidence(operator) else ""


NIGHT_LINKS = (EvidenceLink(), LineageLink(), CloudTrailLink())
PLAN_LINKS = (PlanLink(), DruidDatasourceLink(), *NIGHT_LINKS)
CLUSTER_LINKS = (EmrClusterLink(), *NIGHT_LINKS)
REINDEX_LINKS = (DruidTaskLink(), JobLogLink(), EmrClusterLink(), DruidDatasourceLink(), *NIGHT_LINKS)
VALIDATE_LINKS = (DataDocsLink(), DruidDatasourceLink(), *NIGHT_LINKS)


def tell_plan(context: Context, settings: NightSettings, page_uri: S3Uri) -> None:
    """Show the plan's tab and the datasource, and keep where the page lies for the tab to read."""
    run = context["dag_run"]
    place = {"uri": str(page_uri), "aws_conn_id": settings.aws_conn_id, "region": settings.boundaries.region}
    context["ti"].xcom_push(PLAN_PAGE_KEY, place)
    PlanLink().tell(context, plan_url(run.dag_id, run.run_id))
    tell_datasource(context, settings)


def tell_evidence(context: Context, settings: NightSettings, folder: S3Uri) -> None:
    """Keep where the run's packs lie, which key signs them and whose trail it is, for the pages to read."""
    place = {"uri": str(folder), "aws_conn_id": settings.aws_conn_id, "region": settings.boundaries.region}
    if settings.boundary.evidence is not None:
        place |= {
            "signing_key_arn": settings.boundary.evidence.signing_key_arn,
            "trail": settings.boundary.evidence.trail.value,
        }
    context["ti"].xcom_push(EVIDENCE_PLACE_KEY, place)


def tell_datasets(context: Context, datasets: Names) -> None:
    """Keep the names of the datasets that the task has read and written for its page to read."""
    if any(datasets.values()):
        context["ti"].xcom_push(DATASETS_KEY, datasets)


def tell_cluster(context: Context, settings: NightSettings, cluster_id: str) -> None:
    """Show the cluster in EMR's console."""
    EmrClusterLink().tell(context, cluster_url(_partition(settings), settings.boundaries.region, cluster_id))


def tell_job(context: Context, settings: NightSettings, cluster_id: str, job_id: str) -> None:
    """Show a batch's job with its log, the cluster that it runs on, and the datasource that it rebuilds."""
    tell_cluster(context, settings, cluster_id)
    tell_datasource(context, settings)
    match settings.pipeline.submit:
        case Submission.OVERLORD:
            tell_druid_task(context, settings, job_id)
        case Submission.EMR_STEP:
            tell_step(context, settings, cluster_id, job_id)


def tell_druid_task(context: Context, settings: NightSettings, task_id: str) -> None:
    """Show the task in Druid's web console, and its log where Druid keeps task logs."""
    DruidTaskLink().tell(context, druid_task_url(connection_types.console_url(settings.druid_conn_id), task_id))
    log_uri = S3Uri.parse(settings.boundary.task_logs_uri) / f"{task_id}/log"
    JobLogLink().tell(context, s3_object_url(_partition(settings), settings.boundaries.region, log_uri))


def tell_step(context: Context, settings: NightSettings, cluster_id: str, step_id: str) -> None:
    """Show the folder of the step's logs, which EMR fills within minutes."""
    folder = S3Uri.parse(settings.boundary.emr_log_uri) / f"{cluster_id}/steps/{step_id}/"
    JobLogLink().tell(context, s3_folder_url(_partition(settings), settings.boundaries.region, folder))


def tell_datasource(context: Context, settings: NightSettings) -> None:
    """Show the datasource in Druid's web console."""
    DruidDatasourceLink().tell(
        context, datasource_url(connection_types.console_url(settings.druid_conn_id), settings.pipeline.datasource)
    )


def tell_data_docs(context: Context, settings: NightSettings, page_uri: S3Uri) -> None:
    """Show the page of Great Expectations' results."""
    DataDocsLink().tell(context, s3_object_url(_partition(settings), settings.boundaries.region, page_uri))


def plan_url(dag_id: str, run_id: str) -> str:
    """The plan's tab on the run's page, below the path of Airflow's ``base_url``, without its host."""
    return _tab_url(dag_id, run_id, PLAN_TAB)


def evidence_url(dag_id: str, run_id: str) -> str:
    """The evidence's tab on the run's page, below the path of Airflow's ``base_url``, without its host."""
    return _tab_url(dag_id, run_id, EVIDENCE_TAB)


def task_url(ti: Any, section: str) -> str:
    """A section of the task's own page, below the path of Airflow's ``base_url``, without its host."""
    parts = (quote(each, safe="") for each in (ti.dag_id, ti.run_id, "tasks", ti.task_id, str(ti.map_index)))
    return f"{airflow_path()}{PREFIX}/evidence/{'/'.join(parts)}#{section}"


def _tab_url(dag_id: str, run_id: str, tab: str) -> str:
    return f"{airflow_path()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}/plugin/{tab}"


def airflow_path() -> str:
    """The path that Airflow is served under; empty for none."""
    from airflow.sdk.configuration import conf  # noqa: PLC0415

    base = conf.get("api", "base_url", fallback="") or ""
    return f"/{base.partition('://')[2].partition('/')[2].strip('/')}".rstrip("/")


def _keeps_evidence(operator: Any) -> bool:
    settings = getattr(operator, "settings", None)
    return settings is not None and settings.boundary.evidence is not None


def cluster_url(partition: str, region: str, cluster_id: str) -> str:
    """The cluster in EMR's console."""
    return f"https://{_CONSOLES[partition]}/emr/home?region={region}#/clusterDetails/{cluster_id}"


def s3_object_url(partition: str, region: str, uri: S3Uri) -> str:
    """The object in S3's console."""
    return f"https://{_CONSOLES[partition]}/s3/object/{uri.bucket}?region={region}&prefix={quote(uri.key, safe='')}"


def s3_folder_url(partition: str, region: str, uri: S3Uri) -> str:
    """The folder in S3's console."""
    return f"https://{_CONSOLES[partition]}/s3/buckets/{uri.bucket}?region={region}&prefix={quote(uri.key, safe='')}"


def druid_task_url(console_url: str, task_id: str) -> str:
    """The task in Druid's web console; empty without a console. A console before 27 opens on its first page.

    Source: https://github.com/apache/druid/pull/14395
    """
    return f"{console_url.rstrip('/')}/unified-console.html#tasks/task_id={_filter(task_id)}" if console_url else ""


def datasource_url(console_url: str, datasource: str) -> str:
    """The datasource in Druid's web console; empty without a console. A console before 27 opens on its first page."""
    if not console_url:
        return ""
    return f"{console_url.rstrip('/')}/unified-console.html#datasources/datasource={_filter(datasource)}"


def _filter(value: str) -> str:
    """The console's own escape of a filter's value, and what a URL's fragment cannot hold."""
    return quote(value.replace("%", "%25").replace("&", "%26"), safe="%:+,.~!*'()$;@/-_")


def _partition(settings: NightSettings) -> str:
    return Arn.parse(settings.boundary.kms_key_arn).partition
