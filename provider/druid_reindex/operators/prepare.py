"""``prepare_…``: identifiers in unloaded files become tokens, by a step of the cluster, before they are ingested."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from druid_reindex.errors import ConfigurationError, IntegrityError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import TokenKey, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import assets, links
from druid_reindex.operators.lineage import site_of
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.run_cluster import cluster_of, script_job
from druid_reindex.operators.transfers import entered, read_whole, unloaded
from druid_reindex.plan import names
from druid_reindex.plan.document import canonical
from druid_reindex.plan.withheld import to_json

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.operators.scripts import ScriptJob
    from druid_reindex.operators.steps import StepUnit
    from druid_reindex.plan.manifest import Manifest
    from druid_reindex.plan.withheld import Withheld

RECORD_PROTOCOL = 1


class TokeniseFilesOperator(NightOperator):
    """The files of one unload, each identifier in them replaced by a token, once for each run and unload.

    The key is read by the step, under the cluster's role, and never here. A version of it other than the pipeline's
    ends the night before a row is read: tokens of two versions do not join, and a new one wants re-ingestion. Skipped
    by an empty plan; a purge has nothing to prepare.

    Rows of keys that a purge has withheld are left out.

    Returns ``rows``, ``withheld_rows`` where keys are withheld, ``files``, ``manifest_uri``, ``manifest_sha256``,
    ``key_version`` and ``step_id``.

    :param unload: the unload, whose ``tokens`` say which columns become which
    """

    reads_sources = True
    operator_extra_links = links.REINDEX_LINKS

    def __init__(self, *, unload: Unload, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unload = unload
        self._job: ScriptJob | None = None
        self._source = ""

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Make the tokens, or return the record of the time they were made."""
        entered(self, context, leased=True)
        source = unloaded(self, context, self.unload.name)
        self._source = str(source.uri)
        uri = (
            names.prepared_prefix(self.settings.boundary, self.run_identity(context), self.unload.name) / "result.json"
        )
        record = self.get_record(context, uri)
        withheld = self._withheld()
        told = {
            "source_sha256": source.sha256,
            "key_version": self.key.version_id,
            "withheld_sha256": digest(to_json(withheld)) if withheld else "",
        }
        if record is None or any(record.get(name, "") != value for name, value in told.items()):
            record = {"protocol": RECORD_PROTOCOL, **told, **self._made(context, source, withheld)}
            self.put_record(context, uri, record)
        shown = ("rows", "withheld_rows", "files", "manifest_uri", "manifest_sha256", "key_version", "step_id")
        return {name: record[name] for name in shown if name in record}

    def lineage(self) -> Lineage:
        """The files with identifiers, and those with tokens."""
        query = assets.query_of(self.settings, self.unload)
        return lineage_tasks.tokenise(site_of(self), self.unload, query, self._source, self.returned)

    def on_kill(self) -> None:
        """Cancel the step that this try waits for."""
        if self._job is not None:
            self._job.cancel()

    @property
    def key(self) -> TokenKey:
        """The key's name and version. Raises ConfigurationError where the pipeline names none."""
        if self.settings.pipeline.token_key is not None:
            return self.settings.pipeline.token_key
        raise ConfigurationError(
            "turn identifiers into tokens",
            resource=f"pipeline {self.settings.pipeline.datasource}",
            came_back="no token_key",
            remedy="add secret_id and version_id of the key",
        )

    def _withheld(self) -> Withheld:
        """The files of keys whose rows are left out."""
        from druid_reindex.clients.withheld import WithheldShelf  # noqa: PLC0415

        return WithheldShelf(self.store, self.settings.boundary, self.settings.pipeline.datasource).read()

    def _made(self, context: Context, source: Manifest, withheld: Withheld) -> dict[str, Any]:
        from druid_reindex.operators.steps import RESULT  # noqa: PLC0415

        cluster = cluster_of(self, context)
        self._job = script_job(self, context, cluster)
        step_id, folder = self._job.run(cluster, self._unit(self._job, source, withheld), secret_id=self.key.secret_id)
        manifest = read_whole(self, folder / "files/manifest", below=folder)
        left_out = json.loads(self.store.get(folder / RESULT))["withheld"] if withheld else 0
        if manifest.rows + left_out != source.rows:
            raise IntegrityError(
                "turn identifiers into tokens",
                resource=str(manifest.uri),
                came_back=f"{manifest.rows} rows{f', and {left_out} withheld' if withheld else ''}, of {source.rows} "
                "that were unloaded",
                remedy="find out who wrote it, then clear this task",
            )
        return {
            "rows": manifest.rows,
            "files": len(manifest.files),
            "manifest_uri": str(manifest.uri),
            "manifest_sha256": manifest.sha256,
            "step_id": step_id,
        } | ({"withheld_rows": left_out} if withheld else {})

    def _unit(self, job: ScriptJob, source: Manifest, withheld: Withheld) -> StepUnit:
        from druid_reindex.operators.steps import StepUnit  # noqa: PLC0415
        from druid_reindex.plan.tokens import SCRIPT, tokenise_spec, withholding  # noqa: PLC0415

        settings, boundary, run_id = self.settings, self.settings.boundary, job.doing.run_id

        def spec(_name: str, folder: S3Uri) -> dict[str, Any]:
            made = tokenise_spec(settings.pipeline, self.key, self.unload, source, boundary=boundary, folder=folder)
            return withholding(made, withheld)

        return StepUnit(
            name=f"prepare_{self.unload.name}",
            digest=digest(canonical([source.sha256, spec("", S3Uri("any-bucket"))])),
            place=names.prepared_prefix(boundary, run_id, self.unload.name),
            spec=spec,
            payload=job.payload(SCRIPT),
        )
