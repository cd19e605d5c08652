"""A Redshift in memory that does what our scripts say: files and manifests for an unload, a ledger for loads."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from druid_reindex.model.transfer import Load, Unload
from druid_reindex.model.uri import S3Uri
from night_world import ROOT, SETTINGS
from twins import BatchError, FakeStore

KEY = SETTINGS.boundary.kms_key_arn
UNLOAD = Unload.model_validate({"name": "claims", "sql": "unload/patient_claims.sql", "format": "json"})
LOAD = Load.model_validate({
    "name": "snapshot", "table": "clinic.patient_snapshot", "columns": ["patient_token", "day"], "mode": "merge",
    "keys": ["day"], "unload": "claims", "format": "json",
})  # fmt: skip
Rows = list[list[dict[str, Any]]]


def sql(name: str) -> str:
    """A file of sql/ as Airflow hands it to the operator."""
    return (ROOT / "sql" / name).read_text()


@dataclass
class Warehouse:
    """``unloads`` says how many rows each successive unload has, ``broken`` what is said of the nth batch instead.

    ``published`` are the keys of the loads that changed the table, in order.
    """

    store: FakeStore
    unloads: list[int] = field(default_factory=lambda: [3])
    broken: dict[int, BatchError] = field(default_factory=dict)
    halves: set[int] = field(default_factory=set)
    published: list[str] = field(default_factory=list)
    ledger: dict[str, int] = field(default_factory=dict)
    batches: int = 0

    def __call__(self, _name: str, statements: Sequence[str]) -> Rows:
        number, self.batches = self.batches, self.batches + 1
        if statements[0].startswith("UNLOAD"):
            return self._unload(number, statements)
        if number in self.broken:
            raise self.broken[number]
        if statements[0].startswith("LOCK"):
            return self._load(statements)
        return [[{"column_name": "day ", "column_type": "date", "error_code": 1206, "line_number": 3}]
                if "sys_load_error_detail" in each else [] for each in statements]  # fmt: skip

    def _unload(self, number: int, statements: Sequence[str]) -> Rows:
        prefix = S3Uri.parse(_one(r" TO '([^']+)'", statements[0]))
        rows = self.unloads.pop(0) if len(self.unloads) > 1 else self.unloads[0]
        self.store.put(prefix / "0000_part_00", b"x" * rows, kms_key_arn=KEY)
        if number in self.broken:
            raise self.broken[number]
        entry = {"url": str(prefix / "0000_part_00"), "meta": {"content_length": rows, "record_count": rows}}
        if rows:
            body = json.dumps({"entries": [entry], "meta": {"record_count": rows}}).encode()
            self.store.put(prefix / "manifest", body, kms_key_arn=KEY)
        return [[], [{"rows": rows - (number in self.halves)}]]

    def _load(self, statements: Sequence[str]) -> Rows:
        key = _one(r"load_key = '(\w{64})'", statements[-1])
        rows = int(_one(r"COUNT\(\*\) = (\d+) THEN 1 ELSE 0 END AS checked FROM \"drx_stage", " ".join(statements)))
        if key not in self.ledger:
            self.published.append(key)
        return [[] for _ in statements[1:]] + [[{"rows": self.ledger.setdefault(key, rows)}]]


def _one(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]
