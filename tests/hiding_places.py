"""Where something that must not be there could lie after a night: every place of a running sandbox, searched.

A place is named as people would find it: `airflow.xcom`, `druid.druid_tasks`, `s3://bucket/key`, a file's path below
the sandbox's folder. What is found is a pair of place and canary, never the value.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from psycopg2 import sql

from canaries import Hunt
from druid_reindex.clients.druid_http import client_arguments
from druid_reindex.sandbox import postgres
from druid_reindex.sandbox.aws.service import access_key
from druid_reindex.sandbox.aws.site import ACCOUNT
from druid_reindex.sandbox.druid_security import admin_config
from druid_reindex.sandbox.home import SandboxHome
from real_sandbox import Sandbox

# Public programs, put there by digest before any night; half a gigabyte that says nothing about this one.
PROGRAMS = (".jar", ".so", ".pyc", ".tar.gz")
READERS = 4
TASK_PARTS = ("", "/status", "/log", "/reports")
Contents = Iterator[tuple[str, bytes]]
# As whom tests act sees logs alone; whoever searches sees all. What the owner may do, keys do not let him; those of the
# trail and of the evidence let nobody read but the auditor, whom the searcher may become.
SEARCHER, SEARCHES, AUDITOR = "operator", "search", "DrxAuditor"
AUDITED = tuple(f"drx-{kind}-{ACCOUNT}" for kind in ("trail", "evidence"))
SEES_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass
class Search:
    """What was found where, and how many things were looked at in each area."""

    hunt: Hunt
    found: set[tuple[str, str]] = field(default_factory=set)
    looked_at: dict[str, int] = field(default_factory=dict)

    def through(self, area: str, contents: Contents) -> None:
        """Look at all of it."""
        for place, content in contents:
            self.looked_at[area] = self.looked_at.get(area, 0) + 1
            self.found |= {(place, name) for name in self.hunt.within(content)}


@contextlib.contextmanager
def seeing_all(home: SandboxHome) -> Iterator[None]:
    """Let the operator, as whom tests act, see everything while the block runs; the account's owner says so."""
    key = access_key(home, "owner")
    iam = boto3.client("iam", aws_access_key_id=key.id, aws_secret_access_key=key.secret)
    said = json.dumps({"Version": "2012-10-17", "Statement": [SEES_ALL]})
    iam.put_user_policy(UserName=SEARCHER, PolicyName=SEARCHES, PolicyDocument=said)
    trusted = iam.get_role(RoleName=AUDITOR)["Role"]["AssumeRolePolicyDocument"]
    searcher = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{SEARCHER}"},
        "Action": "sts:AssumeRole",
    }
    trusting = json.dumps({"Version": "2012-10-17", "Statement": [searcher]})
    iam.update_assume_role_policy(RoleName=AUDITOR, PolicyDocument=trusting)
    iam.put_role_policy(RoleName=AUDITOR, PolicyName=SEARCHES, PolicyDocument=said)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=AUDITOR, PolicyName=SEARCHES)
        iam.update_assume_role_policy(RoleName=AUDITOR, PolicyDocument=json.dumps(trusted))
        iam.delete_user_policy(UserName=SEARCHER, PolicyName=SEARCHES)


def everywhere(sandbox: Sandbox, hunt: Hunt) -> Search:
    """Search everything that the sandbox's nights may have left a trace in."""
    search = Search(hunt)
    areas: dict[str, Callable[[Sandbox], Contents]] = {
        "Airflow's database": lambda each: rows(each, "airflow"),
        "Druid's metadata": lambda each: rows(each, "druid"),
        "Druid's tasks": druid_tasks,
        "EMR": lambda _: clusters(),
        "S3": lambda _: objects(),
        "disk": files,
        "processes": processes,
    }
    for area, contents in areas.items():
        search.through(area, contents(sandbox))
    return search


def rows(sandbox: Sandbox, database: str) -> Contents:
    """Yield every value of every table."""
    reached = postgres.database(sandbox.home, sandbox.endpoints.postgres_port, database)
    with reached.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
            for row in cursor:
                yield from ((f"{database}.{table}", as_bytes(value)) for value in row if value is not None)


