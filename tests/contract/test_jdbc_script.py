"""`emr_configs/bootstrap/unload_jdbc.sh` with real Java and the real driver, against a real PostgreSQL over TLS."""

from __future__ import annotations

import csv
import io
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clinic_database import OUTPUT, PASSWORD, READER, VISITS, Clinic, Node, clinic
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.home import SandboxHome

COLUMNS = ["id", "patient_id", "day", "seen", "made", "cost", "paid", "weight", "odd", "number"]
PLAIN = {"table": "clinic.Visits", "columns": ["id", "patient_id", "odd"]}
WHOLE = {"table": "clinic.Visits", "columns": COLUMNS}
NO_DRIVER = (
    "the program cannot be compiled: it needs the driver's jar, and a JDK of Java 17 or Eclipse's compiler among the "
    "jars"
)
# Java without its compiler.
RUNTIME_ALONE = """#!/bin/bash
if [[ "$1" == --list-modules ]]; then /usr/bin/env -i PATH=/usr/bin:/bin java "$1" | grep -v jdk.compiler; exit; fi
exec /usr/bin/env PATH=/usr/bin:/bin java "$@"
"""
BUSY = "SELECT pid FROM pg_stat_activity WHERE application_name = 'drx_visits' AND query LIKE '%endless%'"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    home = SandboxHome(tmp_path_factory.mktemp("clinic") / "home", SandboxHome.from_environment().cache)
    with clinic(home) as found:
        yield found


@pytest.fixture
def node(tmp_path: Path, database: Clinic) -> Node:
    return Node(tmp_path, database)


def expected(database: Clinic, columns: str = "*") -> list[dict[str, Any]]:
    """The rows as PostgreSQL itself makes JSON of them, with times in UTC."""
    found = database.run(f'SELECT to_json(v) FROM (SELECT {columns} FROM clinic."Visits") AS v')
    return sorted((row[0] for row in found), key=lambda row: json.dumps(row, sort_keys=True))


def test_every_row_is_there_once_and_the_manifest_is_one_that_loads_read(node: Node, database: Clinic) -> None:
    node.ask(source=WHOLE)
    done = node.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert node.result == {"protocol": 1, "exit_code": 0, "rows": VISITS, "files": 5}
    instant = 'to_char(seen, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\') AS seen'
    assert node.rows() == expected(database, ", ".join(instant if name == "seen" else name for name in COLUMNS))
    prefix = S3Uri.parse(OUTPUT)
    manifest = read_manifest(prefix / "manifest", (node.files / "manifest").read_bytes(), below=prefix)
    assert [file.rows for file in manifest.files] == [225, 225, 225, 225, 100]
    sizes = [(node.root / file.uri.bucket / file.uri.key).stat().st_size for file in manifest.files]
    assert [file.size_bytes for file in manifest.files] == sizes


@pytest.mark.parametrize(
    ("source", "split", "files"),
    [
        pytest.param(PLAIN, {"column": "day", "parts": 2}, 3, id="days"),
        pytest.param(PLAIN, {"column": "seen", "parts": 2}, 3, id="instants", marks=pytest.mark.soak),
        pytest.param(PLAIN, {"column": "made", "parts": 2}, 3, id="timestamps", marks=pytest.mark.soak),
        pytest.param(PLAIN, {"column": "number", "parts": 3}, 3, id="not null", marks=pytest.mark.soak),
        pytest.param(
            {"query": 'SELECT id, patient_id, odd FROM clinic."Visits" -- all'},
            {"column": "id", "parts": 3, "lower": "100", "upper": "200"},
            4,
            id="a query with bounds that rows exceed",
        ),
    ],
)
def test_parts_are_all_rows(node: Node, database: Clinic, source: Any, split: Any, files: int) -> None:
    node.ask(source=source, split=split)
    done = node.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert node.result["files"] == files
    assert node.rows() == expected(database, "id, patient_id, odd")


def test_without_rows_there_is_a_manifest_without_rows(node: Node) -> None:
    node.ask(source={"table": "clinic.empty", "columns": ["id"]})
    assert node.run().returncode == 0
    assert (node.result["rows"], node.lines()) == (0, [])


