"""Patients' histories as the events that a hospital's interface delivers: one JSON line per measurement.

A history spans decades and the sandbox's nights look at five weeks. So each patient's day is folded onto one day of
the window, chosen by a digest of patient and date: all that was measured on a patient's day stays together, the time
of day is kept, and the days come out evenly filled. Which rows arrive late is chosen by a digest of the row. Neither
depends on the token key, so that counts and sums are the same in every sandbox with the same seed.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

from druid_reindex.sandbox.tokens import token

WINDOW_START = date(2026, 9, 1)
WINDOW_DAYS = 35
LATE_EVERY = 50
CATEGORIES = frozenset({"vital-signs", "laboratory"})
ON_TIME_DELIVERY = "2026-10-06"
LATE_DELIVERY = "2026-10-08-late"


@dataclass(frozen=True)
class Delivery:
    """What arrived together: `name` is its folder in the landing zone, `rows` the lines in all of its `files`."""

    name: str
    files: tuple[Path, ...]
    rows: int


@dataclass(frozen=True)
class DayFiles:
    """The events of the window, and what a complete ingestion of them adds up to; `value_sum` skips null values."""

    on_time: Delivery
    late: Delivery
    value_sum: float

    @property
    def rows(self) -> int:
        """The events of both deliveries."""
        return self.on_time.rows + self.late.rows


def day_files(observations: Path, key: bytes, into: Path) -> DayFiles:
    """Write one file per day of the window and one with all that is late, in place of older ones; return them.

    Memory does not grow with the input. Raises KeyError when `observations` lacks one of Synthea's columns.
    """
    into.mkdir(parents=True, exist_ok=True)
    on_time = tuple(into / f"vitals-{WINDOW_START + timedelta(days=offset)}.json" for offset in range(WINDOW_DAYS))
    late = into / "vitals-late.json"
    on_time_rows = late_rows = 0
    value_sum = 0.0
    with ExitStack() as opened:
        files = {path: opened.enter_context(path.open("w", encoding="utf-8")) for path in (*on_time, late)}
        for row in _measurements(observations):
            is_late = arrives_late(row)
            late_rows += is_late
            on_time_rows += not is_late
            line = event(row, key)
            value_sum += line["value"] or 0.0
            files[late if is_late else on_time[_offset(row["PATIENT"], row["DATE"])]].write(
                json.dumps(line, separators=(",", ":")) + "\n"
            )
    return DayFiles(
        on_time=Delivery(ON_TIME_DELIVERY, on_time, on_time_rows),
        late=Delivery(LATE_DELIVERY, (late,), late_rows),
        value_sum=value_sum,
    )


def event(row: Mapping[str, str], key: bytes) -> dict[str, Any]:
    """Return the event of one of Synthea's observations: `timestamp` in UTC, `value` null where it is no number."""
    day = window_day(row["PATIENT"], row["DATE"])
    return {
        "timestamp": f"{day}T{row['DATE'].partition('T')[2] or '00:00:00Z'}",
        "patient_token": token(key, "patient", row["PATIENT"]),
        "encounter_token": token(key, "encounter", row["ENCOUNTER"]),
        "category": row["CATEGORY"],
        "code": row["CODE"],
        "description": row["DESCRIPTION"],
        "units": row["UNITS"],
        "type": row["TYPE"],
        "value": number(row["VALUE"]),
    }


def window_day(patient: str, instant: str) -> date:
    """Return the day of the window onto which the patient's day folds that begins `instant`."""
    return WINDOW_START + timedelta(days=_offset(patient, instant))


def arrives_late(row: Mapping[str, str]) -> bool:
    """Return whether the row misses its day's delivery; one row in `LATE_EVERY` does."""
    return _digest(*row.values()) % LATE_EVERY == 0


def number(text: str) -> float | None:
    """Return the finite number in `text`, or None for findings such as `negative`."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _offset(patient: str, instant: str) -> int:
    return _digest(patient, instant.partition("T")[0]) % WINDOW_DAYS


def _measurements(observations: Path) -> Iterator[dict[str, str]]:
    with observations.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            if row["CATEGORY"] in CATEGORIES:
                yield row


def _digest(*parts: str) -> int:
    return int.from_bytes(blake2b("\x1f".join(parts).encode(), digest_size=8).digest())
