"""``unload_…`` and ``load_…``: rows from Redshift to S3 before the rebuild, and from S3 into a table after validation.

No row passes through a worker: Redshift reads and writes S3 itself, as the boundary's chain of roles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from druid_reindex.errors import IntegrityError
from druid_reindex.evidence import lineage_tasks
from druid_reindex.evidence.lineage import Lineage
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Load, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators import assets
from druid_reindex.operators.lineage import site_of, sql_digest
from druid_reindex.operators.night import NightOperator, planned_night
from druid_reindex.operators.transfers import entered, job_of, night_values, read_whole, route_of, unloaded
from druid_reindex.plan import names
from druid_reindex.plan.sql import identifier, literal

if TYPE_CHECKING:
    from airflow.sdk import Context

    from druid_reindex.operators.statements import Finished, StatementJob
    from druid_reindex.plan.manifest import Manifest
    from druid_reindex.plan.redshift import Step, Ticket

RECORD_PROTOCOL = 1
# For templates in files of sql/, where ``:name`` is not enough: {{ params.ward | literal }}, {{ … | identifier }}.
SQL_FILTERS = {"identifier": identifier, "literal": literal}
_MANIFEST = "manifest"


class UnloadRedshiftOperator(NightOperator):
    """The rows of one SELECT as encrypted files below the run's own prefix, with their manifest, once for each run.

    The SELECT may use ``:interval_start`` and ``:interval_end``, the ends (UTC) of all that the night rebuilds. A try
    that died leaves its generation's prefix, which nothing reads: what counts is the manifest that is recorded.
    Skipped by an empty plan; a purge has nothing unloaded.

    Returns ``rows``, ``files``, ``size_bytes``, ``manifest_uri``, ``manifest_sha256``, ``statement_id`` and
    ``generation``.

    :param unload: what is unloaded; its ``sql`` is a template (templated)
    :param parameters: values of further ``:name`` in the SELECT (templated)
    :param leased: whether the task is one of a planned night's, under its lease; False in a DAG without ``plan``
    """

    reads_sources = True
    template_fields: Sequence[str] = ("night", "sql", "sql_values")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"night": "json", "sql": "sql"}

    def __init__(
        self, *, unload: Unload, parameters: Mapping[str, str] | None = None, leased: bool = True, **kwargs: Any
    ) -> None:
        kwargs.setdefault("inlets", assets.unloaded(kwargs["settings"], unload))
        super().__init__(**kwargs)
        self.unload = unload
        self.sql = unload.sql or ""
        self.sql_values = dict(parameters or {})
        self.leased = leased
        self._job: StatementJob | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Unload the rows, or return the record of the time they were."""
        from druid_reindex.operators.statements import Attempts  # noqa: PLC0415
        from druid_reindex.plan.redshift import script_digest, unload_script  # noqa: PLC0415

        salt = entered(self, context, leased=self.leased)
        prefix = names.unload_prefix(self.settings.boundary, self.run_identity(context), self.unload.name)
        values, route = self._values(context), route_of(self)

        def script(generation: int) -> tuple[Step, ...]:
            place = prefix / str(generation)
            return unload_script(self.unload, self.sql, values, route=route, prefix=place)

        sha256 = script_digest(script(0), salt)
        record = self.get_json(prefix / "result.json")
        if record is None or record["script_sha256"] != sha256:
            job = self._job = job_of(self, context)
            attempts = Attempts(
                unit=f"unload_{self.unload.name}",
                script=script,
                salt=salt,
                is_fresh=lambda generation: not self.store.listing(prefix / str(generation)),
                is_whole=lambda generation: self.store.exists(prefix / str(generation) / _MANIFEST),
            )
            record = self._record(job, job.run(attempts), prefix) | {"script_sha256": sha256}
            self.require()
            self.put_json(prefix / "result.json", record)
        return {name: value for name, value in record.items() if name not in {"protocol", "script_sha256"}}

    def lineage(self) -> Lineage:
        """Redshift's tables, and the files."""
        query, sha256 = assets.query_of(self.settings, self.unload), sql_digest(self, self.unload)
        return lineage_tasks.unload(site_of(self), self.unload, query, self.returned, sha256)

    def on_kill(self) -> None:
        """Cancel the statement that this try waits for."""
        if self._job is not None:
            self._job.cancel()

    def _values(self, context: Context) -> dict[str, str]:
        return night_values(self, context) | self.sql_values if self.leased else self.sql_values

    def _record(self, job: StatementJob, finished: Finished, prefix: S3Uri) -> dict[str, Any]:
        """What was unloaded. Raises IntegrityError where Redshift, its manifest and S3 do not say the same."""
        place = prefix / str(finished.generation)
        rows = job.rows_told(finished.batch)
        if not rows and not self.store.exists(place / _MANIFEST):
            self.require()
            self.put_json(place / _MANIFEST, {"entries": []})  # without rows there may be no file, and no manifest
        manifest = read_whole(self, place / _MANIFEST, below=place)
        if manifest.rows != rows:
            raise IntegrityError(
                "unload from Redshift",
                resource=str(manifest.uri),
                came_back=f"{manifest.rows} rows, where Redshift has unloaded {rows}",
                remedy="clear this task, so that the next generation is unloaded",
            )
        return {
            "protocol": RECORD_PROTOCOL,
            "rows": rows,
            "files": len(manifest.files),
            "size_bytes": manifest.size_bytes,
            "manifest_uri": str(manifest.uri),
            "manifest_sha256": manifest.sha256,
            "statement_id": finished.batch.statement_id,
            "generation": finished.generation,
        }


