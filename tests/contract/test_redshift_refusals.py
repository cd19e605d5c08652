"""What must end an unload, a load or the tokens of a night: each with a clear error, and nothing changed."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from druid_reindex.clients.redshift import RedshiftClient
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import Load, Token, TokenKey, Unload
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.prepare import TokeniseFilesOperator
from druid_reindex.operators.redshift import LoadRedshiftOperator, UnloadRedshiftOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.plan import names
from druid_reindex.sandbox.aws.account import key_arn
from emulated_account import until
from night_world import World, make
from redshift_account import MASTER, PHI, Warehouse
from warehouse_night import UNATTESTED, USER, as_owner, night_on

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
READ = "unload/patient_claims.sql"  # a plan takes the text of what is unloaded into the pipeline's definition
UNLOAD = Unload.model_validate({"name": "visits", "sql": "unload/visits.sql", "format": "json"})
QUERY = "SELECT id, patient_id FROM ward.visits"
LOAD = Load.model_validate({
    "name": "visits", "table": "ward.loaded", "columns": ["id", "patient_id"], "mode": "swap", "format": "json",
    "compression": "gzip",
})  # fmt: skip
SECRET_NAME = "SECRET-NAME"
VISITS = 20
TOKEN_SECRET = "druid-reindex/tokens/phi/refusals"


@pytest.fixture(scope="module")
def ward(warehouse: Warehouse) -> Warehouse:
    """The Redshift with visits, which the nights' user may read, and a table of its own that holds one row."""
    with night_on(warehouse):
        pass
    warehouse.run("CREATE SCHEMA ward", DbUser=MASTER)
    warehouse.run("CREATE TABLE ward.visits (id int, patient_id varchar(40))", DbUser=MASTER)
    for number in range(VISITS):
        warehouse.run(f"INSERT INTO ward.visits VALUES ({number}, '{SECRET_NAME} {number}')", DbUser=MASTER)
    return warehouse


@pytest.fixture
def night(ward: Warehouse) -> Iterator[World]:
    with night_on(ward) as world:
        alone(world, "meet", sql="SELECT 1 AS id")  # the first statement makes its user
        for what in ("USAGE, CREATE ON SCHEMA ward", "SELECT ON ward.visits"):
            ward.run(f'GRANT {what} TO "{USER}"', DbUser=MASTER)
        yield world


def alone(
    world: World, name: str, *, sql: str = QUERY, settings: NightSettings = UNATTESTED, **changes: Any
) -> dict[str, Any]:
    """The task of the unload, in a DAG without a plan."""
    unload = UNLOAD.model_copy(update={"name": name, **changes})
    task = make(UnloadRedshiftOperator, f"unload_{name}", unload=unload, settings=settings, leased=False)
    task.sql = sql
    return dict(world.run(task))


def load(world: World, manifest_uri: str, of: Load = LOAD, **options: Any) -> dict[str, Any]:
    """The task of the load, in a DAG without a plan."""
    options = {"settings": UNATTESTED, "leased": False} | options
    return dict(world.run(make(LoadRedshiftOperator, "load_visits", load=of, manifest_uri=manifest_uri, **options)))


def refused(task: Callable[[], object], told: str) -> str:
    """What the task says when it gives up for good; never a value of a row."""
    with pytest.raises(AirflowFailException) as failed:
        task()
    said = str(failed.value)
    assert re.search(told, said), said
    assert "What to do:" in said
    assert SECRET_NAME not in said
    return said


def records(ward: Warehouse, world: World, folder: str) -> list[str]:
    """What stands below the run's folder."""
    task = make(UnloadRedshiftOperator, "x", unload=UNLOAD, settings=UNATTESTED, leased=False)
    prefix = names.run_prefix(UNATTESTED.boundary, task.run_identity(world.context())) / folder
    return sorted(ward.objects(prefix.key))


def statements(ward: Warehouse) -> int:
    """How many batches were ever submitted."""
    pages = ward.data.get_paginator("list_statements").paginate(RoleLevel=False)
    return sum(len(page["Statements"]) for page in pages)


