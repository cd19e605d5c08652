"""``posture``: judges account, Druid and request before anything is launched; what is not protected stops the night."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import NotProtectedError
from druid_reindex.model.config_files import profile_names
from druid_reindex.model.identity import digest
from druid_reindex.model.pipeline import Classification
from druid_reindex.operators import connections
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.request import night_request
from druid_reindex.operators.settings import NightSettings
from druid_reindex.plan import emr as payloads
from druid_reindex.plan import names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.uri import S3Uri
    from druid_reindex.posture.facts import Security
    from druid_reindex.posture.findings import PostureReport

POSTURE_TASK = "posture"
MOST_TOLD = 10


def is_gated(settings: NightSettings) -> bool:
    """Whether the pipeline's nights are judged before and on their cluster: those of protected health information."""
    return settings.pipeline.classification is Classification.PHI and payloads.attests(settings.profile)


def security(task: NightOperator, context: Context, settings: NightSettings) -> Security | None:
    """The security configuration that the night's clusters run under."""
    from druid_reindex.clients.survey_facts import security_of  # noqa: PLC0415

    return security_of(task.configuration(context, settings), settings.security, settings.boundary)


class JudgePostureOperator(NightOperator):
    """The account, Druid and the cluster's request, judged by every rule before anything is launched.

    Whatever fails a HARD rule, or could not be read for one, stops the night here, by name, unless a named exception in
    ``emr_configs/exceptions.yaml`` accepts the failure. The whole report is kept in S3 below the run's prefix.

    Returns ``report_uri``, ``report_sha256`` and ``counts``.
    """

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Survey, judge, keep the report. Raises NotProtectedError that names what closes the gate."""
        from druid_reindex.clients.survey_facts import Night  # noqa: PLC0415
        from druid_reindex.plan.orphans import owner_document  # noqa: PLC0415
        from druid_reindex.posture.catalogue import catalogue  # noqa: PLC0415
        from druid_reindex.posture.exceptions import load_exceptions  # noqa: PLC0415
        from druid_reindex.posture.judge import judge  # noqa: PLC0415

        run_id = self.run_identity(context)
        asked = night_request(context["dag_run"], self.settings.pipeline, profile_names(self.settings.configs))
        settings = self.settings.on_profile(asked.profile)
        exceptions = load_exceptions(settings.configs, catalogue(), datetime.now(UTC).date())
        secured = security(self, context, settings)
        night = Night(settings.pipeline, settings.boundaries, settings.profile, secured)
        facts = connections.posture_facts(settings.aws_conn_id, settings.druid_conn_id, night, night.intent(run_id))
        owner = owner_document(run_id, settings.boundaries.deployment_id)
        self.put_json(names.owner_uri(settings.boundary, run_id), owner)
        return keep(self, judge(facts, exceptions), names.posture_uri(settings.boundary, run_id))


def keep(task: NightOperator, report: PostureReport, uri: S3Uri) -> dict[str, Any]:
    """Where the report is, once it is stored. Raises NotProtectedError that names what closes the gate."""
    from druid_reindex.posture.findings import as_json, lines  # noqa: PLC0415

    body = as_json(report)
    task.store.put(uri, body, kms_key_arn=task.settings.boundary.kms_key_arn)
    task.log.info("%s: %s", uri, ", ".join(f"{count} {status}" for status, count in report.counts().items()))
    for each in report.findings:
        task.log.info("%s", each)
    if not report.is_open:
        closing = report.closing
        more = f"\nand {len(closing) - MOST_TOLD} more" if len(closing) > MOST_TOLD else ""
        raise NotProtectedError(
            f"judge what protects the data ({report.phase.value})",
            resource=report.subject,
            came_back=f"{len(closing)} findings close the gate\n{lines(closing[:MOST_TOLD])}{more}",
            remedy=f"mend them and clear this task with its downstream tasks; the whole report is {uri}",
        )
    return {"report_uri": str(uri), "report_sha256": digest(body), "counts": report.counts()}
