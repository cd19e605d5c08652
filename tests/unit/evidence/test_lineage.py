"""Datasets by the names that OpenLineage gives them."""

from __future__ import annotations

import pytest

from druid_reindex.evidence.lineage import (
    DatasetName,
    druid_namespace,
    of_folder,
    of_manifest,
    of_source_table,
    of_table,
)
from druid_reindex.model.database import Database
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse

ROLE = "arn:aws:iam::111122223333:role/redshift"
JAR = {"path": "jdbc/postgresql.jar", "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://b-1/a/b", "a/b"),
        ("s3://b-1/a/b/", "a/b"),
        ("s3://b-1", "/"),
        ("s3://b-1/a/{day}/x.json", "a"),
        ("s3://b-1/a/b/day={day}", "a/b"),
        ("s3://b-1/a/2026-*/[ab]", "a"),
        ("s3://b-1/{day}", "/"),
    ],
)
def test_files_are_named_by_their_bucket_and_their_folder(uri: str, name: str) -> None:
    assert of_folder(S3Uri.parse(uri)) == DatasetName("s3://b-1", name)


def test_a_manifest_stands_for_the_files_beside_it() -> None:
    assert of_manifest(S3Uri.parse("s3://b-1/runs/1/files/manifest")) == DatasetName("s3://b-1", "runs/1/files")


def test_a_table_of_redshift_is_named_by_cluster_or_workgroup() -> None:
    cluster = Warehouse(cluster_identifier="bills", database="clinic", role_arns=(ROLE,))
    assert of_table(cluster, "us-east-1", "billing.claims") == DatasetName(
        "redshift://bills.us-east-1:5439", "clinic.billing.claims"
    )
    workgroup = Warehouse(workgroup_name="bills-1", database="clinic", role_arns=(ROLE,))
    assert of_table(workgroup, "us-east-1", "claims") == DatasetName(
        "redshift://bills-1.us-east-1:5439", "clinic.public.claims"
    )


def test_a_table_outside_aws_is_named_by_its_server() -> None:
    database = Database.model_validate(
        {"host": "ehr.clinic.internal", "database": "ehr", "secret_id": "s", "ca_file": "ca.pem", "jars": [JAR]}
    )
    assert of_source_table(database, "records.devices") == DatasetName(
        "postgres://ehr.clinic.internal:5432", "ehr.records.devices"
    )


def test_druid_is_named_as_databases_are() -> None:
    assert druid_namespace("druid.example.org", 9088) == "druid://druid.example.org:9088"
