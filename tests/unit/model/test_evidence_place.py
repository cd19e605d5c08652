"""Where evidence is kept: full names, six years, and which lock is at least as strict as another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.evidence_place import EvidencePlace, LockMode, ObjectLock

KEY = "arn:aws:kms:us-east-1:111122223333:key/33333333-3333-4333-8333-333333333333"
WRITTEN: dict[str, Any] = {"uri": "s3://drx-evidence/phi", "kms_key_arn": KEY, "signing_key_arn": KEY}
NOW = datetime(2026, 10, 6, 5, 0, 0, 999, tzinfo=UTC)
LOCK = ObjectLock(LockMode.GOVERNANCE, NOW, is_held=True)


def test_six_years_and_a_hold_unless_a_file_says_otherwise() -> None:
    lock = EvidencePlace(**WRITTEN).lock(NOW)
    assert lock == ObjectLock(LockMode.GOVERNANCE, datetime(2032, 10, 6, 5, 0, tzinfo=UTC), is_held=True)


@pytest.mark.parametrize(("field", "value"), [
    ("uri", "drx-evidence"), ("kms_key_arn", "alias/drx"), ("signing_key_arn", "arn:aws:iam::111122223333:role/x"),
    ("mode", "governance "), ("retention_days", 0), ("retention_days", 40_000), ("agreement", ""), ("bucket", "x"),
    ("trail_arn", "drx"), ("trail_arn", "arn:aws:cloudtrail:us-east-1:111122223333:channel/x"),
])  # fmt: skip
def test_what_cannot_work_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        EvidencePlace(**WRITTEN | {field: value})


@pytest.mark.parametrize(("found", "covers"), [
    (LOCK, True),
    (replace(LOCK, mode=LockMode.COMPLIANCE), True),
    (replace(LOCK, until=NOW + timedelta(days=1)), True),
    (replace(LOCK, until=NOW - timedelta(seconds=1)), False),
    (replace(LOCK, is_held=False), False),
])  # fmt: skip
def test_a_lock_covers_what_is_no_stricter(found: ObjectLock, covers: bool) -> None:
    assert found.covers(LOCK) is covers
    assert not replace(LOCK, mode=LockMode.GOVERNANCE).covers(replace(LOCK, mode=LockMode.COMPLIANCE))
    assert LOCK.covers(replace(LOCK, is_held=False))


def test_the_trail_is_named_in_full() -> None:
    arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/drx"
    assert EvidencePlace(**WRITTEN, trail_arn=arn).trail_arn == arn
