"""A PostgreSQL as on premises, TLS alone, with a clinic's visits; and a node with the step that unloads them."""

from __future__ import annotations

import bz2
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from druid_reindex.sandbox import distributions, postgres
from druid_reindex.sandbox.addresses import LOOPBACK
from druid_reindex.sandbox.aws.service import emr_configs
from druid_reindex.sandbox.home import SandboxHome
from redshift_account import engine

DATABASE, READER, PASSWORD = "ehr", "reader", "only the secret has it"
SCRIPT = emr_configs() / "bootstrap" / "unload_jdbc.sh"
PROGRAM = SCRIPT.with_name("UnloadJdbc.java")
OUTPUT = "s3://bucket/unload/visits/1/"
VISITS = 1_000
# Copies between files and pipes; every call is written down with its environment.
AWS = """#!/bin/bash
{ echo "$*"; env; } >> "$S3/calls.txt"
if [[ "$1" == secretsmanager ]]; then cat "$S3/secret.json" && exit; echo "AccessDenied: no" >&2; exit 254; fi
here() { case "$1" in s3://*) echo "$S3/${1#s3://}" ;; -) echo "$2" ;; *) echo "$1" ;; esac; }
source="$(here "${*: -2:1}" /dev/stdin)" target="$(here "${*: -1}" /dev/stdout)"
[[ "$target" == /dev/stdout ]] && { cat "$source"; exit; }
mkdir -p "${target%/*}"; cat "$source" > "$target.unfinished" && mv "$target.unfinished" "$target"
"""
# `odd` is what files make difficult; every seventh visit has no day, every tenth no id.
TABLES = f"""
CREATE SCHEMA clinic;
CREATE TABLE clinic."Visits" (
    id bigint, patient_id text NOT NULL, day date, seen timestamptz, made timestamp, cost numeric(10,2), paid boolean,
    weight float8, odd text, number smallint NOT NULL
);
INSERT INTO clinic."Visits" SELECT
    CASE WHEN n % 10 = 0 THEN NULL ELSE n * 3 END, 'patient ' || n % 7, CASE WHEN n % 7 = 0 THEN NULL ELSE
    DATE '2026-01-01' + n % 90 END, TIMESTAMPTZ '2026-01-01 00:00:00+02' + n * INTERVAL '1 minute',
    TIMESTAMP '2026-01-01 00:00:00.5' + n * INTERVAL '1 second', n * 1.25, n % 2 = 0,
    CASE WHEN n = 5 THEN 'NaN'::float8 ELSE n / 3.0 END,
    CASE n % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'a "b", c\\nd\\\\e' ELSE 'naïve' END, n % 100
    FROM generate_series(1, {VISITS}) AS n;
CREATE TABLE clinic.empty (id bigint);
CREATE TABLE clinic.secrets (id bigint);
CREATE VIEW clinic.broken AS SELECT n AS id, 'SECRET-NAME' || n AS patient_id, 1 / (n - 500) AS quotient
    FROM generate_series(1, 1000) AS n;
CREATE VIEW clinic.endless AS SELECT n::bigint AS id, repeat('SECRET-NAME', 20) || n AS patient_id
    FROM generate_series(1, 2000000) AS n;
CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}';
GRANT USAGE ON SCHEMA clinic TO {READER};
GRANT SELECT ON clinic."Visits", clinic.empty, clinic.broken, clinic.endless TO {READER};
"""


@dataclass
class Clinic:
    """The database as its owner sees it."""

    home: SandboxHome
    port: int

    def run(self, statement: str, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """Run a statement, and return its rows."""
        owner = postgres.Database(database, postgres.SUPERUSER, self.port, self.home)
        with owner.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []


@contextlib.contextmanager
def clinic(home: SandboxHome) -> Iterator[Clinic]:
    """PostgreSQL with the clinic's database, until the block ends."""
    with engine(home) as port:
        yield filled(home, port)


def filled(home: SandboxHome, port: int) -> Clinic:
    """The clinic's database, new in the PostgreSQL that listens there."""
    found = Clinic(home, port)
    found.run(f"CREATE DATABASE {DATABASE}", postgres.SUPERUSER)
    found.run(TABLES)
    return found


def place(path: Path) -> dict[str, str]:
    """The file in the node's bucket, and its digest."""
    return {"url": f"s3://bucket/{path.name}", "sha256": sha256(path.read_bytes()).hexdigest()}


@dataclass
class Node:
    """A node with Java, its S3 in a directory, and a spec."""

    root: Path
    clinic: Clinic
    spec: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        program = self.root / "bin" / "aws"
        program.parent.mkdir(parents=True)
        program.write_text(AWS)
        program.chmod(0o755)
        (self.root / "tmp").mkdir()
        (self.root / "bucket/spec").mkdir(parents=True)
        self.jars = sorted(distributions.jdbc(self.clinic.home, print).glob("*.jar"))
        for file in (PROGRAM, *self.jars):
            (self.root / "bucket" / file.name).symlink_to(file)
        self.secret({"username": READER, "password": PASSWORD})

    def secret(self, held: object) -> None:
        """What the secret holds from now on."""
        (self.root / "secret.json").write_text(json.dumps({"SecretString": json.dumps(held)}))

    def ask(self, **changes: Any) -> None:
        """Put a spec of all visits, with `changes`."""
        self.spec = {
            "protocol": 1,
            "database": {"host": LOOPBACK, "port": self.clinic.port, "name": DATABASE},
            "secret_id": "druid-reindex/databases/phi/ehr",
            "ca": self.clinic.home.ca_file.read_text(),
            "program": place(PROGRAM),
            "jars": [place(jar) for jar in self.jars],
            "source": {"table": "clinic.Visits", "columns": ["id", "patient_id", "odd"]},
            "split": {"column": "id", "parts": 4},
            "connections": 2,
            "fetch_rows": 100,
            "format": "json",
            "label": "drx_visits",
            "output": OUTPUT,
            "kms_key_arn": "arn:aws:kms:us-east-1:111122223333:key/1",
        } | changes
        (self.root / "bucket/spec/spec.json").write_text(json.dumps(self.spec))

    def start(self) -> subprocess.Popen[str]:
        """The step, begun."""
        path = os.pathsep.join([f"{self.root}/bin", str(Path(sys.executable).parent), "/usr/bin", "/bin"])
        return subprocess.Popen(
            ["bash", str(SCRIPT), "s3://bucket/spec/spec.json", "us-east-1"],
            env={"PATH": path, "S3": str(self.root), "TMPDIR": str(self.root / "tmp")},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self) -> subprocess.CompletedProcess[str]:
        """The step, ended."""
        process = self.start()
        out, said = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, said)

    @property
    def result(self) -> dict[str, Any]:
        """What the step has left beside its spec."""
        return dict(json.loads((self.root / "bucket/spec/result.json").read_text()))

    @property
    def files(self) -> Path:
        """Where the files are to lie."""
        return self.root / OUTPUT.removeprefix("s3://")

    def lines(self) -> list[str]:
        """The lines of all files that the manifest lists."""
        manifest = json.loads((self.files / "manifest").read_text())
        files = [self.root / entry["url"].removeprefix("s3://") for entry in manifest["entries"]]
        return [line for file in files for line in bz2.decompress(file.read_bytes()).decode().split("\n")[:-1]]

    def rows(self) -> list[dict[str, Any]]:
        """The rows of JSON of all files, sorted."""
        return sorted((json.loads(line) for line in self.lines()), key=lambda row: json.dumps(row, sort_keys=True))
