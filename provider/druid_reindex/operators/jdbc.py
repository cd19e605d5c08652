"""``unload_…`` of a database: its rows as files in S3, written by a step of the cluster before the rebuild."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from druid_reindex.errors import ConfigurationError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.model.database import Database, JdbcSource
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import assets, links
from druid_reindex.operators.lineage import site_of, sql_digest
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.run_cluster import cluster_of, script_job
from druid_reindex.operators.transfers import entered, night_values, read_whole
from druid_reindex.plan import names
from druid_reindex.plan.document import canonical

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.operators.scripts import ScriptJob
    from druid_reindex.plan.jdbc import Source

RECORD_PROTOCOL = 1
Spec = Callable[[S3Uri], dict[str, Any]]


class UnloadJdbcOperator(NightOperator):
    """The rows of a table or a query of a database as encrypted files with a manifest, once for each run.

    A step of the run's cluster reads the login from Secrets Manager, under the cluster's role, and the rows over TLS
    with a verified certificate: neither passes through here. The SELECT may use ``:interval_start`` and
    ``:interval_end``, the ends (UTC) of all that the night rebuilds. Skipped by an empty plan; a purge has
    nothing unloaded.

    Returns ``rows``, ``files``, ``size_bytes``, ``manifest_uri``, ``manifest_sha256`` and ``step_id``.

    :param unload: what is unloaded, with its ``jdbc``; its ``sql`` is a template (templated)
    :param parameters: values of further ``:name`` in the SELECT (templated)
    """

    reads_sources = True
    template_fields: Sequence[str] = ("night", "sql", "sql_values")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"night": "json", "sql": "sql"}
    operator_extra_links = links.REINDEX_LINKS

    def __init__(self, *, unload: Unload, parameters: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("inlets", assets.unloaded(kwargs["settings"], unload))
        super().__init__(**kwargs)
        self.unload = unload
        self.sql = unload.sql or ""
        self.sql_values = dict(parameters or {})
        self._job: ScriptJob | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Unload the rows, or return the record of the time they were."""
        entered(self, context, leased=True)
        spec = self._spec(context)
        sha256 = digest(canonical(spec(S3Uri("any-bucket"))))
        place = names.unload_prefix(self.settings.boundary, self.run_identity(context), self.unload.name)
        record = self.get_record(context, place / "result.json")
        if record is None or record["spec_sha256"] != sha256:
            record = {
                "protocol": RECORD_PROTOCOL,
                "spec_sha256": sha256,
                **self._unloaded(context, spec, sha256, place),
            }
            self.put_record(context, place / "result.json", record)
        shown = ("rows", "files", "size_bytes", "manifest_uri", "manifest_sha256", "step_id")
        return {name: record[name] for name in shown}

    def lineage(self) -> Lineage:
        """The database's tables, and the files."""
        query, sha256 = assets.query_of(self.settings, self.unload), sql_digest(self, self.unload)
        return lineage_tasks.unload(site_of(self), self.unload, query, self.returned, sha256)

    def on_kill(self) -> None:
        """Cancel the step that this try waits for."""
        if self._job is not None:
            self._job.cancel()

    @property
    def source(self) -> tuple[JdbcSource, Database]:
        """Which rows are read, and where. Raises ConfigurationError where the unload or its boundary does not say."""
        jdbc, boundary = self.unload.jdbc, self.settings.boundary
        if jdbc is not None and jdbc.database in boundary.databases:
            return jdbc, boundary.databases[jdbc.database]
        raise ConfigurationError(
            "find the database of an unload",
            resource=f"unload {self.unload.name}",
            came_back=f"{jdbc.database}, which boundaries.yaml has not" if jdbc else "no jdbc",
            remedy=f"write jdbc.database in it, and {self.settings.pipeline.classification.value}.databases there",
        )

    def _spec(self, context: Context) -> Spec:
        """What makes the step's spec for a folder."""
        from druid_reindex.plan.jdbc import rows_of, unload_spec  # noqa: PLC0415

        settings, (jdbc, _) = self.settings, self.source
        rows = rows_of(self.unload, jdbc, self.sql, night_values(self, context) | self.sql_values)
        source = self._read_source()

        def spec(folder: S3Uri) -> dict[str, Any]:
            return unload_spec(self.unload, rows, source, settings.boundaries, settings.boundary, folder)

        return spec

    def _read_source(self) -> Source:
        from druid_reindex.plan.jdbc import PROGRAM, Source  # noqa: PLC0415

        configs, (jdbc, database) = self.settings.configs, self.source
        return Source(
            jdbc,
            database,
            ca=(configs / database.ca_file).read_text(encoding="ascii"),
            program=(configs / PROGRAM).read_bytes(),
        )

    def _unloaded(self, context: Context, spec: Spec, sha256: str, place: S3Uri) -> dict[str, Any]:
        from druid_reindex.operators.steps import StepUnit  # noqa: PLC0415
        from druid_reindex.plan.jdbc import SCRIPT  # noqa: PLC0415

        cluster, (_, database) = cluster_of(self, context), self.source
        self._job = script_job(self, context, cluster)
        unit = StepUnit(
            name=f"unload_{self.unload.name}",
            digest=sha256,
            place=place,
            spec=lambda _name, folder: spec(folder),
            payload=self._job.payload(SCRIPT),
        )
        step_id, folder = self._job.run(cluster, unit, secret_id=database.secret_id)
        manifest = read_whole(self, folder / "files/manifest", below=folder)
        return {
            "rows": manifest.rows,
            "files": len(manifest.files),
            "size_bytes": manifest.size_bytes,
            "manifest_uri": str(manifest.uri),
            "manifest_sha256": manifest.sha256,
            "step_id": step_id,
        }