class LoadRedshiftOperator(NightOperator):
    """The files of a manifest as rows of a table, published in one transaction, once for each run and manifest.

    What the load's ``sql`` defines is there first. The rows are staged and counted against the manifest; then all rows
    of the table (``swap``), or those with equal keys (``merge``), are replaced. The table's ledger (``…__loads``) has a
    row for each load, so that a second one changes nothing. A purge loads what it exports, and no unload.

    Returns ``rows``, ``table``, ``manifest_uri``, ``manifest_sha256``, ``load_key`` and ``statement_id``.

    :param load: what is loaded; its ``sql`` is a template (templated)
    :param manifest_uri: the manifest; left out, that of the load's ``unload``, or of the night's export (templated)
    :param parameters: values of ``:name`` in the definitions (templated)
    :param leased: whether the task is one of a planned night's, under its lease; False in a DAG without ``plan``
    """

    template_fields: Sequence[str] = ("night", "sql", "sql_values", "manifest_uri")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {"night": "json", "sql": "sql"}

    def __init__(
        self,
        *,
        load: Load,
        manifest_uri: str | None = None,
        parameters: Mapping[str, str] | None = None,
        leased: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("outlets", assets.loaded(kwargs["settings"], load))
        super().__init__(**kwargs)
        self.load = load
        self.reads_sources = load.unload is not None
        self.sql = load.sql or ""
        self.manifest_uri = manifest_uri
        self.sql_values = dict(parameters or {})
        self.leased = leased
        self._job: StatementJob | None = None

    def carry_out(self, context: Context) -> dict[str, Any]:
        """Load the rows, or return the record of the time they were."""
        salt = entered(self, context, leased=self.leased)
        manifest = self._manifest(context)
        ticket = self._ticket(context, manifest)
        uri = names.load_prefix(self.settings.boundary, self.run_identity(context), self.load.name) / "result.json"
        record = self.get_json(uri)
        if record is None or record["load_key"] != ticket.key:
            job = self._job = job_of(self, context)
            record = self._published(job, context, manifest, ticket, salt)
            self.require()
            self.put_json(uri, record)
        return {name: value for name, value in record.items() if name != "protocol"}

    def lineage(self) -> Lineage:
        """The files, and Redshift's table."""
        return lineage_tasks.load(site_of(self), self.load, self.returned)

    def on_kill(self) -> None:
        """Cancel the statement that this try waits for, whose transaction is undone."""
        if self._job is not None:
            self._job.cancel()

    def _published(
        self, job: StatementJob, context: Context, manifest: Manifest, ticket: Ticket, salt: str
    ) -> dict[str, Any]:
        from druid_reindex.operators.statements import Attempts  # noqa: PLC0415
        from druid_reindex.plan.redshift import define_script, load_script  # noqa: PLC0415

        load, route = self.load, route_of(self)
        copied = self._copy_manifest(context, manifest)
        definitions = define_script(load, self.sql, self.sql_values)
        script = load_script(load, manifest, manifest_uri=copied, route=route, ticket=ticket)
        job.run(Attempts(f"define_{load.name}", lambda _: definitions, salt))
        finished = job.run(Attempts(f"load_{load.name}", lambda _: script, salt))
        rows = job.rows_told(finished.batch)
        if rows != manifest.rows:
            raise IntegrityError(
                "load into Redshift",
                resource=load.table,
                came_back=f"the ledger has {rows} rows for load {ticket.key}, the manifest {manifest.rows}",
                remedy="find out who changed the ledger; delete its row to load once more",
            )
        return {
            "protocol": RECORD_PROTOCOL,
            "rows": rows,
            "table": load.table,
            "manifest_uri": str(manifest.uri),
            "manifest_sha256": manifest.sha256,
            "load_key": ticket.key,
            "statement_id": finished.batch.statement_id,
        }

    def _manifest(self, context: Context) -> Manifest:
        """What is loaded, each file of it there and under the boundary's key."""
        boundary, run_id = self.settings.boundary, self.run_identity(context)
        data = S3Uri.parse(boundary.data_uri)
        if self.manifest_uri is not None:
            return read_whole(self, S3Uri.parse(self.manifest_uri), below=data)
        if self.load.unload is None:
            return read_whole(self, names.export_manifest_uri(boundary, run_id, self.load.name), below=data)
        return unloaded(self, context, self.load.unload)

    def _copy_manifest(self, context: Context, manifest: Manifest) -> S3Uri:
        """The address of the manifest for COPY, in which every file is mandatory."""
        from druid_reindex.plan.manifest import copy_manifest  # noqa: PLC0415

        prefix = names.load_prefix(self.settings.boundary, self.run_identity(context), self.load.name)
        uri = prefix / f"{manifest.sha256[:16]}.manifest"
        self.require()
        self.store.put(uri, copy_manifest(manifest), kms_key_arn=self.settings.boundary.kms_key_arn)
        return uri

    def _ticket(self, context: Context, manifest: Manifest) -> Ticket:
        from druid_reindex.plan.redshift import Ticket  # noqa: PLC0415

        run_id, deployment = self.run_identity(context), self.settings.boundaries.deployment_id
        owner = self.settings.pipeline.datasource if self.leased else f"dag:{run_id.dag_id}"
        fence = planned_night(context)["fence"] if self.leased else 0
        key = digest(f"{run_id} {self.load.name} {self.load.table} {manifest.sha256}".encode())
        return Ticket(key, f"{deployment}/{owner}/{self.load.name}", str(run_id), fence)
