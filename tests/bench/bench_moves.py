"""Rows into Redshift through files, by the real operators, beside one INSERT for each row, on the emulated Data API.

Files: an unload and a load, with all that the operators ask of S3 and the Data API. INSERT: a statement for each row,
40 of them in each batch of one transaction, which is the most that the Data API takes, followed to its end; fewer rows,
as each costs the same.

Prints rows a second and the ratio, and ends with 1 when the limit does not hold.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from snapshot_tables import command, make_tables, process, told

from redshift_account import MASTER, TARGET, Warehouse, warehouse

LEAST_RATIO = 10.0
ROWS, INSERTED, BATCH = 100_000, 1_200, 40


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder, warehouse(Path(folder)) as account:
        source, copy = make_tables(account, rows)
        with process(command(account, source, copy)) as moving:
            output, _ = moving.communicate()
        moved = told(output)
        assert moved["rows"] == rows == account.rows(f"SELECT count(*) FROM {copy}", DbUser=MASTER)[0][0]
        seconds = sum(moved["seconds"].values())
        inserted = INSERTED / by_inserts(account, source)
    files = rows / seconds
    line = f"{rows} rows in {moved['files']} files: unload {moved['seconds']['unload']:.1f} s, load "
    print(f"{line}{moved['seconds']['load']:.1f} s, {files:.0f} rows a second")  # noqa: T201
    print(f"{INSERTED} rows by INSERT, {BATCH} in a batch: {inserted:.0f} rows a second")  # noqa: T201
    print(f"ratio files / INSERT: {files / inserted:.0f}; limit {LEAST_RATIO:.0f}")  # noqa: T201
    return 0 if files / inserted >= LEAST_RATIO else 1


def by_inserts(account: Warehouse, like: str) -> float:
    """The seconds that one INSERT for each row takes."""
    account.run(f"CREATE TABLE clinic.inserted (LIKE {like})", DbUser=MASTER)
    insert = "INSERT INTO clinic.inserted VALUES ('{n:032}', DATE '2026-01-01', 'kind', {n}, 0.5)"
    started = time.perf_counter()
    for first in range(0, INSERTED, BATCH):
        sqls = [insert.format(n=n) for n in range(first, first + BATCH)]
        submitted = account.data.batch_execute_statement(Sqls=sqls, **TARGET, DbUser=MASTER)
        assert account.ended(submitted["Id"])["Status"] == "FINISHED"
    took = time.perf_counter() - started
    assert account.rows("SELECT count(*) FROM clinic.inserted", DbUser=MASTER) == [(INSERTED,)]
    return took


if __name__ == "__main__":
    sys.exit(main())
