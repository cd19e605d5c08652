"""The snapshot by another way than the night's: computed from Synthea's files with polars; and what is served of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from canaries import DAY, Planted
from druid_reindex.sandbox.aws.redshift.engine import DATABASE as ENGINE
from druid_reindex.sandbox.events import window_day
from druid_reindex.sandbox.postgres import SUPERUSER, Database
from druid_reindex.sandbox.synthea import Histories
from druid_reindex.sandbox.tokens import token
from real_sandbox import SNAPSHOT, Sandbox

Key = tuple[str, str, str]
COLUMNS = "patient_token, CAST(day AS VARCHAR), kind, events, value_sum, charged_cents, paid_cents"


@dataclass(frozen=True)
class PatientDay:
    """The metrics of one patient, day and kind."""

    events: int
    value_sum: float
    charged_cents: int
    paid_cents: int

    @property
    def exact(self) -> tuple[int, int, int]:
        """What must be equal to the last digit, as the sum of measured values need not: it depends on their order."""
        return self.events, self.charged_cents, self.paid_cents


Snapshot = dict[Key, PatientDay]


def differences(found: Snapshot, wanted: Snapshot) -> dict[Key, tuple[PatientDay | None, PatientDay | None]]:
    """The patient-days that are not equal, as they are found and as they are wanted."""
    pairs = {key: (found.get(key), wanted.get(key)) for key in found.keys() | wanted.keys()}
    return {key: (one, other) for key, (one, other) in pairs.items() if not _equal(one, other)}


def _equal(one: PatientDay | None, other: PatientDay | None) -> bool:
    if one is None or other is None or one.exact != other.exact:
        return False
    return abs(one.value_sum - other.value_sum) <= 1e-9 * max(1.0, abs(other.value_sum))


def expected(histories: Histories, key: bytes, planted: Planted | None = None) -> Snapshot:
    """Every patient-day of Synthea's files: all that was measured, found, fitted and claimed on it."""
    rows = pl.concat([_measured(histories), _coded(histories), _claimed(histories)], how="vertical")
    days = rows.select("patient", "date").unique().rows()
    folded = [(patient, at, token(key, "patient", patient), str(window_day(patient, at))) for patient, at in days]
    names = ("patient", "date", "token", "day")
    sums = (
        rows.join(pl.DataFrame(folded, schema=dict.fromkeys(names, pl.String), orient="row"), on=["patient", "date"])
        .group_by("token", "day", "kind")
        .agg(pl.len(), pl.col("value", "charged", "paid").sum())
    )
    found = {(row[0], row[1], row[2]): PatientDay(*row[3:]) for row in sums.rows()}
    if planted is not None:
        found[planted.token, DAY, "laboratory"] = PatientDay(1, planted.value, 0, 0)
    return found


def _read(histories: Histories, name: str) -> pl.DataFrame:
    return pl.read_csv(getattr(histories, name), infer_schema=False)


def _rows(frame: pl.DataFrame, *, patient: str, at: str, kind: pl.Expr, **metrics: pl.Expr) -> pl.DataFrame:
    """One row for each record, all metrics that it lacks being 0."""
    value, charged, paid = (metrics.get(name, pl.lit(0)) for name in ("value", "charged", "paid"))
    return frame.select(
        patient=pl.col(patient), date=pl.col(at).str.slice(0, 10), kind=kind, value=value.cast(pl.Float64),
        charged=charged.cast(pl.Int64), paid=paid.cast(pl.Int64),
    )  # fmt: skip


def _measured(histories: Histories) -> pl.DataFrame:
    number = pl.col("VALUE").cast(pl.Float64, strict=False)
    frame = _read(histories, "observations").filter(pl.col("CATEGORY").is_in(["vital-signs", "laboratory"]))
    value = pl.when(number.is_finite()).then(number).otherwise(0.0)
    return _rows(frame, patient="PATIENT", at="DATE", kind=pl.col("CATEGORY"), value=value)


def _coded(histories: Histories) -> pl.DataFrame:
    kinds = {"conditions": "condition", "devices": "device"}
    frames = [
        _rows(_read(histories, name), patient="PATIENT", at="START", kind=pl.lit(kind)) for name, kind in kinds.items()
    ]
    return pl.concat(frames)


def _claimed(histories: Histories) -> pl.DataFrame:
    def cents(kind: str, column: str) -> pl.Expr:
        amount = pl.when(pl.col("TYPE") == kind).then(pl.col(column).cast(pl.Float64))
        return (amount * 100).round().cast(pl.Int64).sum()

    sums = (
        _read(histories, "claims_transactions")
        .group_by("CLAIMID")
        .agg(charged=cents("CHARGE", "AMOUNT"), paid=cents("PAYMENT", "PAYMENTS"))
    )
    frame = _read(histories, "claims").join(sums, left_on="Id", right_on="CLAIMID", how="left")
    charged, paid = pl.col("charged").fill_null(0), pl.col("paid").fill_null(0)
    return _rows(frame, patient="PATIENTID", at="SERVICEDATE", kind=pl.lit("claim"), charged=charged, paid=paid)


def served(sandbox: Sandbox) -> Snapshot:
    """Every row of the datasource."""
    rows = sandbox.druid.query(
        'SELECT "patient_token", TIME_FORMAT("__time", \'yyyy-MM-dd\') AS "day", "category", "events", "value_sum", '
        f'"charged_cents", "paid_cents" FROM "{SNAPSHOT}"'
    )
    found = {
        (str(row["patient_token"]), str(row["day"]), str(row["category"])): PatientDay(
            int(row["events"]), float(row["value_sum"]), int(row["charged_cents"]), int(row["paid_cents"])
        )
        for row in rows
    }
    assert len(found) == len(rows)
    return found


def loaded(sandbox: Sandbox) -> Snapshot:
    """Every row of the table."""
    rows = asked(sandbox, f"SELECT {COLUMNS} FROM clinic.patient_snapshot")
    found = {(row[0], row[1], row[2]): PatientDay(row[3], float(row[4]), row[5], row[6]) for row in rows}
    assert len(found) == len(rows)
    return found


def asked(sandbox: Sandbox, statement: str) -> list[tuple[Any, ...]]:
    """What Redshift's engine answers its superuser; not by the Data API, which keeps what it answered in a file."""
    owner = Database(ENGINE, SUPERUSER, sandbox.endpoints.postgres_port, sandbox.home)
    with owner.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