def test_csv_has_the_columns_in_their_order(node: Node, database: Clinic) -> None:
    query = "SELECT id, replace(odd, chr(10), ' ') AS odd, paid, patient_id FROM clinic.\"Visits\""
    node.ask(source={"query": query}, split=None, format="csv")
    assert node.run().returncode == 0
    made = sorted(csv.reader(io.StringIO("\n".join(node.lines()) + "\n")))
    wanted = database.run(
        f"SELECT id, odd, CASE WHEN paid THEN 'true' ELSE 'false' END, patient_id FROM ({query}) AS v"
    )
    assert made == sorted(["" if value is None else str(value) for value in row] for row in wanted)


def test_where_java_is_no_jdk_the_jars_compiler_takes_its_place(node: Node) -> None:
    node.ask()
    without = node.root / "bin/java"
    without.write_text(RUNTIME_ALONE)
    without.chmod(0o755)
    both = node.spec["jars"]
    assert "postgresql" in both[-1]["url"]
    node.ask(jars=both[-1:])
    refused(node, 9, NO_DRIVER)
    node.ask(source={"table": "clinic.empty", "columns": ["id"]}, split=None)
    assert node.run().returncode == 0


def test_running_it_again_leaves_the_same_rows(node: Node) -> None:
    node.ask(split=None)
    node.run()
    first = node.rows(), (node.files / "manifest").read_bytes()
    node.run()
    assert (node.rows(), (node.files / "manifest").read_bytes()) == first


def test_the_password_is_in_no_argument_no_environment_and_no_output(node: Node) -> None:
    node.ask()
    process = node.start()
    seen = ""
    while process.poll() is None:
        for each in Path("/proc").glob("[0-9]*"):
            try:
                seen += (each / "cmdline").read_text(errors="replace") + (each / "environ").read_text(errors="replace")
            except OSError:
                continue
        time.sleep(0.05)
    out, said = process.communicate()
    assert process.returncode == 0
    assert "UnloadJdbc" in seen
    calls = (node.root / "calls.txt").read_text()
    kept = (node.files / "manifest").read_text() + json.dumps(node.result)
    assert PASSWORD not in seen + calls + out + said + kept
    assert list((node.root / "tmp").iterdir()) == []


def refused(node: Node, status: int, told: str) -> None:
    """The step ends so, tells no row, and leaves nothing that counts."""
    done = node.run()
    assert (done.returncode, node.result["problem"]) == (status, told)
    assert "SECRET-NAME" not in done.stdout + done.stderr + json.dumps(node.result)
    assert not (node.files / "manifest").exists()


def test_a_wrong_password(node: Node) -> None:
    node.secret({"username": READER, "password": "another"})
    node.ask()
    refused(node, 7, "the database refuses the login (SQLSTATE 28P01)")


@pytest.mark.parametrize("held", ["a text", {"user": "a"}])
def test_a_secret_without_a_login(node: Node, held: object) -> None:
    node.secret(held)
    node.ask()
    refused(node, 7, "the secret holds no JSON object with username and password")


def test_a_secret_that_may_not_be_read(node: Node) -> None:
    (node.root / "secret.json").unlink()
    node.ask()
    refused(node, 4, "the secret cannot be read: AccessDenied: no")


def test_a_certificate_of_another_ca(node: Node, tmp_path: Path) -> None:
    other = pki.ensure_ca(SandboxHome(tmp_path / "other", tmp_path / "cache"))
    node.ask(ca=other.read_text())
    refused(
        node, 8, "the server's certificate is not of the CA that is trusted, or TLS fails otherwise (SQLSTATE 08006)"
    )


def test_a_certificate_for_another_host(node: Node) -> None:
    node.ask(database=node_database(node) | {"host": "127.1"})
    refused(node, 8, "the server's certificate is not for this host (SQLSTATE 08006)")


