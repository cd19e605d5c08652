"""Tests of the links on a task's page."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from druid_reindex import operators
from druid_reindex.evidence.lineage import CALLS_SECTION, LINEAGE_SECTION
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.pipeline import Submission
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connection_types, links
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.provider_info import get_provider_info
from night_world import SETTINGS

CONSOLE = "https://druid.example.org:9088"

EVIDENCE_KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"


class Task:
    """A task instance that keeps what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.told[key] = value

    def xcom_pull(self, *, key: str) -> Any:
        return self.told.get(key)

    @property
    def context(self) -> Any:
        run = SimpleNamespace(dag_id="nightly_reindex__patient_vitals", run_id="manual__2026-10-06T00:00:00+00:00")
        return {"ti": self, "dag_run": run}


@pytest.fixture(autouse=True)
def console(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found = [CONSOLE]
    monkeypatch.setattr(connection_types, "console_url", lambda _conn_id: found[0])
    return found


def shown(task: Task, link: BaseOperatorLink) -> str:
    """What Airflow stores when the task ends."""
    return link.get_link(None, ti_key=task)


def test_a_link_that_was_not_told_is_empty() -> None:
    told = [link for link in links.REINDEX_LINKS + links.PLAN_LINKS if isinstance(link, links.ToldLink)]
    assert {shown(Task(), link) for link in told} == {""}
    key = SimpleNamespace(dag_id="d", task_id="t", run_id="r", try_number=1, map_index=-1)
    assert links.PlanLink().get_link(None, ti_key=key) == ""


def test_what_is_told_survives_the_tasks_end_under_the_key_that_the_ui_reads() -> None:
    task = Task()
    links.tell_cluster(task.context, SETTINGS, "j-1")
    assert shown(task, links.EmrClusterLink()) == task.told["_link_EmrClusterLink"]
    assert task.told["_link_EmrClusterLink"] == (
        "https://console.aws.amazon.com/emr/home?region=us-east-1#/clusterDetails/j-1"
    )


def test_a_druid_task_and_its_log() -> None:
    task = Task()
    links.tell_druid_task(task.context, SETTINGS, "drx_patient_vitals_1_b0")
    assert shown(task, links.DruidTaskLink()) == f"{CONSOLE}/unified-console.html#tasks/task_id=drx_patient_vitals_1_b0"
    logs = S3Uri.parse(SETTINGS.boundary.task_logs_uri)
    assert f"/s3/object/{logs.bucket}?region=us-east-1&prefix=" in shown(task, links.JobLogLink())
    assert shown(task, links.JobLogLink()).endswith("%2Fdrx_patient_vitals_1_b0%2Flog")


def test_a_steps_folder_of_logs() -> None:
    task = Task()
    links.tell_step(task.context, SETTINGS, "j-1", "s-2")
    bucket = S3Uri.parse(SETTINGS.boundary.emr_log_uri).bucket
    assert f"/s3/buckets/{bucket}?" in shown(task, links.JobLogLink())
    assert shown(task, links.JobLogLink()).endswith("j-1%2Fsteps%2Fs-2%2F")


def test_a_job_is_shown_with_its_log_its_cluster_and_its_datasource() -> None:
    task = Task()
    links.tell_job(task.context, SETTINGS, "j-1", "drx_patient_vitals_1_b0")
    assert all(shown(task, link) for link in links.REINDEX_LINKS if link not in links.NIGHT_LINKS)
    step = Task()
    as_step = replace(SETTINGS, pipeline=SETTINGS.pipeline.model_copy(update={"submit": Submission.EMR_STEP}))
    links.tell_job(step.context, as_step, "j-1", "s-2")
    assert shown(step, links.DruidTaskLink()) == ""
    assert "s-2" in shown(step, links.JobLogLink())


def test_without_a_console_no_link_leads_there(console: list[str]) -> None:
    console[0] = ""
    task = Task()
    links.tell_datasource(task.context, SETTINGS)
    links.tell_druid_task(task.context, SETTINGS, "t")
    assert set(task.told) == {"_link_JobLogLink"}


def test_a_filters_value_is_escaped_as_the_console_reads_it() -> None:
    assert links.datasource_url(f"{CONSOLE}/", "a&b%c d").endswith(
        "unified-console.html#datasources/datasource=a%26b%25c%20d"
    )


@pytest.mark.parametrize(
    ("base", "path"),
    [("", ""), ("http://127.0.0.1:8080", ""), ("https://example.org/airflow/", "/airflow")],
)
def test_the_plans_tab_lies_below_airflows_own_path(base: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf, "get", lambda *_names, **_options: base)
    task = Task()
    links.tell_plan(task.context, SETTINGS, S3Uri("bucket", "runs/1/plan.html"))
    assert shown(task, links.PlanLink()) == (
        f"{path}/dags/nightly_reindex__patient_vitals/runs/manual__2026-10-06T00%3A00%3A00%2B00%3A00"
        "/plugin/druid-reindex-plan"
    )
    assert task.told[links.PLAN_PAGE_KEY] == {
        "uri": "s3://bucket/runs/1/plan.html", "aws_conn_id": SETTINGS.aws_conn_id, "region": "us-east-1",
    }  # fmt: skip
    assert shown(task, links.DruidDatasourceLink()).startswith(CONSOLE)


def test_each_task_leads_to_the_runs_evidence_where_its_boundary_keeps_some() -> None:
    place = EvidencePlace(uri="s3://bucket/e", kms_key_arn=EVIDENCE_KEY, signing_key_arn=EVIDENCE_KEY)
    key = SimpleNamespace(dag_id="d", task_id="t", run_id="manual__1", try_number=1, map_index=-1)
    for kept, wanted in ((place, "/dags/d/runs/manual__1/plugin/druid-reindex-evidence"), (None, "")):
        operator = SimpleNamespace(settings=SimpleNamespace(boundary=SimpleNamespace(evidence=kept)))
        assert links.EvidenceLink().get_link(operator, ti_key=key) == wanted


def test_each_task_leads_to_its_own_lineage_and_to_what_cloudtrail_says_of_its_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conf, "get", lambda *_names, **_options: "https://example.org/airflow/")
    place = EvidencePlace(uri="s3://bucket/e", kms_key_arn=EVIDENCE_KEY, signing_key_arn=EVIDENCE_KEY)
    key = SimpleNamespace(dag_id="d", task_id="group.reindex", run_id="manual__1+0", try_number=2, map_index=3)
    page = "/airflow/druid-reindex/evidence/d/manual__1%2B0/tasks/group.reindex/3"
    for kept, matches in ((place, f"{page}#{CALLS_SECTION}"), (None, "")):
        operator = SimpleNamespace(settings=SimpleNamespace(boundary=SimpleNamespace(evidence=kept)))
        assert links.LineageLink().get_link(operator, ti_key=key) == f"{page}#{LINEAGE_SECTION}"
        assert links.CloudTrailLink().get_link(operator, ti_key=key) == matches


