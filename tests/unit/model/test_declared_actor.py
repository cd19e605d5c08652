"""What may be declared of somebody else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.uri import S3Uri

HISTORICALS: dict[str, Any] = {
    "name": "historicals", "principal": "arn:aws:iam::111122223333:role/DruidNode", "verbs": ["s3:GetObject"],
    "prefix": "s3://drx-phi-111122223333/druid/segments", "owner": "druid", "expires": "2027-06-30",
    "purpose": "Druid's nodes load the segments that they serve.",
}  # fmt: skip


def actor(**changes: Any) -> DeclaredActor:
    return DeclaredActor.model_validate(HISTORICALS | changes)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-21T{clock}:00").replace(tzinfo=UTC)


def test_a_role_and_a_service() -> None:
    assert actor().where == S3Uri("drx-phi-111122223333", "druid/segments")
    assert actor(principal=None, invoked_by="replication.s3.amazonaws.com").invoked_by


@pytest.mark.parametrize(
    ("window", "open_", "closed"),
    [
        (None, ["00:00", "23:59"], []), ("02:00-06:00", ["02:00", "05:59"], ["01:59", "06:00"]),
        ("22:00-04:00", ["22:00", "00:00", "03:59"], ["04:00", "21:59"]),
    ],
)  # fmt: skip
def test_its_hours(window: str | None, open_: list[str], closed: list[str]) -> None:
    assert [clock for clock in (*open_, *closed) if actor(window=window).is_open(at(clock))] == open_


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": None}, {"invoked_by": "s3.amazonaws.com"}, {"principal": "arn:aws:iam::111122223333:role/*"},
        {"principal": "arn:aws:iam::111122223333:root"}, {"principal": "arn:aws:s3:::role/x"},
        {"principal": "DruidNode"},
        {"verbs": []}, {"verbs": ["GetObject"]}, {"verbs": ["s3:Get*"]}, {"verbs": ["s3:*"]}, {"prefix": "druid"},
        {"window": "2-6"}, {"window": "02:00-24:00"}, {"purpose": "why"}, {"expires": "never"}, {"owner": ""},
        {"name": "His Torical"}, {"invoked_by": "someone", "principal": None},
    ],
)  # fmt: skip
def test_what_declares_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        actor(**changes)
