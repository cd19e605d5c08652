"""The statements of an unload and of a load, each script one batch of Redshift's Data API: one transaction.

A load leaves one copy, however often and by however many it is run. Each table has a ledger beside it, whose lock the
transaction takes first: who comes second waits, finds the load's key there, and changes nothing. The staging table is
temporary and made within the transaction, so that a batch that dies leaves nothing at all. Rows are replaced by DELETE
and INSERT: TRUNCATE would commit, and a renamed table would take its grants and views away with it.
Sources: https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html,
https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html,
https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html (the snapshot is taken after LOCK),
https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html (100 KB a statement, 40 a batch)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from druid_reindex.errors import ConfigurationError, FencedOutError, IntegrityError, Terminal
from druid_reindex.model.identity import digest
from druid_reindex.model.transfer import Compression, FileFormat, Load, LoadMode, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse
from druid_reindex.plan.document import canonical
from druid_reindex.plan.manifest import Manifest
from druid_reindex.plan.sql import bind, first_word, identifier, literal

MOST_BYTES = 100_000
MOST_STATEMENTS = 40
ROWS = "rows"
# What a load must not publish without; told when Redshift stops at one of them.
SAME_ROWS = "compare the staged rows with the manifest"
WHOLE_KEYS = "look for rows without a key"
LATEST_OWNER = "look whether a later owner of the datasource has loaded"
CHECKS: Mapping[str, tuple[type[Terminal], str, str]] = {
    SAME_ROWS: (IntegrityError, "the files hold other rows than their manifest says", "find out who wrote the files"),
    WHOLE_KEYS: (IntegrityError, "a row has no value in one of the keys", "export a value in each of the load's keys"),
    LATEST_OWNER: (FencedOutError, "a later owner has loaded the table", "leave it: this run's rows are older"),
}
COPY = "copy the files into the staging table"
_DEFINES = frozenset({"CREATE", "ALTER", "GRANT", "REVOKE", "COMMENT"})
_LOADS_SUFFIX = "__loads"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, and in words what it does."""

    what: str
    sql: str


@dataclass(frozen=True, slots=True)
class Route:
    """As whom Redshift reaches S3, where that is, and under which key its files lie."""

    warehouse: Warehouse
    region: str
    kms_key_arn: str

    @property
    def role(self) -> str:
        """The clause that names the chain of roles: commas, and no space.

        Source: https://docs.aws.amazon.com/redshift/latest/mgmt/authorizing-redshift-service.html
        """
        return f"IAM_ROLE {literal(','.join(self.warehouse.role_arns))}"


@dataclass(frozen=True, slots=True)
class Ticket:
    """By what the ledger knows a load: its key, who loads, in the run's words, and under which fence."""

    key: str
    scope: str
    run: str
    fence: int


def script_digest(script: Sequence[Step], *more: str) -> str:
    """The SHA-256 that stands for the script."""
    return digest(canonical([*more, *(step.sql for step in script)]))


def unload_script(
    unload: Unload, sql: str, parameters: Mapping[str, str], *, route: Route, prefix: S3Uri
) -> tuple[Step, ...]:
    """The rows of the one SELECT in ``sql`` as files below ``prefix``, and then how many rows these were.

    The key is named by its ARN, for S3 hands it to the bucket's policy as it is written: a key's bare id would not be
    the one that the policy asks for.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms

    Raises ConfigurationError for anything but one SELECT, and for more than the Data API takes.
    """
    queries = bind(sql, parameters)
    if len(queries) != 1 or first_word(queries[0]) not in {"SELECT", "WITH"}:
        raise _refused(str(unload.sql), f"{len(queries)} statements, or no SELECT", "keep one SELECT in the file")
    clauses = (
        f"UNLOAD ({literal(queries[0])})",
        f"TO {literal(f'{prefix}/')}",
        route.role,
        *_format(unload.format, unload.compression),
        "MANIFEST VERBOSE ENCRYPTED",
        f"KMS_KEY_ID {literal(route.kms_key_arn)}",
        f"MAXFILESIZE {unload.max_file_size_mb} MB",
        f"REGION {literal(route.region)}",
    )
    count = Step("count the rows", f"SELECT pg_last_unload_count() AS {ROWS}")
    return _fitting(str(unload.sql), (Step("unload the rows", " ".join(clauses)), count))


def define_script(load: Load, sql: str, parameters: Mapping[str, str]) -> tuple[Step, ...]:
    """What is there before a load: what ``sql`` defines, and the table's ledger; harmless when it is there already.

    Raises ConfigurationError for a statement that defines nothing, and for more than the Data API takes.
    """
    statements = bind(sql, parameters)
    other = [first_word(each) or each[:20] for each in statements if first_word(each) not in _DEFINES]
    if other:
        remedy = f"keep to {', '.join(sorted(_DEFINES))}: rows are the load's own work"
        raise _refused(str(load.sql), f"{', '.join(other)} in a file of definitions", remedy)
    ledger = (
        f"CREATE TABLE IF NOT EXISTS {_ledger(load)} (load_key VARCHAR(64) NOT NULL, scope VARCHAR(512) NOT NULL, "
        "run VARCHAR(64) NOT NULL, fence BIGINT NOT NULL, row_count BIGINT NOT NULL)"
    )
    defined = (Step(f"run statement {i} of {load.sql}", each) for i, each in enumerate(statements, 1))
    return _fitting(str(load.sql), (*defined, Step("define the ledger", ledger)))