@pytest.fixture
def loaded(ward: Warehouse, night: World) -> Iterator[list[tuple[Any, ...]]]:
    """What the table held before, and must hold after."""
    define = "CREATE TABLE IF NOT EXISTS ward.loaded (id int, patient_id varchar(40))"
    ward.run(define, DbUser=MASTER)
    ward.run(f'ALTER TABLE ward.loaded OWNER TO "{USER}"', DbUser=MASTER)
    ward.run("DELETE FROM ward.loaded", DbUser=MASTER)
    ward.run("INSERT INTO ward.loaded VALUES (1, 'there before')", DbUser=MASTER)
    yield [(1, "there before")]
    assert ward.rows("SELECT id, patient_id FROM ward.loaded", DbUser=MASTER) == [(1, "there before")]


def files(ward: Warehouse, folder: str, *rows: dict[str, Any]) -> str:
    """A manifest of one file of rows."""
    body = gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode())
    url = ward.put(f"runs/refusals/{folder}/rows.json.gz", body)
    entry = {"url": url, "meta": {"content_length": len(body), "record_count": len(rows)}}
    return ward.put(f"runs/refusals/{folder}/manifest", {"entries": [entry]})


ROW = {"id": 7, "patient_id": f"{SECRET_NAME} 7"}


@contextmanager
def without_key(ward: Warehouse) -> Iterator[None]:
    """Redshift's role may not use the key of protected data."""
    iam, policy = ward.client("iam"), {"RoleName": "DrxRedshift", "PolicyName": "redshift"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    kept = [each for each in document["Statement"] if each["Sid"] != "UseDataKey"]
    assert len(kept) == len(document["Statement"]) - 1
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document | {"Statement": kept}))
    try:
        yield
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))


def test_a_role_without_the_key_unloads_nothing(ward: Warehouse, night: World) -> None:
    with without_key(ward):
        refused(lambda: alone(night, "keyless"), "(KMS|S3) refused the role.*key's policy")
    assert records(ward, night, "unload/keyless") == []
    assert alone(night, "keyless")["rows"] == VISITS


def test_a_role_without_the_key_loads_nothing(ward: Warehouse, night: World, loaded: object) -> None:
    manifest = files(ward, "keyless", ROW)
    with without_key(ward):
        refused(lambda: load(night, manifest), "(KMS|S3) refused the role.*key's policy")
    assert not [name for name in records(ward, night, "load") if name.endswith("result.json")]


def test_a_bucket_in_another_region_than_the_boundarys(ward: Warehouse, night: World, loaded: object) -> None:
    """UNLOAD and COPY name the Region; where it is not the bucket's, S3 sends them away."""
    settings = replace(UNATTESTED, boundaries=UNATTESTED.boundaries.model_copy(update={"region": "us-west-2"}))
    manifest = files(ward, "region", ROW)
    refused(lambda: alone(night, "region", settings=settings), "the bucket is in another Region.*write the bucket's")
    refused(lambda: load(night, manifest, settings=settings), "the bucket is in another Region.*write the bucket's")
    assert records(ward, night, "unload/region") == []


def test_a_bucket_of_a_copy_in_another_region(ward: Warehouse, night: World) -> None:
    abroad = "s3://drx-phi-replica-111122223333/"
    boundary = UNATTESTED.boundary.model_copy(update={"data_uri": abroad, "runs_uri": f"{abroad}runs/"})
    boundaries = UNATTESTED.boundaries.model_copy(update={"phi": boundary})
    settings = replace(UNATTESTED, boundaries=boundaries)
    before = statements(ward)
    refused(lambda: alone(night, "abroad", settings=settings), f"{abroad}runs/.*403.*the bucket's policy")
    assert statements(ward) == before


