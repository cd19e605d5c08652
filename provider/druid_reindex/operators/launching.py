"""How a run launches a cluster: under its security configuration, with its Kerberos attributes, in the next subnet.

The security configuration is made here and not by a task of its own, because whatever launches again needs it again: a
retry, the next subnet, a run hours after housekeeping has swept what nobody used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import CapacityError, ConflictError, NoAnswerError, RefusedError
from druid_reindex.plan import emr as payloads
from druid_reindex.plan import names
from druid_reindex.plan.security import kerberos_needs

if TYPE_CHECKING:
    from druid_reindex.model.cluster import Cluster
    from druid_reindex.model.identity import RunId
    from druid_reindex.operators.settings import NightSettings
    from druid_reindex.plan.security import Needed
    from druid_reindex.ports import EmrPort, SecretsPort


@dataclass(frozen=True)
class Launch:
    """What one run launches with; ``settings`` are those that the run asked for, ``require`` is its lease's.

    ``configuration`` is the security configuration of its profile; None where that names none. ``reads_segments`` is
    for a run whose steps read segments, whatever its pipeline's nights do.
    """

    settings: NightSettings
    configuration: Needed | None
    run_id: RunId
    emr: EmrPort
    vault: Callable[[], SecretsPort]
    require: Callable[[], None]
    log: Callable[[str], None]
    reads_segments: bool = field(default=False, kw_only=True)

    @property
    def request(self) -> dict[str, Any]:
        """The RunJobFlow request, without what is known only when it is sent: the subnet and the passwords."""
        settings = self.settings
        request = payloads.run_job_flow(
            settings.pipeline, settings.boundaries, settings.boundary, settings.profile, self.run_id,
            reads_segments=self.reads_segments,
        )  # fmt: skip
        return payloads.secured(request, self.configuration.name) if self.configuration else request

    def find_or_launch(self, find: Callable[[], Cluster | None], request: Mapping[str, Any]) -> str:
        """The id of the living cluster that ``find`` finds, else of a new one."""
        living = find()
        if living is not None:
            self.log(f"attaching to cluster {living.cluster_id} ({living.state.value})")
            return living.cluster_id
        self._ensure_configuration()
        placed = payloads.placed(request, self._subnet_ids, self._failures())
        self.require()
        try:
            cluster_id = self.emr.run_job_flow(placed | self._kerberos())
        except RefusedError as refused:
            swept = self._swept()
            if swept is None:
                raise
            raise swept from refused
        except NoAnswerError:
            # EMR may have accepted it: the tags tell.
            launched = find()
            if launched is None:
                raise
            return launched.cluster_id
        self.log(f"launched cluster {cluster_id} ({request['Name']})")
        return cluster_id

    def refuse_unless_another_subnet(self, over: Cluster) -> None:
        """Raise why the cluster did not come up, unless it was for want of capacity and a subnet is left to try."""
        from druid_reindex.clients.emr_states import cluster_failure  # noqa: PLC0415

        failure, failures = cluster_failure(over, attempted="launch a cluster"), self._failures()
        another = payloads.has_another_subnet(self.request, self._subnet_ids, failures)
        if not isinstance(failure, CapacityError) or not another:
            raise failure
        self.log(f"{failure}; trying subnet {self._subnet_ids[failures % len(self._subnet_ids)]} now")

    @property
    def _subnet_ids(self) -> tuple[str, ...]:
        return self.settings.boundary.network.subnet_ids

    def _failures(self) -> int:
        """How many clusters of the run ended for want of capacity since one came up; 0 where that is no matter."""
        from druid_reindex.clients.emr_states import is_without_capacity  # noqa: PLC0415

        if len(self._subnet_ids) == 1 or self.settings.profile.instance_fleets:
            return 0
        launched = self.emr.find_clusters(names.RUN_TAG, str(self.run_id))
        return len([*takewhile(is_without_capacity, (each for each in launched if each.state.is_over))])

    def _ensure_configuration(self) -> None:
        from druid_reindex.clients.cluster_security import ensure_configuration  # noqa: PLC0415

        if self.configuration is not None:
            ensure_configuration(self.emr, self.configuration, self.log)

    def _kerberos(self) -> dict[str, Any]:
        """The Kerberos attributes, for the moment in which the request is sent."""
        from druid_reindex.clients.cluster_security import kerberos_attributes  # noqa: PLC0415

        needs = kerberos_needs(self.settings.security, self.settings.boundary)
        return {"KerberosAttributes": kerberos_attributes(needs, self.vault)} if needs is not None else {}

    def _swept(self) -> ConflictError | None:
        """The error for a launch that was refused because its security configuration is gone again; else None."""
        if self.configuration is None or self.emr.security_configuration(self.configuration.name) is not None:
            return None
        return ConflictError(
            "launch a cluster",
            resource=self.configuration.name,
            came_back="the security configuration was deleted meanwhile",
            remedy="wait for the next try, which makes it anew",
        )
