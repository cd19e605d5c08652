"""A run as the owner of its datasource: how its tasks hold the lease, and how they end what an earlier owner left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from druid_reindex.operators.triggers.renewal import HeldLease
from druid_reindex.operators.triggers.waits import LeaseFreeTrigger
from druid_reindex.operators.waiting import Wait
from druid_reindex.plan.lease import Claim

if TYPE_CHECKING:
    from druid_reindex.clients.leases import LeaseKeeper
    from druid_reindex.model.identity import RunId
    from druid_reindex.operators.settings import NightSettings
    from druid_reindex.ports import ObjectStorePort


@dataclass(frozen=True, slots=True)
class Tenure:
    """The lease of one run's datasource: what holds it now, and what a trigger renews it with."""

    keeper: LeaseKeeper
    held: HeldLease

    @classmethod
    def of(cls, settings: NightSettings, store: ObjectStorePort, run_id: RunId, fence: int | None) -> Tenure:
        """The tenure of ``run_id``, planned under ``fence``; None before it is planned."""
        from druid_reindex.clients.leases import LeaseKeeper  # noqa: PLC0415

        deployment_id = settings.boundaries.deployment_id
        claim = Claim(settings.pipeline.datasource, run_id, deployment_id, fence)
        held = HeldLease(
            conn_id=settings.aws_conn_id,
            region=settings.boundaries.region,
            runs_uri=settings.boundary.runs_uri,
            kms_key_arn=settings.boundary.kms_key_arn,
            datasource=claim.datasource,
            deployment_id=str(deployment_id),
            dag_id=run_id.dag_id,
            dag_run_id=run_id.dag_run_id,
        )
        return cls(LeaseKeeper(store, settings.boundary, claim), held)

    @property
    def until_free(self) -> Wait:
        """The wait for whoever holds the lease now."""
        held = self.held
        arguments = {"conn_id": held.conn_id, "region": held.region, "runs_uri": held.runs_uri}
        return Wait(f"lease of {held.datasource}", LeaseFreeTrigger, arguments | {"datasource": held.datasource})
