"""The shipped SQL of the snapshot against the emulated Redshift, as the role that Airflow's nights have there."""

from __future__ import annotations

import bz2
import gzip
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from druid_reindex.clients.redshift import RedshiftClient
from druid_reindex.clients.session import build_session
from druid_reindex.model.config_files import load_boundaries
from druid_reindex.model.identity import digest
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Statement, StatementState
from druid_reindex.plan import redshift
from druid_reindex.plan.manifest import read_manifest
from druid_reindex.sandbox import nightly
from druid_reindex.sandbox import warehouse as hospital
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import REGION
from druid_reindex.sandbox.billing import Table
from druid_reindex.sandbox.state import Endpoints
from druid_reindex.sandbox.synthea import Histories
from emulated_account import role_environment
from redshift_account import MASTER, Warehouse

ROOT = Path(__file__).parents[2]
PIPELINE = nightly.shipped_pipeline(nightly.SNAPSHOT)
BOUNDARIES = load_boundaries(ROOT / "emr_configs")
RUNS = S3Uri.parse(BOUNDARIES.phi.runs_uri) / "snapshot_sql"
TWO_DAYS = {"interval_start": "2026-09-02 00:00:00", "interval_end": "2026-09-04 00:00:00"}
(LOAD,) = PIPELINE.loads
CODED = {"patient_id": "VARCHAR(36)", "day": "DATE", "code": "VARCHAR(18)", "description": "VARCHAR(256)"}
CLAIMS = {"claim_id": "VARCHAR(36)", "patient_id": "VARCHAR(36)", "service_date": "DATE",
          "charged_cents": "BIGINT", "paid_cents": "BIGINT"}  # fmt: skip
DAYS = [f"2026-09-0{day}" for day in range(1, 6)]
HELD = (
    Table("billing.claims", CLAIMS, tuple((f"c{day}", "p1", day, "13700", "10000") for day in DAYS)),
    Table("records.conditions", CODED, tuple(("p1", day, "44054006", "Diabetes") for day in DAYS)),
    Table("records.devices", CODED, (("p2", DAYS[2], "337414009", "Blood glucose meter"),)),
)


class Night:
    """Scripts, one after the other, as the role of Airflow's nights."""

    def __init__(self, warehouse: Warehouse) -> None:
        assert BOUNDARIES.phi.redshift is not None
        self.warehouse, self.count = warehouse, 0
        self.route = redshift.Route(BOUNDARIES.phi.redshift, REGION, BOUNDARIES.phi.kms_key_arn)
        self.client = RedshiftClient(build_session(region=REGION), BOUNDARIES.phi.redshift)

    def run(self, script: Sequence[redshift.Step]) -> Statement:
        self.count += 1
        token = digest(f"{time.time()} {self.count}".encode())
        submitted = self.client.submit(f"snapshot_sql_{self.count}", [step.sql for step in script], token=token)
        while not (found := self.client.describe(submitted)).state.is_ended:
            time.sleep(0.05)
        assert found.state is StatementState.FINISHED, found
        return found

    def unloaded(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of the pipeline's unloads, over two days."""
        (unload,) = (each for each in PIPELINE.unloads if each.name == name)
        prefix = RUNS / name
        sql = (ROOT / "sql" / unload.sql).read_text()
        self.run(redshift.unload_script(unload, sql, TWO_DAYS, route=self.route, prefix=prefix))
        manifest = read_manifest(prefix / "manifest", self.warehouse.read((prefix / "manifest").key), below=prefix)
        bodies = (bz2.decompress(self.warehouse.read(file.uri.key)) for file in manifest.files)
        found = [json.loads(line) for body in bodies for line in body.splitlines()]
        assert manifest.rows == len(found)
        return sorted(found, key=json.dumps)

    def load(self, run: str, rows: Sequence[dict[str, Any]]) -> None:
        """Load such rows by the pipeline's load, its definitions first."""
        folder = RUNS / run
        body = gzip.compress("".join(f"{json.dumps(row)}\n" for row in rows).encode())
        self.warehouse.put((folder / "rows.json.gz").key, body)
        meta = {"content_length": len(body), "record_count": len(rows)}
        manifest = {"entries": [{"url": str(folder / "rows.json.gz"), "meta": meta}]}
        told = json.dumps(manifest).encode()
        self.warehouse.put((folder / "manifest").key, told)
        copied = S3Uri.parse(self.warehouse.put((folder / "copy").key, {
            "entries": [{"url": str(folder / "rows.json.gz"), "mandatory": True, "meta": {"content_length": len(body)}}]
        }))  # fmt: skip
        assert LOAD.sql is not None
        self.run(redshift.define_script(LOAD, (ROOT / "sql" / LOAD.sql).read_text(), {}))
        ticket = redshift.Ticket(digest(told), "test", run, 1)
        read = read_manifest(folder / "manifest", told, below=folder)
        self.run(redshift.load_script(LOAD, read, manifest_uri=copied, route=self.route, ticket=ticket))


def built(patient: str, day: str, kind: str, **metrics: float) -> dict[str, Any]:
    """A row of the export."""
    numbers = {"events": 1, "value_sum": 0.0, "charged_cents": 0, "paid_cents": 0}
    return {"patient_token": patient, "day": day, "kind": kind, **numbers, **metrics}


@pytest.fixture(scope="module")
def night(warehouse: Warehouse) -> Iterator[Night]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hospital, "tables", lambda _: HELD)
        endpoints = Endpoints("", "", "", "", warehouse.port, None)
        hospital.fill(warehouse.home, endpoints, Histories(*[Path()] * 5), print)
        for name, value in role_environment(warehouse.home, service.airflow_role_arn("phi")).items():
            patch.setenv(name, value)
        yield Night(warehouse)


