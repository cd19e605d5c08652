"""Tests of histories as deliveries of events."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from druid_reindex.sandbox import events

COLUMNS = ("DATE", "PATIENT", "ENCOUNTER", "CATEGORY", "CODE", "DESCRIPTION", "VALUE", "UNITS", "TYPE")


def row(number: int, **changed: str) -> dict[str, str]:
    values = (f"20{number % 26:02d}-03-04T07:08:09Z", f"p{number % 9}", f"e{number}", "vital-signs", "8310-5",
              "Body temperature", str(number), "Cel", "numeric")  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True)) | changed


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def observations(tmp_path: Path) -> Path:
    rows = [row(n) for n in range(4_000)] + [row(1, CATEGORY="survey"), row(2, VALUE="negative", CATEGORY="laboratory")]
    return write(tmp_path / "observations.csv", rows)


def lines(delivery: events.Delivery) -> list[dict[str, object]]:
    return [json.loads(line) for file in delivery.files for line in file.read_text().splitlines()]


def test_every_measurement_is_delivered_once_and_nothing_else(observations: Path, tmp_path: Path) -> None:
    made = events.day_files(observations, b"key", tmp_path / "out")
    delivered = lines(made.on_time) + lines(made.late)
    assert made.rows == len(delivered) == 4_001
    assert made.value_sum == sum(float(str(line["value"])) for line in delivered if line["value"] is not None)
    assert len(made.on_time.files) == events.WINDOW_DAYS
    assert 0.01 < made.late.rows / made.rows < 0.03


def test_a_day_file_holds_its_day_alone_and_no_identifier(observations: Path, tmp_path: Path) -> None:
    made = events.day_files(observations, b"key", tmp_path / "out")
    for file in made.on_time.files:
        day = file.stem.removeprefix("vitals-")
        assert all(json.loads(line)["timestamp"] == f"{day}T07:08:09Z" for line in file.read_text().splitlines())
    tokens = {str(line["patient_token"]) for line in lines(made.on_time)}
    assert len(tokens) == 9
    assert all(len(each) == 32 for each in tokens)


def test_the_key_changes_tokens_only(observations: Path, tmp_path: Path) -> None:
    one = lines(events.day_files(observations, b"one", tmp_path / "1").on_time)
    two = lines(events.day_files(observations, b"two", tmp_path / "2").on_time)
    strip = {"patient_token", "encounter_token"}
    assert one != two
    assert [{k: v for k, v in e.items() if k not in strip} for e in one] == [
        {k: v for k, v in e.items() if k not in strip} for e in two
    ]


def test_two_runs_write_the_same_bytes_in_place_of_older_ones(observations: Path, tmp_path: Path) -> None:
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "vitals-late.json").write_text("of an older run\n")
    one = events.day_files(observations, b"key", tmp_path / "1")
    two = events.day_files(observations, b"key", tmp_path / "2")
    assert [file.read_bytes() for d in (one.on_time, one.late) for file in d.files] == [
        file.read_bytes() for d in (two.on_time, two.late) for file in d.files
    ]


def test_a_patients_day_stays_together() -> None:
    same = [row(n, PATIENT="p", DATE=f"2010-05-06T{n:02d}:00:00Z") for n in range(24)]
    assert len({events.window_day(each["PATIENT"], each["DATE"]) for each in same}) == 1


@pytest.mark.parametrize(("text", "value"), [("1.5", 1.5), ("-3", -3.0), ("negative", None), ("nan", None), ("", None)])
def test_number(text: str, value: float | None) -> None:
    assert events.number(text) == value


def test_a_missing_column_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "observations.csv"
    broken.write_text("DATE,CATEGORY\n2020-01-01,vital-signs\n")
    with pytest.raises(KeyError):
        events.day_files(broken, b"key", tmp_path / "out")
