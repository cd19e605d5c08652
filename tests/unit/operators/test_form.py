"""The trigger form: what Airflow shows, and that what it lets through is what a run can read."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from druid_reindex.operators.form import trigger_form
from druid_reindex.operators.request import KNOWN, night_request
from night_world import SETTINGS

PROFILES = ("secure", "wide")


def form() -> dict[str, Any]:
    return dict(trigger_form(SETTINGS.pipeline, PROFILES))


def test_the_form_has_the_words_of_a_runs_conf() -> None:
    assert set(form()) == set(KNOWN)


def test_the_form_as_it_stands_is_what_a_scheduled_run_asks_for() -> None:
    conf = {name: param.resolve() for name, param in form().items()}
    run: Any = SimpleNamespace(
        conf=conf,
        run_type="scheduled",
        logical_date=None,
        data_interval_end=None,
        run_after=datetime(2026, 10, 6, tzinfo=UTC),
    )
    asked = night_request(run, SETTINGS.pipeline, PROFILES)
    assert (asked.force, asked.dry_run, asked.batches, asked.reason) == (False, False, None, None)
    assert (asked.engine, asked.profile) == (SETTINGS.pipeline.engine, SETTINGS.pipeline.cluster.profile)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reason", "late claims of 2026-09-03"),
        ("interval", "2026-09-01/2026-09-08"),
        ("interval", "2026-09-01T00:00:00Z/2026-09-01T06:00:00-04:00"),
        ("force", True),
        ("dry_run", True),
        ("batches", [0, 2]),
        ("profile", "wide"),
        ("purge", {"key_file": "s3://drx-phi-111122223333/runs/keys/one.txt", "column": "patient_token"}),
    ],
)
def test_what_a_person_may_enter(name: str, value: object) -> None:
    assert form()[name].resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reason", "why"),
        ("interval", "last week"),
        ("interval", "2026-09-01"),
        ("force", "yes"),
        ("batches", []),
        ("batches", [-1]),
        ("engine", "spark"),
        ("profile", "huge"),
        ("purge", {"key_file": "one.txt", "column": "patient_token"}),
        ("purge", {"key_file": "s3://drx-phi-111122223333/runs/keys/one.txt", "column": "patient"}),
        ("purge", {"key_file": "s3://drx-phi-111122223333/runs/keys/one.txt"}),
    ],
)
def test_what_the_form_refuses(name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        form()[name].resolve(value)