def test_each_day_that_is_rebuilt_is_unloaded_whole(night: Night) -> None:
    claim = {"patient_id": "p1", "category": "claim", "charged_cents": 13700, "paid_cents": 10000}
    assert night.unloaded("claims") == [{"timestamp": day, **claim} for day in DAYS[1:3]]
    assert night.unloaded("conditions") == [
        {"timestamp": DAYS[1], "patient_id": "p1", "category": "condition"},
        {"timestamp": DAYS[2], "patient_id": "p1", "category": "condition"},
        {"timestamp": DAYS[2], "patient_id": "p2", "category": "device"},
    ]


def test_a_load_replaces_its_days_and_no_other(night: Night) -> None:
    night.load("first", [built("a", day, "claim", charged_cents=100) for day in DAYS[:3]])
    night.load("second", [built("a", DAYS[1], "claim", charged_cents=250), built("b", DAYS[1], "device")])
    found = night.warehouse.rows(
        "SELECT CAST(day AS VARCHAR), patient_token, charged_cents FROM clinic.patient_snapshot ORDER BY 1, 2",
        DbUser=MASTER,
    )
    assert found == [(DAYS[0], "a", 100), (DAYS[1], "a", 250), (DAYS[1], "b", 0), (DAYS[2], "a", 100)]


def test_analysts_see_what_is_granted_to_them_and_no_small_number_of_patients(night: Night) -> None:
    """Eleven patients on one day, ten on the next."""
    rows = [built(f"p{n}", DAYS[3 + (n > 11)], kind, events=2, charged_cents=n)
            for n in range(1, 22) for kind in ("claim", "laboratory")]  # fmt: skip
    night.load("third", rows)
    night.warehouse.run("SELECT 1")  # the first statement makes its user
    for view in ("snapshot_by_day", "care_and_cost_by_month"):
        night.warehouse.run(f'GRANT SELECT ON clinic.{view} TO "IAM:operator"', DbUser=MASTER)
    night.warehouse.run('GRANT USAGE ON SCHEMA clinic TO "IAM:operator"', DbUser=MASTER)
    assert "permission denied" in night.warehouse.failure("SELECT * FROM clinic.patient_snapshot")
    shown = (
        "SELECT CAST(day AS VARCHAR), kind, patients, CAST(events AS BIGINT), CAST(charged_cents AS BIGINT) "
        "FROM clinic.snapshot_by_day"
    )
    assert night.warehouse.rows(f"{shown} ORDER BY kind") == [
        (DAYS[3], "claim", 11, 22, 66), (DAYS[3], "laboratory", 11, 22, 66),
    ]  # fmt: skip
    month = (
        "SELECT patients, CAST(measurements AS BIGINT), CAST(charged_cents AS BIGINT) "
        "FROM clinic.care_and_cost_by_month"
    )
    assert night.warehouse.rows(month) == [(21, 42, 231)]
