"""Tests of which jobs a batch had, and what versions were theirs."""

from __future__ import annotations

import json

import pytest

from druid_reindex.clients.batch_jobs import steps_of, tasks_of
from druid_reindex.errors import ProtocolError
from druid_reindex.plan import names
from timelines import RUN, boundaries, pipeline
from twins import FakeDruid, FakeStore

PHI = boundaries().phi
PREFIX = names.task_prefix("patient_vitals", RUN)


def test_the_overlords_tasks_of_the_batch_and_how_long_each_lived() -> None:
    rows = [
        {"task_id": f"{PREFIX}b1_aaaaaaaa_g1", "created_time": "2026-10-06T02:00:00.5Z", "duration": 90_000},
        {"task_id": f"{PREFIX}b1_aaaaaaaa_g2", "created_time": "2026-10-06T03:00:00.000Z", "duration": -1},
        {"task_id": f"{PREFIX}b11_aaaaaaaa_g1", "created_time": "2026-10-06T04:00:00.000Z", "duration": 1},
        {"task_id": "compact_patient_vitals", "created_time": "2026-10-06T05:00:00.000Z", "duration": 1},
    ]
    asked = []
    druid = FakeDruid(answers=lambda sql, parameters: asked.append((sql, parameters[0]["value"])) or rows)
    assert tasks_of(druid, pipeline(), RUN, 1) == {
        f"{PREFIX}b1_aaaaaaaa_g1": ("2026-10-06T02:00:00.500Z", "2026-10-06T02:01:30.500Z"),
        f"{PREFIX}b1_aaaaaaaa_g2": ("2026-10-06T03:00:00.000Z", "2026-10-06T03:00:00.000Z"),
    }
    assert [value for sql, value in asked if "sys.tasks" in sql] == ["patient_vitals"]


def put(store: FakeStore, name: str, body: object) -> None:
    uri = names.batch_prefix(PHI, RUN, 1) / name
    store.put(uri, json.dumps(body).encode(), kms_key_arn=PHI.kms_key_arn)


def test_a_step_published_under_the_version_of_its_spec() -> None:
    store = FakeStore()
    put(store, f"{PREFIX}b1_aaaaaaaa_g1/spec.json", {"spec": {"tuningConfig": {"version": "v7"}}})
    put(store, f"{PREFIX}b1_aaaaaaaa_g1/result.json", {})
    put(store, "result.json", {})
    assert steps_of(store, PHI, RUN, 1) == {f"{PREFIX}b1_aaaaaaaa_g1": ("v7", "v7")}
    assert steps_of(store, PHI, RUN, 2) == {}


def test_a_spec_without_a_version_is_told_by_its_address() -> None:
    store = FakeStore()
    put(store, f"{PREFIX}b1_aaaaaaaa_g1/spec.json", {"spec": {}})
    with pytest.raises(ProtocolError, match=r"batches/1/.*spec\.json.*KeyError"):
        steps_of(store, PHI, RUN, 1)
