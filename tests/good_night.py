"""The first good night on the real engines, which several modules of tests share; and looks at it beside CloudTrail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import boto3

from druid_reindex.clients.cloudtrail import CloudTrailClient
from druid_reindex.clients.evidence_folders import s3_folders
from druid_reindex.clients.journal import Binding, journalled
from druid_reindex.clients.journal_files import JournalFiles
from druid_reindex.clients.locked_store import LockedStore
from druid_reindex.clients.log_files import LogFiles
from druid_reindex.clients.night_summary import Summary
from druid_reindex.clients.reconciling import Looked, Reconciling, instance_ids
from druid_reindex.clients.session import recorded, role_session
from druid_reindex.clients.signing import KmsSigner
from druid_reindex.clients.survey_emr import EmrSurvey
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.boundary import Boundaries, Boundary
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import RunId
from druid_reindex.model.pipeline_file import load_pipeline
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws.service import access_key, airflow_role_arn
from druid_reindex.sandbox.aws.site import ACCOUNT, REGION
from druid_reindex.sandbox.aws.trail import command
from druid_reindex.sandbox.confirmation import SETTLED_SECONDS
from real_sandbox import VITALS, Sandbox, Watch, watched


@dataclass(frozen=True)
class GoodNight:
    """What Druid served before, the night itself, and what was seen of the sandbox's processes meanwhile."""

    rows: list[dict[str, object]]
    content: str
    segments: list[str]
    summary: Summary
    seen: Watch

    @classmethod
    def of(cls, sandbox: Sandbox) -> GoodNight:
        """A night that rebuilds all days."""
        rows, content, before = sandbox.rows_by_day(VITALS), sandbox.content(VITALS), sandbox.segments(VITALS)
        with watched(sandbox.home) as seen:
            night = sandbox.night(VITALS)
        return cls(rows, content, before, night, seen)


@dataclass(frozen=True)
class Looks:
    """Looks at one night by tasks of other runs, each journalled, as Airflow's DAG of evidence has them."""

    sandbox: Sandbox
    packs: S3Uri

    def look(self) -> Looked:
        """Another look, once CloudTrail was delivered and a digest closed."""
        time.sleep(SETTLED_SECONDS)
        command.ask(self.sandbox.home, "deliver")
        return self.without_delivery()

    def without_delivery(self) -> Looked:
        """Another look at what was delivered before."""
        file = self.sandbox.checkout / "dags" / "pipelines" / f"{VITALS}.yaml"
        actors = load_pipeline(file, self._boundaries).declared_actors
        boundary = self._boundaries.phi
        assert boundary.evidence is not None
        with self._task(boundary) as session:
            store = LockedStore(session)
            (folder,) = s3_folders(store, self.packs)
            return Reconciling(
                boundary=boundary,
                place=boundary.evidence,
                store=store,
                signer=KmsSigner(session, boundary.evidence.signing_key_arn),
                trail=CloudTrailClient(session),
                actors=lambda _: actors,
                instances=lambda cluster: instance_ids(EmrSurvey(session), cluster),
                logs=LogFiles(session),
            ).look(folder, datetime.now(UTC))

    def evidence(self) -> Evidence:
        """What the night's packs tell by now, for whoever tests act as."""
        (folder,) = s3_folders(LockedStore(boto3.Session()), self.packs)
        return read_packs(folder.packs(), folder.keys())

    @property
    def _boundaries(self) -> Boundaries:
        return load_boundaries(self.sandbox.checkout / "emr_configs")

    @contextmanager
    def _task(self, boundary: Boundary) -> Iterator[boto3.Session]:
        """The session of a task's try, which became the side's role as Airflow's connection does."""
        run_id = RunId.of(self._boundaries.deployment_id, dag_id="evidence__phi", run_id=str(uuid4()))
        key = access_key(self.sandbox.home, "airflow")
        with journalled(Binding(Attempt(run_id, "reconcile"), boundary.runs_uri, ACCOUNT)) as journal:
            sts = recorded(boto3.Session(key.id, key.secret, region_name=REGION)).client("sts")
            given = sts.assume_role(RoleArn=airflow_role_arn("phi"), **role_session("assume_role"))["Credentials"]
            sts.close()
            session = boto3.Session(
                given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=REGION
            )
            yield recorded(session)
            journal.close()
            JournalFiles(boundary.runs_uri, boundary.kms_key_arn).deliver(LockedStore(session))