def as_bytes(value: Any) -> bytes:
    """Return a column's value, or an answer of AWS, as text or as the bytes that it is."""
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return value.encode() if isinstance(value, str) else json.dumps(value, default=str).encode()


def druid_tasks(sandbox: Sandbox) -> Contents:
    """Yield the payload, status, log and reports of every task, as Druid's API gives them."""
    admin = admin_config(sandbox.home, sandbox.endpoints)
    with httpx.Client(**client_arguments(admin), base_url=admin.overlord_url) as overlord:
        listed = overlord.get("/druid/indexer/v1/tasks").raise_for_status()
        yield "druid tasks", listed.content
        for task in listed.json():
            for part in TASK_PARTS:
                answer = overlord.get(f"/druid/indexer/v1/task/{task['id']}{part}")
                yield f"druid task {task['id']}{part}", answer.content


def clusters() -> Contents:
    """Yield what EMR tells of every cluster, its tags, steps and security configuration."""
    emr = boto3.client("emr")
    for listed in emr.list_clusters()["Clusters"]:
        place = f"cluster {listed['Id']}"
        yield place, as_bytes(emr.describe_cluster(ClusterId=listed["Id"])["Cluster"])
        for asked in (emr.list_steps, emr.list_bootstrap_actions, emr.list_instances):
            yield place, as_bytes(asked(ClusterId=listed["Id"]))
    for listed in emr.list_security_configurations()["SecurityConfigurations"]:
        yield (
            f"security configuration {listed['Name']}",
            as_bytes(emr.describe_security_configuration(Name=listed["Name"])),
        )


def objects() -> Contents:
    """Yield every version of every object as S3 opens it, and its metadata."""
    s3, audited = boto3.client("s3"), as_auditor()

    def opened(version: dict[str, str]) -> tuple[str, bytes, bytes]:
        got = (audited if version["Bucket"] in AUDITED else s3).get_object(**version)
        return f"s3://{version['Bucket']}/{version['Key']}", as_bytes(got["Metadata"]), got["Body"].read()

    with ThreadPoolExecutor(READERS) as readers:
        for place, metadata, body in readers.map(opened, list(_versions(s3))):
            yield place, metadata
            yield place, body


def as_auditor() -> Any:
    """S3 as the auditor sees it."""
    role = f"arn:aws:iam::{ACCOUNT}:role/{AUDITOR}"
    given = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName=SEARCHES)["Credentials"]
    return boto3.client(
        "s3",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def _versions(s3: Any) -> Iterator[dict[str, str]]:
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for each in page.get("Versions", []):
                if not each["Key"].endswith(PROGRAMS):
                    yield {"Bucket": bucket, "Key": each["Key"], "VersionId": each["VersionId"]}


def files(sandbox: Sandbox) -> Contents:
    """Yield name and content of every file below the folder of the sandbox, its checkout and its temporary files.

    One that goes while it is looked for is not left behind. Redshift's own database has its name for a folder.
    """
    top = sandbox.checkout.parent
    redshift = f"base/{_number_of(sandbox, 'redshift')}/"
    for path in sorted(top.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.name.endswith(PROGRAMS):
            with contextlib.suppress(FileNotFoundError):
                place = placed(path, top).replace(redshift, "base/redshift/")
                yield place, path.name.encode()
                yield place, path.read_bytes()


def _number_of(sandbox: Sandbox, database: str) -> int:
    """Return what PostgreSQL calls the folder of the database."""
    reached = postgres.database(sandbox.home, sandbox.endpoints.postgres_port, database)
    with reached.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_database WHERE datname = %s", (database,))
        ((number,),) = cursor.fetchall()
        return int(number)


def placed(path: Path, top: Path) -> str:
    """Return the path below the sandbox's folder, and whether others than its owner may read it."""
    return f"{path.relative_to(top)}{'' if path.stat().st_mode & 0o077 == 0 else ' (not private)'}"


def processes(sandbox: Sandbox) -> Contents:
    """Yield each command line, and each variable of a process under its name."""
    yield from (("a command line", line) for line in sandbox.census.lines)
    for kind, variable in sandbox.census.variables:
        yield f"{variable.partition(b'=')[0].decode(errors='replace')} of {kind}", variable