def test_the_names_of_a_tasks_datasets_are_kept_for_its_page() -> None:
    task = Task()
    links.tell_datasets(task.context, {"reads": [], "writes": []})
    assert task.told == {}
    links.tell_datasets(task.context, {"reads": [["s3://bucket", "a"]], "writes": []})
    assert task.told[links.DATASETS_KEY]["reads"] == [["s3://bucket", "a"]]


def test_every_task_of_a_night_has_the_links() -> None:
    for module in pkgutil.iter_modules(operators.__path__):
        importlib.import_module(f"{operators.__name__}.{module.name}")
    kinds = list(descendants(NightOperator))
    assert len(kinds) > 10
    assert all(link in each.operator_extra_links for each in kinds for link in links.NIGHT_LINKS)


def descendants(kind: type[NightOperator]) -> Iterator[type[NightOperator]]:
    for each in kind.__subclasses__():
        yield each
        yield from descendants(each)


def test_where_the_packs_lie_and_what_signs_them_is_kept_for_the_pages() -> None:
    task = Task()
    links.tell_evidence(task.context, SETTINGS, S3Uri("bucket", "e/packs/v/r"))
    assert SETTINGS.boundary.evidence is not None
    assert task.told[links.EVIDENCE_PLACE_KEY] == {
        "uri": "s3://bucket/e/packs/v/r", "aws_conn_id": SETTINGS.aws_conn_id, "region": "us-east-1",
        "signing_key_arn": SETTINGS.boundary.evidence.signing_key_arn, "trail": "emulated",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
        ("aws-cn", "console.amazonaws.cn"),
    ],
)
def test_each_partition_has_its_console(partition: str, host: str) -> None:
    assert links.cluster_url(partition, "r", "j-1").startswith(f"https://{host}/")
    assert links.s3_object_url(partition, "r", S3Uri("b", "k")).startswith(f"https://{host}/s3/object/b")


def test_the_provider_names_every_link() -> None:
    told = {
        f"{kind.__module__}.{kind.__name__}"
        for kind in [*links.ToldLink.__subclasses__(), *map(type, links.NIGHT_LINKS)]
    }
    assert set(get_provider_info()["extra-links"]) == told
