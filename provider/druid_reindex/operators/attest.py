"""``attest``: each node's own report and AWS's word on the live cluster, judged before protected data arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import NotFoundError
from druid_reindex.operators import connections
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.posture import is_gated, keep, security
from druid_reindex.operators.settings import NightSettings
from druid_reindex.operators.triggers.reports import NodesReportedTrigger, report_uri, reported
from druid_reindex.operators.waiting import Wait
from druid_reindex.plan import names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.account import ClusterInstance
    from druid_reindex.model.identity import RunId
    from druid_reindex.model.uri import S3Uri
    from druid_reindex.ports import ClusterSurveyPort, ObjectStorePort
    from druid_reindex.posture.attestation import ExpectedCluster
    from druid_reindex.posture.facts import Security
    from druid_reindex.posture.findings import PostureReport

ATTEST_TASK = "attest"
LONGEST_REPORT_SECONDS = 1_200.0


@dataclass(frozen=True)
class Attestation:
    """One live cluster to be attested: whose nodes report where, with which nonce."""

    settings: NightSettings
    run_id: RunId
    cluster_id: str
    launched_by: str
    survey: ClusterSurveyPort
    store: ObjectStorePort
    security: Security | None

    @property
    def prefix(self) -> S3Uri:
        """Where its nodes leave their reports."""
        return names.attestation_prefix(self.settings.boundary, self.launched_by)

    def missing(self, instances: Iterable[ClusterInstance]) -> list[str]:
        """The instances that count and have not reported."""
        from druid_reindex.posture.attestation import counted  # noqa: PLC0415

        there = reported(self.store, self.prefix)
        return [each for each in counted(instances) if each not in there]

    def judge(self, instances: list[ClusterInstance], expected: ExpectedCluster) -> PostureReport:
        """What is to be said of the cluster with these instances."""
        from druid_reindex.clients.survey_facts import read  # noqa: PLC0415
        from druid_reindex.model.node_report import read_report  # noqa: PLC0415
        from druid_reindex.posture.attestation import LiveFacts, counted, judge_cluster  # noqa: PLC0415

        def told(instance_id: str) -> Any:
            uri = report_uri(self.prefix, instance_id)
            return read(lambda: read_report(self.store.get(uri), str(uri)))

        ids = counted(instances)
        there = reported(self.store, self.prefix)
        reports = {each: told(each) for each in ids if each in there}
        live = LiveFacts(read(lambda: self.survey.cluster(self.cluster_id)), read(lambda: self.survey.volumes(ids)))
        return judge_cluster(reports, instances, expected, live)

    def expected(self) -> ExpectedCluster:
        """What the cluster should be. Raises NotFoundError when the profile names no security configuration."""
        from druid_reindex.clients.survey_facts import Night  # noqa: PLC0415
        from druid_reindex.posture.attestation import ExpectedCluster  # noqa: PLC0415
        from druid_reindex.posture.catalogue import catalogue  # noqa: PLC0415
        from druid_reindex.posture.exceptions import load_exceptions  # noqa: PLC0415

        settings, now = self.settings, datetime.now(UTC)
        night = Night(settings.pipeline, settings.boundaries, settings.profile, self.security)
        intent = night.intent(self.run_id)
        if intent.security is None:
            raise NotFoundError(
                "attest a cluster",
                resource=f"cluster profile {settings.profile.name}",
                came_back="it names no security configuration",
                remedy="run on a profile that names one",
            )
        return ExpectedCluster(
            cluster_id=self.cluster_id,
            nonce=names.attestation_nonce(self.launched_by),
            request=intent.request,
            security=intent.security,
            subnet_ids=intent.subnet_ids,
            volume_keys=frozenset({intent.disk_key}),
            longest_night_hours=intent.longest_night_hours,
            at=now,
            exceptions=load_exceptions(settings.configs, catalogue(), now.date()),
        )


class AttestClusterOperator(NightOperator):
    """The live cluster, attested node by node before protected data reaches it.

    Waits until each instance that EMR lists has reported, at most twenty minutes; one that has not, and every value
    that a node could not read, stops the night like a failure.

    Returns ``cluster_id``, ``instances`` (each with its verdict), ``realm``, ``security_configuration`` (its name),
    ``report_uri``, ``report_sha256`` and ``counts``.
    """

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Wait for the reports, judge them, keep what was judged."""
        self.hold(context)
        cluster_id = cluster_of_run(context)
        if cluster_id is None:
            return {"cluster_id": None, "instances": {}}
        attestation = attestation_of(self, context, cluster_id)

        def look() -> tuple[list[ClusterInstance], list[str]]:
            instances = attestation.survey.instances(cluster_id)
            return instances, attestation.missing(instances)

        instances, _ = self.waiting.until(
            look,
            lambda seen: not seen[1] or not self.waiting.left_seconds,
            self._wait(attestation),
            tell=lambda seen: f"waits for {', '.join(seen[1])}",
        )
        self.require()
        expected = attestation.expected()
        report = attestation.judge(instances, expected)
        told = {
            "cluster_id": cluster_id,
            "instances": _verdicts(report, instances),
            "realm": expected.security.realm,
            "security_configuration": expected.security.name,
        }
        return told | keep(self, report, names.attestation_uri(self.settings.boundary, attestation.run_id))

    def _deadline(self, context: Context) -> datetime:
        started = context["ti"].start_date or datetime.now(UTC)
        return min(super()._deadline(context), started + timedelta(seconds=LONGEST_REPORT_SECONDS))

    def _wait(self, attestation: Attestation) -> Wait:
        where = {"region": self.settings.boundaries.region, "prefix": str(attestation.prefix)}
        arguments = {"conn_id": self.settings.aws_conn_id, **where, "cluster_id": attestation.cluster_id}
        return Wait(f"reports of the nodes of {attestation.cluster_id}", NodesReportedTrigger, arguments)


