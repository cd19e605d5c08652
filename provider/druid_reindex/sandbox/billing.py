"""Patients' bills, diagnoses and devices as a hospital keeps them in its warehouse: row by row, with identifiers.

Their days are those onto which the patients' own days fold (`events.py`), so that what happened to a patient on one day
is one patient's day in Druid and in Redshift alike. Amounts are in cents, whose sums are exact.
Source: https://github.com/synthetichealth/synthea/wiki/CSV-File-Data-Dictionary
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from druid_reindex.sandbox.events import window_day
from druid_reindex.sandbox.synthea import Histories

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table and its rows, as text in the order of `columns`, whose values are SQL types."""

    name: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]


def tables(histories: Histories) -> tuple[Table, ...]:
    """Return claims, conditions (diagnoses) and devices. Raises KeyError when a file lacks one of Synthea's columns."""
    coded = {"patient_id": "VARCHAR(36)", "day": "DATE", "code": "VARCHAR(18)", "description": "VARCHAR(256)"}
    claims = {
        "claim_id": "VARCHAR(36)",
        "patient_id": "VARCHAR(36)",
        "service_date": "DATE",
        "diagnosis_code": "VARCHAR(18)",
        "charged_cents": "BIGINT",
        "paid_cents": "BIGINT",
    }
    return (
        Table("billing.claims", claims, tuple(_claims(histories))),
        Table("records.conditions", coded, tuple(_coded(histories.conditions))),
        Table("records.devices", coded, tuple(_coded(histories.devices))),
    )


def cents(amount: str) -> int:
    """Return an amount of US dollars in cents; an empty one is 0."""
    return int((Decimal(amount or 0) * 100).to_integral_value())


def _claims(histories: Histories) -> Iterator[Row]:
    charged, paid = _amounts(histories.claims_transactions)
    for row in _rows(histories.claims):
        claim, patient = row["Id"], row["PATIENTID"]
        day = window_day(patient, row["SERVICEDATE"])
        yield claim, patient, str(day), row["DIAGNOSIS1"], str(charged[claim]), str(paid[claim])


def _amounts(transactions: Path) -> tuple[Counter[str], Counter[str]]:
    """Return what was charged and what was paid, by claim."""
    charged, paid = Counter[str](), Counter[str]()
    for row in _rows(transactions):
        match row["TYPE"]:
            case "CHARGE":
                charged[row["CLAIMID"]] += cents(row["AMOUNT"])
            case "PAYMENT":
                paid[row["CLAIMID"]] += cents(row["PAYMENTS"])
    return charged, paid


def _coded(file: Path) -> Iterator[Row]:
    for row in _rows(file):
        yield row["PATIENT"], str(window_day(row["PATIENT"], row["START"])), row["CODE"], row["DESCRIPTION"]


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)
