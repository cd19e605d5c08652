"""Tests of bills, diagnoses and devices as tables."""

from __future__ import annotations

import csv
from dataclasses import fields
from pathlib import Path

import pytest

from druid_reindex.sandbox import billing
from druid_reindex.sandbox.events import window_day
from druid_reindex.sandbox.synthea import Histories

AT = "2019-05-06T07:08:09Z"
CODED = {"PATIENT": "p", "ENCOUNTER": "e", "CODE": "44054006", "DESCRIPTION": "Diabetes, type 2"}
FILES: dict[str, list[dict[str, str]]] = {
    "observations": [],
    "conditions": [CODED | {"START": AT[:10], "STOP": ""}],
    "devices": [CODED | {"START": AT, "STOP": "", "UDI": "1"}] * 2,
    "claims": [
        {"Id": "c1", "PATIENTID": "p", "SERVICEDATE": AT, "DIAGNOSIS1": "44054006"},
        {"Id": "c2", "PATIENTID": "p", "SERVICEDATE": AT, "DIAGNOSIS1": ""},
    ],
    "claims_transactions": [
        {"CLAIMID": "c1", "TYPE": "CHARGE", "AMOUNT": "136.8", "PAYMENTS": ""},
        {"CLAIMID": "c1", "TYPE": "CHARGE", "AMOUNT": "0.19999999999999998", "PAYMENTS": "0.00"},
        {"CLAIMID": "c1", "TYPE": "PAYMENT", "AMOUNT": "100.00", "PAYMENTS": "100.00"},
        {"CLAIMID": "c1", "TYPE": "TRANSFERIN", "AMOUNT": "37.00", "PAYMENTS": ""},
    ],
}


def histories(folder: Path) -> Histories:
    for name, rows in FILES.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["DATE"])
            writer.writeheader()
            writer.writerows(rows)
    return Histories(*(folder / f"{kind.name}.csv" for kind in fields(Histories)))


def test_claims_carry_what_was_charged_and_paid_for_them(tmp_path: Path) -> None:
    claims, *_ = billing.tables(histories(tmp_path))
    day = str(window_day("p", AT))
    assert claims.name == "billing.claims"
    assert claims.rows == (
        ("c1", "p", day, "44054006", "13700", "10000"),
        ("c2", "p", day, "", "0", "0"),
    )


def test_what_happened_on_one_day_stays_on_one_day(tmp_path: Path) -> None:
    made = {table.name: table for table in billing.tables(histories(tmp_path))}
    row = ("p", str(window_day("p", AT)), "44054006", "Diabetes, type 2")
    assert made["records.conditions"].rows == (row,)
    assert made["records.devices"].rows == (row, row)


def test_each_row_has_a_value_for_each_column(tmp_path: Path) -> None:
    for table in billing.tables(histories(tmp_path)):
        assert {len(row) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize(("amount", "cents"), [("", 0), ("12", 1200), ("1234.56", 123456), ("-0.01", -1)])
def test_cents(amount: str, cents: int) -> None:
    assert billing.cents(amount) == cents


def test_a_missing_column_is_an_error(tmp_path: Path) -> None:
    made = histories(tmp_path)
    made.claims.write_text("Id,PATIENTID\nc1,p\n")
    with pytest.raises(KeyError):
        billing.tables(made)
