"""One unload and one load by the real operators, in a process of its own: ``python moves.py HOME PORT TABLE COPY``.

Leaves the rows of TABLE in COPY, through files in the emulated account's S3; prints rows and seconds as JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import airflow_home  # noqa: F401 - first

from druid_reindex.model.transfer import Load, Unload
from druid_reindex.operators.redshift import LoadRedshiftOperator, UnloadRedshiftOperator
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.home import SandboxHome
from night_world import make
from redshift_account import Warehouse
from warehouse_night import UNATTESTED, night_on

COLUMNS = ("patient_token", "day", "kind", "events", "value_sum")


def main(root: str, port: str, table: str, copy: str) -> None:
    """Move the rows, and tell how long each half took."""
    logging.disable(logging.INFO)
    home = SandboxHome(Path(root), SandboxHome.from_environment().cache)
    account = Warehouse(home, int(port), service.user_environment(home, "operator"), {})
    unload = Unload.model_validate({"name": copy.partition(".")[2], "sql": "unload/a.sql", "format": "json",
                                    "compression": "gzip", "max_file_size_mb": 64})  # fmt: skip
    load = Load.model_validate({"name": unload.name, "table": copy, "columns": COLUMNS, "mode": "swap",
                                "format": "json", "compression": "gzip"})  # fmt: skip
    alone = {"settings": UNATTESTED, "leased": False}
    with night_on(account) as world:
        started = time.perf_counter()
        unloading = make(UnloadRedshiftOperator, "unload", unload=unload, **alone)
        unloading.sql = f"SELECT {', '.join(COLUMNS)} FROM {table}"
        told = world.run(unloading)
        unloaded = time.perf_counter()
        loading = make(LoadRedshiftOperator, "load", load=load, manifest_uri=told["manifest_uri"], **alone)
        rows = world.run(loading)["rows"]
        took = {"unload": unloaded - started, "load": time.perf_counter() - unloaded}
    sys.stdout.write(json.dumps({"rows": rows, "files": told["files"], "seconds": took}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
