"""What is hidden in a real PostgreSQL, in the emulated account, on disk or in a process is found, where it is."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

import hiding_places
from canaries import Canary, Hunt
from census import Census
from druid_reindex.sandbox import postgres
from druid_reindex.sandbox.addresses import free_port
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from druid_reindex.sandbox.processes import OwnedProcess, ServiceSpec
from emulated_account import LOGS, request, shell, start, until

TEXT = "a canary of nineteen"
HUNT = Hunt((Canary("text", TEXT),))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of a sandbox: its home, its checkout, PostgreSQL and the account."""
    folder, port = tmp_path_factory.mktemp("hiding"), free_port()
    home = SandboxHome(folder / "home", SandboxHome.from_environment().cache)
    database = OwnedProcess.start(postgres.postgres_service(home, port))
    account = start(home, Daemons.NONE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in account.environment.items():
            patch.setenv(name, value)
        try:
            database.wait_ready()
            postgres.make_databases(home, port, ())
            yield SimpleNamespace(
                home=home, endpoints=SimpleNamespace(postgres_port=port), checkout=folder / "checkout", census=Census()
            )
        finally:
            assert account.process.stop() == 0
            assert database.stop() == 0


def found(contents: Iterator[tuple[str, bytes]]) -> set[str]:
    search = hiding_places.Search(HUNT)
    search.through("area", contents)
    assert search.looked_at["area"] > 0
    return {place for place, _ in search.found}


def zipped(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", text)
    return packed.getvalue()


COLUMNS = {
    "plain": ("text", f"it is {TEXT}"),
    "document": ("jsonb", json.dumps({"a": [TEXT]})),
    "packed": ("bytea", zlib.compress(TEXT.encode())),
    "encoded": ("text", base64.b64encode(gzip.compress(TEXT.encode())).decode()),
    "harmless": ("text", "it is a canary"),
}


def test_every_value_of_a_database_is_looked_at(sandbox: Any) -> None:
    with postgres.database(sandbox.home, sandbox.endpoints.postgres_port, "airflow").connect() as connection:
        cursor = connection.cursor()
        for name, (kind, value) in COLUMNS.items():
            cursor.execute(f"CREATE TABLE {name} (number int, nothing text, held {kind})")
            cursor.execute(f"INSERT INTO {name} VALUES (1, NULL, %s)", (value,))
    hidden = {f"airflow.{name}" for name in COLUMNS if name != "harmless"}
    assert found(hiding_places.rows(sandbox, "airflow")) == hidden


def test_every_version_of_every_object_is_opened(sandbox: Any) -> None:
    s3 = boto3.client("s3")
    for name, body, described in (
        ("log.gz", gzip.compress(TEXT.encode()), ""),
        ("index.zip", zipped(TEXT), ""),
        ("harmless", b"", ""),
        ("tag", b"", TEXT),
    ):
        s3.put_object(Bucket=LOGS, Key=name, Body=body, Metadata={"what": described})
    s3.put_object(Bucket=LOGS, Key="replaced", Body=TEXT.encode())
    s3.put_object(Bucket=LOGS, Key="replaced", Body=b"nothing")
    assert found(hiding_places.objects()) == {
        f"s3://{LOGS}/{name}" for name in ("log.gz", "index.zip", "tag", "replaced")
    }


def test_tags_steps_and_configurations_are_read(sandbox: Any) -> None:
    emr = boto3.client("emr")
    tagged = emr.run_job_flow(**request(Tags=[{"Key": "a", "Value": TEXT}]))["JobFlowId"]
    stepped = emr.run_job_flow(**request(Steps=[shell(f"echo {TEXT}")]))["JobFlowId"]
    harmless = emr.run_job_flow(**request())["JobFlowId"]
    assert found(hiding_places.clusters()) == {f"cluster {tagged}", f"cluster {stepped}"}
    assert harmless not in {tagged, stepped}


def test_files_tell_whether_others_may_read_them(sandbox: Any) -> None:
    folder = sandbox.checkout
    folder.mkdir()
    for name, mode in (("private", 0o600), ("open", 0o644), (f"{TEXT}.name", 0o600)):
        (folder / name).write_text(TEXT if "name" not in name else "")
        (folder / name).chmod(mode)
    (folder / "packed").write_bytes(zipped(TEXT))
    (folder / "packed").chmod(0o600)
    (folder / "harmless").write_text("nothing")
    below = {place for place in found(hiding_places.files(sandbox)) if place.startswith("checkout/")}
    hidden = {"checkout/private", "checkout/packed", "checkout/open (not private)", f"checkout/{TEXT}.name"}
    assert below == hidden


def test_lines_and_variables_of_processes_are_looked_at(sandbox: Any, tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(30)", str(sandbox.home.root), TEXT)
    log = tmp_path / "log"
    process = OwnedProcess.start(ServiceSpec("one", command, {"HELD": TEXT}, cwd=tmp_path, log=log))
    with sandbox.census.taken(sandbox.home):
        until(lambda: str(("another", f"HELD={TEXT}".encode()) in sandbox.census.variables), "True")
        process.stop()
    assert found(hiding_places.processes(sandbox)) == {"a command line", "HELD of another"}
