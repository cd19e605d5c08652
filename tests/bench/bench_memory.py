"""The most memory that each part of a snapshot's way has, for so many rows: that of a worker and of steps stays flat.

- worker: the process of the real unload and load operators, on the emulated account
- export: `export.sh` with a `java` that prints rows in place of Druid's tool
- jdbc: `unload_jdbc.sh` with real Java, of a real PostgreSQL

The account's own process is shown too; it is Redshift and S3 in one, and no part of the product.

``python bench_memory.py [ROWS ...]``, 100000 and 1000000 unless told otherwise; 10000000 takes about a quarter of an
hour. Prints megabytes, the ratio of the most to the least rows, and ends with 1 when the limit does not hold.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from peaks import forget, peak_mb, peaks
from snapshot_tables import command, make_tables, told

from clinic_database import AWS, SCRIPT, Clinic, Node, filled
from druid_reindex.sandbox.aws.service import emr_configs
from redshift_account import MASTER, Warehouse, warehouse

MOST_RATIO = 1.25
SIZES = (100_000, 1_000_000)
# Prints ROWS rows as Druid's dump-segment does, to what follows --out.
JAVA = """#!/bin/bash
while [[ "$1" != --out ]]; do shift; done
exec awk -v rows="$ROWS" 'BEGIN {
  row = "{\\"__time\\":\\"2026-09-01T00:00:00.000Z\\",\\"token\\":\\"%032d\\",\\"kind\\":\\"%d\\",\\"events\\":%d}\\n"
  for (n = 0; n < rows; n++) printf row, n, n % 5, n
}' > "$2"
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="*", default=SIZES)
    sizes = sorted(parser.parse_args().rows)
    measured: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, warehouse(Path(folder)) as account:
        clinic = filled(account.home, account.port)
        for rows in sizes:
            for part, megabytes in one_size(Path(folder) / str(rows), account, clinic, rows):
                measured.setdefault(part, []).append(megabytes)
                print(f"{rows} rows, {part}: {megabytes:.0f} MB", flush=True)  # noqa: T201
    worst = 0.0
    for part, found in measured.items():
        ratio = found[-1] / found[0]
        print(f"{part}: {sizes[-1]} rows / {sizes[0]} rows: {ratio:.2f}")  # noqa: T201
        worst = worst if part.startswith("account") else max(worst, ratio)
    print(f"at most {worst:.2f}; limit {MOST_RATIO}")  # noqa: T201
    return 0 if worst <= MOST_RATIO else 1


def one_size(folder: Path, account: Warehouse, clinic: Clinic, rows: int) -> Iterator[tuple[str, float]]:
    """Each part's most megabytes."""
    folder.mkdir()
    server = account_process()
    forget(server)
    source, copy = make_tables(account, rows)
    found, output = peaks(command(account, source, copy))
    assert told(output)["rows"] == rows == account.rows(f"SELECT count(*) FROM {copy}", DbUser=MASTER)[0][0]
    yield "worker", max(found.values())
    yield "account's process, not of the product", peak_mb(server)
    for table in (source, copy):
        account.run(f"DROP TABLE {table}", DbUser=MASTER)
    yield from exported(folder / "export", rows)
    yield from unloaded(folder / "jdbc", clinic, rows)


def account_process() -> int:
    """The account's process: the biggest of this one's children that serve AWS, for a small one guards it."""
    found: dict[int, float] = {}
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "druid_reindex.sandbox.aws.server" in each.cmdline():
                found[each.pid] = each.memory_info().rss
    return max(found, key=found.__getitem__)


def exported(folder: Path, rows: int) -> Iterator[tuple[str, float]]:
    """`export.sh` of one segment with so many rows."""
    (folder / "opt/bin").mkdir(parents=True)
    (folder / "opt/druid/extensions").mkdir(parents=True)
    (folder / "opt/bin/export.sh").write_text((emr_configs() / "bootstrap/export.sh").read_text())
    for name, text in (("aws", AWS), ("java", JAVA)):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    place = folder / "bucket/segment/index.zip"
    place.parent.mkdir(parents=True)
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("version.bin", "9")
    columns = [{"name": name, "from": name} for name in ("__time", "token", "kind", "events")]
    spec = {"protocol": 1, "segments": [{"url": "s3://bucket/segment/index.zip", "rows": rows}], "columns": columns,
            "time_format": "date", "format": "json", "compression": "gzip", "output": "s3://bucket/export/1/",
            "kms_key_arn": "k"}  # fmt: skip
    found = step(folder, folder / "opt/bin/export.sh", spec, {"ROWS": str(rows)})
    yield "export.sh", max(found.values())


def unloaded(folder: Path, clinic: Clinic, rows: int) -> Iterator[tuple[str, float]]:
    """`unload_jdbc.sh` of a view with so many rows, in four parts."""
    clinic.run(
        "CREATE OR REPLACE VIEW clinic.snapshot AS SELECT n::bigint AS id, md5(n::text) AS token, n % 5 AS kind "
        f"FROM generate_series(1, {rows}) AS n; GRANT SELECT ON clinic.snapshot TO reader"
    )
    node = Node(folder, clinic)
    node.ask(
        source={"table": "clinic.snapshot", "columns": ["id", "token", "kind"]},
        split={"column": "id", "parts": 4, "lower": "1", "upper": str(rows)},
        fetch_rows=1000,
    )
    found = step(folder, SCRIPT, node.spec, {})
    assert node.result["rows"] == rows
    yield "unload_jdbc.sh, its Python", found["python3"]
    yield "unload_jdbc.sh, a JVM", found["java"]


def step(folder: Path, script: Path, spec: Mapping[str, Any], more: Mapping[str, str]) -> dict[str, float]:
    """The most megabytes of each program of a step."""
    place = folder / "bucket/spec/spec.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(spec))
    (folder / "tmp").mkdir(exist_ok=True)
    path = os.pathsep.join([f"{folder}/bin", "/usr/bin", "/bin"])
    environment = {"PATH": path, "S3": str(folder), "TMPDIR": str(folder / "tmp"), **more}
    found, _ = peaks(["bash", str(script), "s3://bucket/spec/spec.json", "us-east-1"], environment)
    return found


if __name__ == "__main__":
    sys.exit(main())
