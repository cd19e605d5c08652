"""``cluster_up`` and ``cluster_down``: one transient EMR cluster for one run, or for the runs of one group."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from druid_reindex.errors import DeadlineError
from druid_reindex.model.group import shown
from druid_reindex.operators import links
from druid_reindex.operators.launching import Launch
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.plan import emr as payloads
from druid_reindex.plan import names
from druid_reindex.plan.group import of_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.model.cluster import Cluster
    from druid_reindex.model.identity import RunId
    from druid_reindex.operators.sharing import Sharing


class LaunchEmrClusterOperator(NightOperator):
    """The run's cluster, up: attached to when it lives already, launched when it does not. Skipped by an empty plan.

    Pipelines that name one ``cluster.group`` share a cluster: the first run launches it, the others wait for it.

    Returns ``cluster_id`` and ``primary_dns``; both None when a cleared run has nothing left to rebuild.
    """

    operator_extra_links = links.CLUSTER_LINKS
    _waited_for: str | None = None
    _sharing: Sharing | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Launch or attach, and wait until steps and jobs can run."""
        night = planned_night(context)
        if not night["batches"]:
            raise AirflowSkipException(night["explanation"])
        self.hold(context)
        run_id = self.run_identity(context)
        if self._all_done(context, run_id, night["batches"]):
            self.log.info("every batch and export of the plan has left its result: no cluster is needed")
            return {"cluster_id": None, "primary_dns": None}
        self._sharing = self.sharing(context)
        settings = self.asked_settings(context)
        configuration = self.configuration(context, settings)
        launch = Launch(
            settings, configuration, run_id, self.emr, lambda: self.vault, self.require, self.log.info,
            reads_segments=bool(night.get("purge")),
        )  # fmt: skip
        cluster = self._up(context, launch, self.waiting.resumed)
        while not cluster.state.is_up:
            launch.refuse_unless_another_subnet(cluster)
            cluster = self._up(context, launch, None)
        self.log.info("cluster %s is up: %s", cluster.cluster_id, cluster.primary_dns)
        return {"cluster_id": cluster.cluster_id, "primary_dns": cluster.primary_dns}

    def on_kill(self) -> None:
        """End the cluster: its teardown does not run when it never came up. A shared one is left to its other runs."""
        if self._sharing is not None:
            self._sharing.leave()
        elif self._waited_for is not None:
            self.emr.terminate(self._waited_for)

    def _up(self, context: Context, launch: Launch, resumed: str | None) -> Cluster:
        """The run's cluster, or its group's, once it is up or over; the one that was waited for is ``resumed``."""
        sharing = self._sharing
        cluster_id = self._shared(launch, sharing, resumed) if sharing else resumed or self._own(launch)
        self._waited_for = cluster_id
        links.tell_cluster(context, self.settings, cluster_id)
        return self._settled(cluster_id)

    def _all_done(self, context: Context, run_id: RunId, batches: list[int]) -> bool:
        boundary, exports = self.settings.boundary, self.settings.pipeline.exports
        uris = [names.result_uri(boundary, run_id, batch) for batch in batches]
        uris += [names.export_prefix(boundary, run_id, load.name) / "result.json" for load in exports]
        return all(self.get_record(context, uri) is not None for uri in uris)

    def _settled(self, cluster_id: str) -> Cluster:
        try:
            return self.waiting.until(
                lambda: self.emr.describe_cluster(cluster_id),
                lambda seen: seen.state.is_up or seen.state.is_over,
                self.settings.cluster_wait(cluster_id, "up", shared=self._sharing is not None),
                tell=described,
            )
        except DeadlineError:
            self.on_kill()
            raise

    def _own(self, launch: Launch) -> str:
        """The run's own cluster, found by its tag or launched."""

        def find() -> Cluster | None:
            tagged = of_run(self.emr.find_clusters(names.RUN_TAG, str(launch.run_id)), launch.run_id)
            return next((each for each in tagged if not each.state.is_over), None)

        return launch.find_or_launch(find, launch.request)

    def _shared(self, launch: Launch, sharing: Sharing, resumed: str | None) -> str:
        """The cluster that the run shares, once it is launched, by this run or another."""
        if resumed not in {None, sharing.shelf.key}:
            return str(resumed)
        group = self.waiting.until(
            sharing.join, sharing.may_go_on, sharing.until_launched, tell=lambda g: str(g.launcher)
        )
        if group.cluster_id is not None:
            self.log.info("cluster %s of group %s is shared by: %s", group.cluster_id, group.key, shown(group.members))
            return group.cluster_id
        request = payloads.shared(launch.request, group)
        return sharing.launched(group, launch.find_or_launch(lambda: sharing.find(group), request))


class TerminateEmrClusterOperator(NightOperator):
    """Every cluster of the run ended, and verified: found by tag, so that nothing depends on what launching stored.

    A cluster that it shares ends with the last run that leaves it; before that, the task says who uses it still.

    Returns ``clusters``, ``used_by``, and of the newest cluster ``cluster_id``, ``state``, ``reason`` and
    ``normalized_instance_hours``.
    """

    operator_extra_links = links.CLUSTER_LINKS

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Terminate and wait until EMR says that each cluster ended."""
        run_id, sharing = self.run_identity(context), self.group(context)
        found = of_run(self.emr.find_clusters(names.RUN_TAG, str(run_id)), run_id)
        for cluster in found:
            if not cluster.state.is_over:
                self.emr.terminate(cluster.cluster_id)
        used_by: list[str] = []
        if sharing is not None:
            from druid_reindex.operators.housekeeping import live_runs  # noqa: PLC0415

            group, closed = sharing.leave(partial(live_runs, context["ti"]))
            used_by = [] if found else [str(member) for member in group.members]
            self.log.info("group %s is still used by: %s", group.key, shown(group.members) or "nobody")
            found += self._with_resumed(closed)
        if found:
            links.tell_cluster(context, self.settings, found[0].cluster_id)
        return _told([self._end(cluster) for cluster in found]) | {"used_by": used_by}

    def _with_resumed(self, closed: list[Cluster]) -> list[Cluster]:
        """``closed`` and the shared cluster that was waited for, which is not listed any more once it has ended."""
        resumed = self.waiting.resumed
        if resumed is None or resumed in {cluster.cluster_id for cluster in closed}:
            return closed
        last = self.emr.describe_cluster(resumed)
        return [*closed, last] if names.GROUP_TAG in last.tags else closed

    def _end(self, cluster: Cluster) -> Cluster:
        last = self.waiting.until(
            lambda: self.emr.describe_cluster(cluster.cluster_id),
            lambda seen: seen.state.is_ended,
            self.settings.cluster_wait(cluster.cluster_id, "ended"),
            tell=described,
        )
        self.log.info("cluster %s: %s", last.cluster_id, described(last))
        return last


def described(cluster: Cluster) -> str:
    """A cluster's state and why it is in it."""
    return f"{cluster.state.value} {cluster.reason_code} {cluster.reason_message}".strip()


def _told(ended: list[Cluster]) -> dict[str, Any]:
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