def attestation_of(task: NightOperator, context: Context, cluster_id: str) -> Attestation:
    """The attestation of the cluster that the run uses, its own or one that another run of its group launched."""
    settings = task.asked_settings(context)
    tags = task.emr.describe_cluster(cluster_id).tags
    survey = connections.cluster_survey(settings.aws_conn_id, settings.boundaries.region)
    run_id = task.run_identity(context)
    launched_by, secured = tags.get(names.RUN_TAG, str(run_id)), security(task, context, settings)
    return Attestation(settings, run_id, cluster_id, launched_by, survey, task.store, secured)


def cluster_of_run(context: Context) -> str | None:
    """The cluster that ``cluster_up`` told; None when none was needed."""
    told: Mapping[str, Any] = context["ti"].xcom_pull(task_ids="cluster_up") or {}
    return told.get("cluster_id")


def require_attested(task: NightOperator, context: Context, cluster_id: str) -> None:
    """Raise NotProtectedError when a node of the cluster counts that ``attest`` has not seen and that does not pass.

    Nothing is asked for pipelines that are not gated.
    """
    if not is_gated(task.settings):
        return
    told: Mapping[str, Any] = context["ti"].xcom_pull(task_ids=ATTEST_TASK) or {}
    from druid_reindex.posture.attestation import counted  # noqa: PLC0415

    attestation = attestation_of(task, context, cluster_id)
    instances = attestation.survey.instances(cluster_id)
    seen = told.get("instances", {}) if told.get("cluster_id") == cluster_id else {}
    if set(counted(instances)) <= set(seen):
        return
    task.log.info("nodes have joined cluster %s since it was attested", cluster_id)
    report = attestation.judge(instances, attestation.expected())
    keep(task, report, names.attestation_uri(task.settings.boundary, attestation.run_id))


def _verdicts(report: PostureReport, instances: Iterable[ClusterInstance]) -> dict[str, str]:
    verdicts = report.verdicts()
    return {each.instance_id: verdicts[each.instance_id].value for each in instances if each.instance_id in verdicts}