@pytest.mark.parametrize("when", ["before", "after it was looked at"])
def test_a_manifest_that_lists_a_missing_file(
    ward: Warehouse, night: World, loaded: object, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    manifest = files(ward, f"missing-{when.split(maxsplit=1)[0]}", ROW)
    key = manifest.removeprefix(f"s3://{PHI}/").replace("manifest", "rows.json.gz")

    def delete() -> None:
        ward.client("s3").delete_object(Bucket=PHI, Key=key)

    if when == "before":
        delete()
        refused(lambda: load(night, manifest), f"{key}.*404")
        return
    submit = RedshiftClient.submit

    def just_gone(self: RedshiftClient, name: str, statements: Sequence[str], *, token: str) -> str:
        if "_load_" in name:
            delete()
        return submit(self, name, statements, token=token)

    monkeypatch.setattr(RedshiftClient, "submit", just_gone)
    refused(lambda: load(night, manifest), f"{key}.*404")


def test_a_column_that_has_changed_its_type(ward: Warehouse, night: World, loaded: object) -> None:
    manifest = files(ward, "changed", ROW, {"id": f"{SECRET_NAME} as a number", "patient_id": "p"})
    said = refused(lambda: load(night, manifest), "the rows do not fit the columns")
    assert re.search(r"column id \(int\w*\s*\), error 1207, line 2", said), said


def test_a_table_whose_column_has_changed_its_type(ward: Warehouse, night: World) -> None:
    manifest = files(ward, "narrowed", ROW)
    table = "ward.narrowed"
    ward.run(f"CREATE TABLE {table} (id int, patient_id date)", DbUser=MASTER)
    ward.run(f'ALTER TABLE {table} OWNER TO "{USER}"', DbUser=MASTER)
    said = refused(
        lambda: load(night, manifest, LOAD.model_copy(update={"table": table})), "the rows do not fit the columns"
    )
    assert "column patient_id" in said
    assert ward.rows(f"SELECT count(*) FROM {table}", DbUser=MASTER) == [(0,)]


def test_a_statement_of_101_kilobytes(ward: Warehouse, night: World) -> None:
    before = statements(ward)
    long = f"SELECT id FROM ward.visits WHERE patient_id <> '{'x' * 101 * 1024}'"
    refused(lambda: alone(night, "long", sql=long), "100,?000 bytes|100 KB")
    assert statements(ward) == before
    assert records(ward, night, "unload/long") == []


CLAIMS = UNLOAD.model_copy(
    update={"name": "claims", "tokens": (Token(column="patient_id", kind="patient", name="patient_token"),)}
)


@pytest.fixture
def key(ward: Warehouse) -> TokenKey:
    """A key of tokens, in its first version."""
    with as_owner(ward, "secretsmanager") as secrets:
        text = "the first key of all"
        made = secrets.create_secret(Name=TOKEN_SECRET, SecretString=text, KmsKeyId=key_arn("DruidKey"))
    return TokenKey(secret_id=TOKEN_SECRET, version_id=made["VersionId"])


def test_a_token_key_that_is_rotated_in_mid_run(ward: Warehouse, night: World, key: TokenKey) -> None:
    twice = [CLAIMS.model_copy(update={"name": name, "sql": READ}) for name in ("claims", "devices")]
    changes = {
        "datasource": "patient_rotated",  # no other test holds its lease
        "unloads": [each.model_dump() for each in twice],
        "token_key": key.model_dump(),
        "inputs": [{"type": "datasource", "datasource": "patient_vitals"},
                   *({"type": "static", "unload": each.name, "format": "json"} for each in twice)],
    }  # fmt: skip
    settings = replace(UNATTESTED, pipeline=Pipeline.model_validate(UNATTESTED.pipeline.model_dump() | changes))

    def run(kind: type[NightOperator], task_id: str, **options: Any) -> Any:
        task: Any = make(kind, task_id, settings=settings, **options)
        if isinstance(task, UnloadRedshiftOperator):
            task.sql = QUERY
        return night.run(task)

    run(PlanNightOperator, "plan")
    for unload in twice:
        run(UnloadRedshiftOperator, f"unload_{unload.name}", unload=unload)
    cluster_id = run(LaunchEmrClusterOperator, "cluster_up")["cluster_id"]
    try:
        first = run(TokeniseFilesOperator, "prepare_claims", unload=twice[0])
        assert (first["rows"], first["key_version"]) == (VISITS, key.version_id)
        with as_owner(ward, "secretsmanager") as secrets:
            made = secrets.put_secret_value(SecretId=TOKEN_SECRET, SecretString="another, new key")
        refused(
            lambda: run(TokeniseFilesOperator, "prepare_devices", unload=twice[1]),
            f"key's version is {made['VersionId']}, not {key.version_id}.*ingest all data anew",
        )
    finally:
        run(TerminateEmrClusterOperator, "cluster_down")
    prepared = records(ward, night, "prepared/devices")
    assert [name.rpartition("/")[2] for name in prepared] == ["result.json", "spec.json"]
    assert not [name for name in records(ward, night, "prepared") if name.endswith("devices/result.json")]
    assert night.druid.submitted == []
    emr = ward.client("emr")
    until(lambda: str(emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"]), "TERMINATED")
