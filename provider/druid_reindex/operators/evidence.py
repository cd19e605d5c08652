"""``evidence``: what the night leaves for an auditor, gathered, signed, locked and verified."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConfigurationError
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import connections, links
from druid_reindex.operators.approve import APPROVE_TASK
from druid_reindex.operators.attest import ATTEST_TASK
from druid_reindex.operators.lineage import run_name
from druid_reindex.operators.night import NightOperator, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.clients.night_evidence import Told
    from druid_reindex.clients.packs import PackKeeper
    from druid_reindex.evidence.parts import Asked, Run
    from druid_reindex.model.evidence_place import EvidencePlace

EVIDENCE_TASK = "evidence"
VERDICT_TASK = "verdict"
# They are told of by the night's colour, and stand at nothing yet while the pack is made.
_STILL_OPEN = {EVIDENCE_TASK, VERDICT_TASK}


class KeepEvidenceOperator(NightOperator):
    """The night's pack: who asked, what ran, what was judged and moved, signed and locked so that nobody can change it.

    It runs whatever happened before, and each try finds the pack that is there. What could not be read is in the pack
    as unread; what is known later, or told otherwise after tasks were cleared, becomes a supplement.

    Returns ``pack`` (its address), ``sha256``, ``sequence``, ``fingerprint`` (of the signing key), ``pending`` and
    ``unread`` (kinds of parts), and ``findings`` (how many, by level).
    """

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Gather, sign, lock, verify. Raises IntegrityError or NotProtectedError for what lies there as it must not."""
        from druid_reindex.clients.night_evidence import NightEvidence  # noqa: PLC0415

        place = self._place()
        evidence = NightEvidence(
            run_id=self.run_identity(context),
            pipeline=self.settings.pipeline,
            boundary=self.settings.boundary,
            told=self._told(context, place),
            store=self.store,
            druid=lambda: self.druid,
            emr=lambda: self.emr,
        )
        kept = self._keeper(context, place).keep(evidence.gather, datetime.now(UTC))
        pack, folder = kept.pack, S3Uri(kept.uri.bucket, kept.uri.key.rpartition("/")[0])
        links.tell_evidence(context, self.settings, folder)
        self.log.info("%s %s, signed by %s", "wrote" if kept.is_new else "found", kept.uri, pack.fingerprint)
        if pack.untold["unread"]:
            self.log.warning("could not be read: %s", ", ".join(pack.untold["unread"]))
        return {
            "pack": str(kept.uri),
            "sha256": pack.sha256,
            "sequence": pack.title.sequence,
            "fingerprint": pack.fingerprint,
            "pending": list(pack.untold["pending"]),
            "unread": list(pack.untold["unread"]),
            "findings": self._findings(folder),
        }

    def _findings(self, folder: S3Uri) -> dict[str, int]:
        """How many findings the packs tell, by level; what is still to come counts as one."""
        from druid_reindex.clients.evidence_folders import s3_folders  # noqa: PLC0415
        from druid_reindex.evidence.report import Level  # noqa: PLC0415
        from druid_reindex.evidence.report_findings import findings_of  # noqa: PLC0415
        from druid_reindex.evidence.report_read import read_packs  # noqa: PLC0415

        store = connections.locked_store(self.settings.aws_conn_id, self.settings.boundaries.region)
        (packs,) = s3_folders(store, folder)
        levels = [each.level for each in findings_of(read_packs(packs.packs(), packs.keys()))]
        return {level.value: levels.count(level) for level in Level}

    def _place(self) -> EvidencePlace:
        place = self.settings.boundary.evidence
        if place is None:
            raise ConfigurationError(
                "keep evidence",
                resource=f"emr_configs/boundaries.yaml, {self.settings.pipeline.classification.value}.evidence",
                came_back="null",
                remedy="name the bucket, its key and the signing key",
            )
        return place

    def _keeper(self, context: Context, place: EvidencePlace) -> PackKeeper:
        from druid_reindex.clients.packs import PackKeeper  # noqa: PLC0415

        conn_id, region = self.settings.aws_conn_id, self.settings.boundaries.region
        store = connections.locked_store(conn_id, region)
        signer = connections.signer(conn_id, region, place.signing_key_arn)
        return PackKeeper(place, store, signer, self._run(context, place))

    def _run(self, context: Context, place: EvidencePlace) -> Run:
        from druid_reindex.evidence.parts import Run  # noqa: PLC0415

        settings, run_id = self.settings, self.run_identity(context)
        return Run(
            run=str(run_id),
            deployment_id=str(settings.boundaries.deployment_id),
            dag_id=run_id.dag_id,
            dag_run_id=run_id.dag_run_id,
            datasource=settings.pipeline.datasource,
            classification=settings.pipeline.classification.value,
            region=settings.boundaries.region,
            trail=place.trail.value,
            sequence=0,
            made_at="",
            predecessor_sha256=None,
            lineage=run_name(context, settings.druid_conn_id),
        )

    def _told(self, context: Context, place: EvidencePlace) -> Told:
        from druid_reindex.clients.night_evidence import Told  # noqa: PLC0415
        from druid_reindex.evidence.parts import Task  # noqa: PLC0415

        run, pull, night = context["dag_run"], context["ti"].xcom_pull, planned(context)
        states = context["ti"].get_task_states(dag_id=run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
        attested: dict[str, Any] = pull(task_ids=ATTEST_TASK) or {}
        return Told(
            asked=_asked(context),
            tasks=[Task(task, str(state)) for task, state in sorted(states.items()) if task not in _STILL_OPEN],
            cluster=pull(task_ids="cluster_down") or {},
            plan_sha256=night.get("plan_sha256"),
            batches=night.get("batches", ()),
            security_configuration=attested.get("security_configuration"),
            agreement=place.agreement,
        )


def _asked(context: Context) -> Asked:
    """Who asked for the run, as Airflow says it."""
    from druid_reindex.evidence.parts import Asked  # noqa: PLC0415

    run, approval = context["dag_run"], context["ti"].xcom_pull(task_ids=APPROVE_TASK) or {}
    reason = (run.conf or {}).get("reason")
    return Asked(
        run_type=str(getattr(run.run_type, "value", run.run_type)),
        by=run.triggering_user_name,
        reason=str(reason) if reason is not None else None,
        approved_by=approval.get("approved_by"),
        logical_date=run.logical_date.isoformat() if run.logical_date else None,
        started_at=run.start_date.isoformat() if run.start_date else None,
    )