def load_script(
    load: Load, manifest: Manifest, *, manifest_uri: S3Uri, route: Route, ticket: Ticket
) -> tuple[Step, ...]:
    """The transaction that publishes the files of ``manifest`` once; ``manifest_uri`` is COPY's own manifest of them.

    Its last statement tells how many rows the ledger has for the ticket's key.
    Raises IntegrityError for a swap with nothing.
    """
    if load.mode is LoadMode.SWAP and not manifest.rows:
        raise IntegrityError(
            "load a table",
            resource=load.table,
            came_back=f"{manifest.uri} has no row, and a swap would empty the table",
            remedy="find out why nothing was exported; delete the table's rows by hand if that is meant",
        )
    table, stage, ledger = identifier(load.table), _stage(load), _ledger(load)
    columns = ", ".join(map(identifier, load.columns))
    known = f"SELECT 1 FROM {ledger} WHERE load_key = {literal(ticket.key)}"
    script = (
        Step("wait for other loads of the table", f"LOCK {ledger}"),
        Step("make the staging table", f"CREATE TEMP TABLE {stage} AS SELECT {columns} FROM {table} WHERE 1 = 0"),
        *((Step(COPY, _copy(load, manifest_uri, route)),) if manifest.rows else ()),
        *_checks(load, manifest, ticket),
        Step("delete the rows that are replaced", f"DELETE FROM {table}{_replaced(load)}NOT EXISTS ({known})"),
        Step(
            "insert the staged rows",
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} WHERE NOT EXISTS ({known})",
        ),
        Step("enter the load into the ledger", _entry(ledger, manifest, ticket, known)),
        Step("drop the staging table", f"DROP TABLE {stage}"),
        Step("read the ledger", f"SELECT row_count AS {ROWS} FROM {ledger} WHERE load_key = {literal(ticket.key)}"),
    )
    return _fitting(load.table, script)


def load_errors_query(query_id: int) -> str:
    """Where COPY stopped, and why, of the query: names, types, codes and line numbers; never a value.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
    """
    return (
        "SELECT column_name, column_type, error_code, line_number FROM sys_load_error_detail "
        f"WHERE query_id = {query_id:d} ORDER BY start_time LIMIT 5"
    )


def _checks(load: Load, manifest: Manifest, ticket: Ticket) -> tuple[Step, ...]:
    """Statements that divide by zero, which undoes the transaction, unless something holds."""
    stage, ledger = _stage(load), _ledger(load)
    later = f"scope = {literal(ticket.scope)} AND fence > {ticket.fence:d}"
    checks = [
        Step(SAME_ROWS, _unless(f"COUNT(*) = {manifest.rows:d}", stage)),
        Step(LATEST_OWNER, _unless("COUNT(*) = 0", f"{ledger} WHERE {later}")),
    ]
    if load.keys:
        without = " OR ".join(f"{identifier(key)} IS NULL" for key in load.keys)
        checks.append(Step(WHOLE_KEYS, _unless("COUNT(*) = 0", f"{stage} WHERE {without}")))
    return tuple(checks)


def _unless(holds: str, where: str) -> str:
    return f"SELECT 1 / CASE WHEN {holds} THEN 1 ELSE 0 END AS checked FROM {where}"


def _replaced(load: Load) -> str:
    """Which rows go, as far as the words that begin what else must hold."""
    if load.mode is LoadMode.SWAP:
        return " WHERE "
    table, stage = identifier(load.table.partition(".")[2]), _stage(load)
    same = " AND ".join(f"{table}.{identifier(key)} = {stage}.{identifier(key)}" for key in load.keys)
    return f" USING {stage} WHERE {same} AND "


def _entry(ledger: str, manifest: Manifest, ticket: Ticket, known: str) -> str:
    values = f"{literal(ticket.key)}, {literal(ticket.scope)}, {literal(ticket.run)}"
    return (
        f"INSERT INTO {ledger} (load_key, scope, run, fence, row_count) "
        f"SELECT {values}, {ticket.fence:d}, {manifest.rows:d} WHERE NOT EXISTS ({known})"
    )


def _copy(load: Load, manifest_uri: S3Uri, route: Route) -> str:
    """COPY, which finds the key by itself; columnar files must be in Redshift's own Region, and take no REGION.

    Source: https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
    """
    region = () if load.format is FileFormat.PARQUET else (f"REGION {literal(route.region)}",)
    clauses = (f"COPY {_stage(load)} FROM {literal(str(manifest_uri))}", route.role, "MANIFEST")
    json = ("'auto'",) if load.format is FileFormat.JSON else ()
    (form, *compressed) = _format(load.format, load.compression)
    return " ".join((*clauses, form, *json, *compressed, *region))


def _format(form: FileFormat, compression: Compression) -> tuple[str, ...]:
    compressed = () if compression is Compression.NONE else (compression.value.upper(),)
    return (f"FORMAT AS {form.value.upper()}", *compressed)


def _stage(load: Load) -> str:
    return identifier(f"drx_stage_{load.name}")


def _ledger(load: Load) -> str:
    return identifier(load.table + _LOADS_SUFFIX)


def _fitting(resource: str, script: tuple[Step, ...]) -> tuple[Step, ...]:
    if len(script) > MOST_STATEMENTS:
        raise _refused(resource, f"{len(script)} statements", f"the Data API takes {MOST_STATEMENTS} at once")
    for step in script:
        size_bytes = len(step.sql.encode())
        if size_bytes > MOST_BYTES:
            remedy = f"the Data API takes {MOST_BYTES} bytes a statement: put the query into a view of the database"
            raise _refused(resource, f"{size_bytes} bytes to {step.what}", remedy)
    return script


def _refused(resource: str, came_back: str, remedy: str) -> ConfigurationError:
    return ConfigurationError("write a statement", resource=resource, came_back=came_back, remedy=remedy)
