"""``cluster_up`` and ``cluster_down``: one transient EMR cluster for one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import DeadlineError, NoAnswerError
from druid_reindex.model.cluster import Cluster
from druid_reindex.operators import links
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.plan import emr as payloads
from druid_reindex.plan import names

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.identity import RunId


class LaunchEmrClusterOperator(NightOperator):
    """The run's cluster, up: attached to when it lives already, launched when it does not. Skipped by an empty plan.

    Returns ``cluster_id`` and ``primary_dns``; both None when a cleared run has nothing left to rebuild.
    """

    operator_extra_links = links.CLUSTER_LINKS
    _waited_for: str | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Launch or attach, and wait until steps and jobs can run."""
        night = planned_night(context)
        if not night["batches"]:
            raise AirflowSkipException(night["explanation"])
        self.hold(context)
        run_id = self.run_identity(context)
        if self._all_done(context, run_id, night["batches"]):
            self.log.info("every batch of the plan has left its result: no cluster is needed")
            return {"cluster_id": None, "primary_dns": None}
        cluster_id = self.waiting.resumed or self._living(run_id) or self._launch(context, run_id)
        self._waited_for = cluster_id
        links.tell_cluster(context, self.settings, cluster_id)
        cluster = self._settled(cluster_id)
        if not cluster.state.is_up:
            from druid_reindex.clients.emr_states import cluster_failure  # noqa: PLC0415

            raise cluster_failure(cluster, attempted="launch a cluster")
        self.log.info("cluster %s is up: %s", cluster_id, cluster.primary_dns)
        return {"cluster_id": cluster_id, "primary_dns": cluster.primary_dns}

    def on_kill(self) -> None:
        """End the cluster: its teardown does not run when it never came up."""
        if self._waited_for is not None:
            self.emr.terminate(self._waited_for)

    def _all_done(self, context: Context, run_id: RunId, batches: list[int]) -> bool:
        uris = (names.result_uri(self.settings.boundary, run_id, batch) for batch in batches)
        return all(self.get_record(context, uri) is not None for uri in uris)

    def _settled(self, cluster_id: str) -> Cluster:
        try:
            return self.waiting.until(
                lambda: self.emr.describe_cluster(cluster_id),
                lambda seen: seen.state.is_up or seen.state.is_over,
                self.cluster_wait(cluster_id, "up"),
                tell=described,
            )
        except DeadlineError:
            self.emr.terminate(cluster_id)
            raise

    def _living(self, run_id: RunId) -> str | None:
        living = [c for c in self.emr.find_clusters(names.RUN_TAG, str(run_id)) if not c.state.is_over]
        if living:
            self.log.info("attaching to cluster %s of this run (%s)", living[0].cluster_id, living[0].state.value)
        return living[0].cluster_id if living else None

    def _launch(self, context: Context, run_id: RunId) -> str:
        settings = self.asked_settings(context)
        request = payloads.run_job_flow(
            settings.pipeline, settings.boundaries, settings.boundary, settings.profile, run_id
        )
        self.require()
        try:
            cluster_id = self.emr.run_job_flow(request)
        except NoAnswerError:
            # EMR may have accepted it: the tag tells.
            launched = self._living(run_id)
            if launched is None:
                raise
            return launched
        self.log.info("launched cluster %s (%s)", cluster_id, request["Name"])
        return cluster_id


class TerminateEmrClusterOperator(NightOperator):
    """Every cluster of the run ended, and verified: found by tag, so that nothing depends on what launching stored.

    Returns ``clusters``, and of the newest one ``cluster_id``, ``state``, ``reason`` and ``normalized_instance_hours``.
    """

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Terminate and wait until EMR says that each cluster ended."""
        found = self.emr.find_clusters(names.RUN_TAG, str(self.run_identity(context)))
        for cluster in found:
            if not cluster.state.is_over:
                self.emr.terminate(cluster.cluster_id)
        ended = [self._end(cluster) for cluster in found]
        if not ended:
            return {"clusters": [], "cluster_id": None, "state": None, "reason": "", "normalized_instance_hours": 0}
        newest = ended[0]
        return {
            "clusters": [cluster.cluster_id for cluster in ended],
            "cluster_id": newest.cluster_id,
            "state": newest.state.value,
            "reason": newest.reason_code,
            "normalized_instance_hours": sum(cluster.normalized_instance_hours for cluster in ended),
        }

    def _end(self, cluster: Cluster) -> Cluster:
        last = self.waiting.until(
            lambda: self.emr.describe_cluster(cluster.cluster_id),
            lambda seen: seen.state.is_ended,
            self.cluster_wait(cluster.cluster_id, "ended"),
            tell=described,
        )
        self.log.info("cluster %s: %s", last.cluster_id, described(last))
        return last


def described(cluster: Cluster) -> str:
    """A cluster's state and why it is in it."""
    return f"{cluster.state.value} {cluster.reason_code} {cluster.reason_message}".strip()
