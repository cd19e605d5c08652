"""An enforcing account whose Redshift runs on a PostgreSQL of its own, and what tests ask of it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from druid_reindex.sandbox import postgres
from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import REGION, Daemons
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import OwnedProcess
from emulated_account import start

CLUSTER, DATABASE, MASTER = "drx", "nights", "druid_reindex"
PHI = "drx-phi-111122223333"
REDSHIFT_ROLE = "arn:aws:iam::111122223333:role/DrxRedshift"
PHI_KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
TARGET = {"ClusterIdentifier": CLUSTER, "Database": DATABASE}
ENDED = {"FINISHED", "FAILED", "ABORTED"}


@dataclass
class Warehouse:
    """The account as its user `operator` sees it."""

    home: SandboxHome
    port: int
    environment: dict[str, str]
    clients: dict[str, Any]

    def client(self, name: str) -> Any:
        """A client that lives as long as the warehouse."""
        if name not in self.clients:
            self.clients[name] = boto3.client(
                name,
                endpoint_url=self.environment["AWS_ENDPOINT_URL"],
                verify=self.environment["AWS_CA_BUNDLE"],
                region_name=REGION,
                aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self.clients[name]

    @property
    def data(self) -> Any:
        return self.client("redshift-data")

    def run(self, sql: str, *, status: str = "FINISHED", **more: Any) -> dict[str, Any]:
        """Run one statement to its end, which has to be `status`."""
        parameters = [{"name": name, "value": value} for name, value in more.pop("given", {}).items()]
        if parameters:
            more["Parameters"] = parameters
        submitted = self.data.execute_statement(Sql=sql, **TARGET, **more)
        found = self.ended(submitted["Id"])
        assert found["Status"] == status, found.get("Error")
        return found

    def batch(self, *sqls: str, status: str = "FINISHED", **more: Any) -> dict[str, Any]:
        """Run a batch to its end, which has to be `status`."""
        found = self.ended(self.data.batch_execute_statement(Sqls=list(sqls), **TARGET, **more)["Id"])
        assert found["Status"] == status, found.get("Error")
        return found

    def ended(self, statement_id: str, seconds: float = 60) -> dict[str, Any]:
        """What DescribeStatement says of it at its end."""
        deadline = time.monotonic() + seconds
        while (found := self.data.describe_statement(Id=statement_id))["Status"] not in ENDED:
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        return dict(found)

    def rows(self, sql: str, **more: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; a null is None."""
        found = self.run(sql, **more)
        pages = self.data.get_paginator("get_statement_result").paginate(Id=found["Id"])
        return [tuple(_value(each) for each in row) for page in pages for row in page["Records"]]

    def failure(self, sql: str, **more: Any) -> str:
        """What is said of a statement that fails."""
        return str(self.run(sql, status="FAILED", **more)["Error"])

    def objects(self, prefix: str, bucket: str = PHI) -> dict[str, int]:
        """The sizes of the objects below the prefix."""
        found = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {each["Key"]: each["Size"] for each in found}

    def read(self, key: str, bucket: str = PHI) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def put(self, key: str, content: bytes | dict[str, Any], bucket: str = PHI) -> str:
        """Write an object under the bucket's key, and return its URI."""
        body = json.dumps(content).encode() if isinstance(content, dict) else content
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"


def _value(field: dict[str, Any]) -> Any:
    return None if "isNull" in field else next(iter(field.values()))


@contextlib.contextmanager
def engine(home: SandboxHome) -> Iterator[int]:
    """PostgreSQL, until the block ends; its port."""
    port = free_port()
    process = OwnedProcess.start(postgres.postgres_service(home, port))
    try:
        process.wait_ready()
        postgres.make_databases(home, port, ())
        yield port
    finally:
        assert process.stop() == 0


@contextlib.contextmanager
def warehouse(folder: Path, *, enforcing: bool = True) -> Iterator[Warehouse]:
    """The account and its Redshift, until the block ends."""
    home = SandboxHome(folder / "home", SandboxHome.from_environment().cache)
    with engine(home) as port:
        account = start(home, Daemons.NONE, enforcing=enforcing, postgres_port=port)
        found = Warehouse(home, port, service.user_environment(home, "operator"), {})
        try:
            yield found
        finally:
            for client in found.clients.values():
                client.close()
            assert account.process.stop() == 0