def node_database(node: Node) -> dict[str, Any]:
    node.ask()
    return dict(node.spec["database"])


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"source": {"table": "clinic.visits", "columns": ["id"]}}, 9, "there is no such table (SQLSTATE 42P01)"),
        ({"source": {"table": "clinic.Visits", "columns": ["ids"]}}, 9, "there is no such column (SQLSTATE 42703)"),
        (
            {"source": {"table": "clinic.Visits", "columns": ['id" FROM clinic.secrets --']}},
            9,
            "there is no such column (SQLSTATE 42703)",
        ),
        (
            {"source": {"table": "clinic.secrets", "columns": ["id"]}},
            7,
            "the user may not read the table or one of its columns (SQLSTATE 42501)",
        ),
        (
            {"split": {"column": "odd", "parts": 2}},
            9,
            "split_column odd is of type text: name one of whole numbers, dates or timestamps",
        ),
        (
            {"split": {"column": "id", "parts": 2, "lower": "2026-01-01", "upper": "2026-02-01"}},
            9,
            "the ends of split_column id are no bigint to count with: write lower and upper (SQLSTATE 22P02)",
        ),
        (
            {"source": {"query": "SELECT 1 AS id, 2 AS id"}, "split": None},
            9,
            "column id comes twice: name one of them otherwise",
        ),
        (
            {"source": {"query": "DELETE FROM clinic.empty RETURNING id"}},
            9,
            "the database cannot run the query (SQLSTATE 42601)",
        ),
        (
            {"source": {"table": "clinic.broken", "columns": ["id", "patient_id", "quotient"]}},
            9,
            "the database cannot run the query (SQLSTATE 22012)",
        ),
        (
            {"format": "csv"},
            9,
            "column odd has a line break in a value, where CSV is split at lines: write format json",
        ),
        (
            {"database": {"host": "127.0.0.1", "port": 1, "name": "ehr"}},
            10,
            "the connection to the database failed (SQLSTATE 08001)",
        ),
        ({"jars": []}, 9, NO_DRIVER),
        ({"program": {"url": "s3://bucket/gone.java", "sha256": "0" * 64}}, 9, "s3://bucket/gone.java cannot be read"),
        (
            {"program": {"url": "s3://bucket/UnloadJdbc.java", "sha256": "0" * 64}},
            5,
            f"s3://bucket/UnloadJdbc.java has another digest than {'0' * 64}",
        ),
    ],
    ids=["table", "column", "injection", "grant", "type", "bounds", "twice", "no select", "division", "line break",
         "port", "driver", "gone", "digest"],
)  # fmt: skip
def test_what_cannot_be_unloaded_is_told_without_values(
    node: Node, changes: dict[str, Any], status: int, told: str
) -> None:
    node.ask(**changes)
    refused(node, status, told)


def test_a_connection_that_is_lost_half_way(node: Node, database: Clinic) -> None:
    node.ask(source={"table": "clinic.endless", "columns": ["id", "patient_id"]}, split={"column": "id", "parts": 2})
    process = node.start()
    reading = in_part(node, database)
    database.run(f"SELECT pg_terminate_backend({reading})")
    out, said = process.communicate(timeout=60)
    assert (process.returncode, node.result["exit_code"]) == (10, 10)
    assert node.result["problem"].startswith("the connection to the database failed (SQLSTATE ")
    assert "SECRET-NAME" not in out + said + json.dumps(node.result)
    assert not (node.files / "manifest").exists()
    assert gone(database)


def test_a_step_that_is_cancelled_leaves_no_session(node: Node, database: Clinic) -> None:
    node.ask(source={"table": "clinic.endless", "columns": ["id", "patient_id"]}, split={"column": "id", "parts": 2})
    process = node.start()
    in_part(node, database)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert not (node.files / "manifest").exists()
    assert gone(database)


def in_part(node: Node, database: Clinic) -> int:
    """The server's process of a part, once rows of it have been written."""
    deadline = time.monotonic() + 60
    while not (list(node.files.glob("part-*")) and (found := database.run(f"{BUSY} AND query LIKE '%>=%'"))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(found[0][0])


def gone(database: Clinic) -> bool:
    """Whether the database has no session of the step left, soon."""
    deadline = time.monotonic() + 20
    while database.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'drx_visits'"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def test_parts_see_one_snapshot(node: Node, database: Clinic) -> None:
    """A row that moves from a part that is to come into one that was read is neither lost nor read twice."""
    database.run("CREATE TABLE clinic.moving AS SELECT n::bigint AS id, repeat('x', 50) AS v FROM "
                 f"generate_series(1, 400000) AS n; GRANT SELECT ON clinic.moving TO {READER}")  # fmt: skip
    node.ask(source={"table": "clinic.moving", "columns": ["id"]}, split={"column": "id", "parts": 4}, connections=1)
    process = node.start()
    deadline = time.monotonic() + 60
    while not list(node.files.glob("part-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    database.run("UPDATE clinic.moving SET id = -id; DELETE FROM clinic.moving WHERE id % 2 = 0")
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert sorted(json.loads(line)["id"] for line in node.lines()) == list(range(1, 400_001))
