"""A script of ``emr_configs/bootstrap`` as a step: pinned by its digest, and what its result means."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from druid_reindex.errors import (
    ConfigurationError,
    DruidReindexError,
    IntegrityError,
    NotAuthorizedError,
    NotProtectedError,
    ProtocolError,
    ReindexFailedError,
    UnavailableError,
)
from druid_reindex.model.cluster import Cluster, Step, StepState
from druid_reindex.model.identity import digest
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.steps import RESULT, Doing, StepRun, StepUnit, log_of
from druid_reindex.plan import emr
from druid_reindex.ports import EmrPort, ObjectStorePort

RESULT_PROTOCOL = 1
# What the scripts' exit statuses mean, and what to do.
_MEANINGS: dict[int, tuple[type[DruidReindexError], str]] = {
    3: (
        ConfigurationError,
        (
            "a new key makes other tokens: ingest all data anew under it and write its version_id into the pipeline; "
            "or make the version of the pipeline the current one again"
        ),
    ),
    4: (NotAuthorizedError, "let the clusters' role read the secret, and decrypt under its KMS key"),
    5: (IntegrityError, "find out who wrote these files and segments, and clear the task that did"),
    7: (NotAuthorizedError, "write username and password as JSON into the secret, and let that user read the table"),
    8: (
        NotProtectedError,
        "name the CA of the server's certificate in ca_file, and the server by a name that the certificate has",
    ),
    9: (ConfigurationError, "correct the unload, or its database in boundaries.yaml, and put its files where they say"),
    11: (
        IntegrityError,
        (
            "let the clusters' role read the file and decrypt under its key; if it has changed, start the purge anew; "
            "if it is gone and the source has no row of its keys: druid-reindex withheld PIPELINE --lift ADDRESS"
        ),
    ),
    12: (ConfigurationError, "write one key into each line, as text or as a JSON string; then start the purge anew"),
    10: (UnavailableError, "see that the database and the network to it are up; the task is tried again by itself"),
}


class ScriptJob:
    """What one try of a task has a script do on the cluster."""

    def __init__(self, doing: Doing, emr: EmrPort, store: ObjectStorePort) -> None:
        self.doing, self.store = doing, store
        self._steps = StepRun(doing, emr, store)

    def run(self, cluster: Cluster, unit: StepUnit, *, secret_id: str = "") -> tuple[str, S3Uri]:
        """The step's id and its folder, once it has succeeded. Raises what its result means, about ``secret_id``."""
        step, folder = self._steps.run(cluster, unit)
        result = self._result(folder / RESULT)
        if step.state is not StepState.COMPLETED:
            raise self._failure(step, cluster, result, secret_id)
        if result.get("protocol") != RESULT_PROTOCOL or result.get("exit_code") != 0:
            raise ProtocolError(
                "read the step's result",
                resource=str(folder / RESULT),
                came_back=f"protocol {result.get('protocol')!r}, exit code {result.get('exit_code')!r}",
                remedy="upload the bootstrap scripts of this release to the artifacts bucket",
            )
        return step.step_id, folder

    def cancel(self) -> None:
        """Cancel the step that was waited for."""
        self._steps.cancel()

    def payload(self, script: str) -> Callable[[str, S3Uri, int], dict[str, Any]]:
        """The step that runs ``script``, a file of ``emr_configs``: the very one that lies beside the pipeline."""
        settings = self.doing.settings
        sha256 = digest((settings.configs / script).read_bytes())
        place = S3Uri.parse(settings.boundaries.artifacts_uri) / script

        def made(name: str, spec_uri: S3Uri, _seconds: int) -> dict[str, Any]:
            return emr.script_step(name, place, sha256, str(spec_uri), settings.boundaries.region)

        return made

    def _result(self, uri: S3Uri) -> dict[str, Any]:
        """What the script left; empty where it left nothing. Its words hold no value of a row."""
        return dict(json.loads(self.store.get(uri))) if self.store.exists(uri) else {}

    def _failure(self, step: Step, cluster: Cluster, result: dict[str, Any], secret_id: str) -> DruidReindexError:
        log_uri = log_of(step, cluster)
        status, resource = result.get("exit_code"), f"step {step.step_id} of cluster {cluster.cluster_id}"
        if status in _MEANINGS:
            kind, remedy = _MEANINGS[status]
            about = f"{resource}, secret {secret_id}" if secret_id else resource
            return kind("run a script as an EMR step", resource=about, came_back=result["problem"], remedy=remedy)
        said = "; ".join(part for part in (step.state.value, step.reason, result.get("problem", "")) if part)
        return ReindexFailedError(
            "run a script as an EMR step",
            resource=resource,
            came_back=said,
            remedy=f"read the whole log at {log_uri} (EMR may take minutes to put it there); then clear this task",
        )
