"""A database's rows in a night: by the real operators, a step of an emulated cluster, and the policies of its role."""

from __future__ import annotations

import bz2
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from clinic_database import DATABASE, PASSWORD, READER, VISITS, Clinic, filled
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.pipeline import Pipeline
from druid_reindex.model.transfer import TokenKey, Unload
from druid_reindex.model.uri import S3Uri
from druid_reindex.operators.cluster import LaunchEmrClusterOperator, TerminateEmrClusterOperator
from druid_reindex.operators.inputs import read_inputs
from druid_reindex.operators.jdbc import UnloadJdbcOperator
from druid_reindex.operators.night import NightOperator
from druid_reindex.operators.plan import PlanNightOperator
from druid_reindex.operators.prepare import TokeniseFilesOperator
from druid_reindex.operators.reindex import ReindexSegmentsOperator
from druid_reindex.operators.settings import NightSettings
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.sandbox import distributions
from druid_reindex.sandbox.aws.account import key_arn
from druid_reindex.sandbox.tokens import token
from emulated_account import ARTIFACTS, until
from jdbc_source import TABLE, configs_with_database
from night_world import World, make
from redshift_account import Warehouse
from warehouse_night import UNATTESTED, as_owner, night_on

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
LOGIN, KEY = "druid-reindex/databases/phi/ehr", "druid-reindex/tokens/phi/visits"
KEY_TEXT = "the key of the visits' tokens"
UNLOAD: dict[str, Any] = TABLE | {
    "jdbc": {
        "database": "ehr", "table": "clinic.Visits", "columns": ["id", "patient_id", "day"], "split_column": "id",
        "parts": 2,
    },
    "tokens": [{"column": "patient_id", "kind": "patient", "name": "patient_token"}],
}  # fmt: skip


@dataclass
class Site:
    """The account, the database beside it, and what the account's owner has made for it."""

    warehouse: Warehouse
    clinic: Clinic
    settings: NightSettings


@pytest.fixture(scope="module")
def site(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    clinic = filled(warehouse.home, warehouse.port)
    jars = []
    s3 = warehouse.client("s3")
    with as_owner(warehouse, "secretsmanager") as secrets:
        for jar in sorted(distributions.jdbc(warehouse.home, print).glob("*.jar")):
            s3.put_object(Bucket=ARTIFACTS, Key=f"jdbc/{jar.name}", Body=jar.read_bytes())
            jars.append({"path": f"jdbc/{jar.name}", "sha256": sha256(jar.read_bytes()).hexdigest()})
        login = json.dumps({"username": READER, "password": PASSWORD})
        secrets.create_secret(Name=LOGIN, SecretString=login, KmsKeyId=key_arn("DruidKey"))
        key = secrets.create_secret(Name=KEY, SecretString=KEY_TEXT, KmsKeyId=key_arn("DruidKey"))
        place = {"host": "127.0.0.1", "port": clinic.port, "database": DATABASE, "secret_id": LOGIN, "jars": jars}
        configs = configs_with_database(tmp_path_factory.mktemp("site"), **place)
        (configs / "databases/ehr_ca.pem").write_text(warehouse.home.ca_file.read_text())
        changes = {
            "datasource": "patient_snapshot",
            "inputs": [{"type": "datasource", "datasource": "patient_vitals"},
                       {"type": "static", "unload": "visits", "format": "json"}],
            "unloads": [UNLOAD],
            "token_key": TokenKey(secret_id=KEY, version_id=key["VersionId"]).model_dump(),
        }  # fmt: skip
        pipeline = Pipeline.model_validate(UNATTESTED.pipeline.model_dump() | changes)
        yield Site(
            warehouse,
            clinic,
            replace(UNATTESTED, pipeline=pipeline, configs=configs, boundaries=load_boundaries(configs)),
        )
        for name in (LOGIN, KEY):
            secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@dataclass
class Night:
    """A planned night with its cluster."""

    site: Site
    world: World

    def run(self, kind: type[NightOperator], task_id: str, **options: Any) -> Any:
        """What the task returns."""
        return self.world.run(make(kind, task_id, **{"settings": self.site.settings} | options))

    def unload(self, **changes: Any) -> dict[str, Any]:
        """The task of the unload, with changes to its ``jdbc``."""
        unload = Unload.model_validate(UNLOAD | {"jdbc": UNLOAD["jdbc"] | changes})
        return dict(self.run(UnloadJdbcOperator, "unload_visits", unload=unload))

    def rows(self, manifest_uri: str) -> list[dict[str, Any]]:
        """The rows of the files that the manifest lists."""
        uri = S3Uri.parse(manifest_uri)
        below = S3Uri(uri.bucket, uri.key.rpartition("/")[0])
        manifest = read_manifest(uri, self.site.warehouse.read(uri.key), below=below)
        bodies = (bz2.decompress(self.site.warehouse.read(file.uri.key)) for file in manifest.files)
        return [json.loads(line) for body in bodies for line in body.splitlines()]


@pytest.fixture(scope="module")
def night(site: Site) -> Iterator[Night]:
    with night_on(site.warehouse, site.settings) as world:
        found = Night(site, world)
        found.run(PlanNightOperator, "plan")
        cluster_id = found.run(LaunchEmrClusterOperator, "cluster_up")["cluster_id"]
        yield found
        found.run(TerminateEmrClusterOperator, "cluster_down")
        emr = site.warehouse.client("emr")
        until(lambda: str(emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"]), "TERMINATED")


def test_rows_come_from_the_database_to_the_batch_as_tokens(night: Night) -> None:
    told = night.unload()
    assert (told["rows"], told["files"]) == (VISITS, 3)
    assert night.unload() == told
    held = night.site.clinic.run('SELECT id, patient_id, CAST(day AS text) FROM clinic."Visits"')
    made = [(row["id"], row["patient_id"], row["day"]) for row in night.rows(told["manifest_uri"])]
    assert sorted(made, key=str) == sorted(held, key=str)

    unload = Unload.model_validate(UNLOAD)
    prepared = night.run(TokeniseFilesOperator, "prepare_visits", unload=unload)
    tokens = {row["patient_token"] for row in night.rows(prepared["manifest_uri"])}
    assert tokens == {token(KEY_TEXT.encode(), "patient", f"patient {n}") for n in range(7)}
    task = make(ReindexSegmentsOperator, "reindex", batch=0, settings=night.site.settings)
    assert read_inputs(task, night.world.context()).file_rows == VISITS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"secret_id": "druid-reindex/certificate-authority/phi"}, r"AccessDenied.*let the clusters' role read"),
        ({"host": "127.1"}, "not for this host.*name the CA"),
    ],
)
def test_what_the_role_or_tls_refuses_ends_the_task_and_leaves_the_record_as_it_was(
    night: Night, change: dict[str, Any], told: str
) -> None:
    before = night.unload()
    settings = night.site.settings
    database = settings.boundary.databases["ehr"].model_copy(update=change)
    boundary = settings.boundary.model_copy(update={"databases": {"ehr": database}})
    other = replace(settings, boundaries=settings.boundaries.model_copy(update={"phi": boundary}))
    with pytest.raises(AirflowFailException, match=told):
        night.run(UnloadJdbcOperator, "unload_visits", unload=Unload.model_validate(UNLOAD), settings=other)
    assert night.unload() == before
