"""What a triggerer asks is journalled, for all who wait at once, also when nobody waits any more or one is killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import loops
from druid_reindex.clients.journal import SPOOL_VARIABLE, current
from druid_reindex.model.attempt import Attempt
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.identity import RunId
from druid_reindex.model.journal import from_line
from druid_reindex.operators import connections
from druid_reindex.operators.journalling import Keeping
from druid_reindex.operators.triggers.journal import WaitJournal
from druid_reindex.operators.triggers.waits import EmrStepTrigger
from night_world import SETTINGS
from scripted_aws import Answer, scripted
from twins import FakeStore

JOURNAL = SETTINGS.wait_journal
DEPLOYMENT = RunId(SETTINGS.boundaries.deployment_id)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeStore:
    made = FakeStore()
    monkeypatch.setenv(SPOOL_VARIABLE, str(tmp_path))
    monkeypatch.setattr(connections, "s3_client", lambda _conn_id, _region: made)
    plain = {"conn_type": "aws", "login": "AKIDEXAMPLE", "password": "canary-key", "extra": {}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_PHI", json.dumps(plain))
    return made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The operations that EMR is asked for; each step is running at the first look and has ended at the next."""
    operations: list[str] = []

    def script(number: int, target: str) -> Answer:
        operations.append(target.rpartition(".")[2])
        state = "RUNNING" if number == 0 else "COMPLETED"
        steps = [{"Id": f"s-{n}", "Name": f"n{n}", "Status": {"State": state}} for n in range(3)]
        return Answer(body={"Steps": steps, "CancelStepsInfoList": []}, request_id=f"r-{number}")

    with scripted(script) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR", url)
        yield operations


def trigger(step_id: str = "s-0") -> EmrStepTrigger:
    deadline = (datetime.now(UTC) + timedelta(seconds=20)).isoformat()
    where: dict[str, Any] = SETTINGS.aws_arguments | {"cluster_id": "j-1", "step_id": step_id}
    return EmrStepTrigger(poll_seconds=0.01, deadline=deadline, journal=JOURNAL.arguments(), **where)


async def fired(waits: EmrStepTrigger) -> list[str]:
    return [event.payload["why"] async for event in waits.run()]


def journalled(store: FakeStore) -> list[AwsCall]:
    """The calls in all journals that the store has; each lies below the deployment's own prefix."""
    lines = []
    for uri, (body, key) in store.objects.items():
        assert uri.key.startswith(f"runs/{DEPLOYMENT}/journal/triggerer.-1.1.")
        assert key == JOURNAL.kms_key_arn
        lines += body.splitlines()
    return [call for call in map(from_line, lines) if isinstance(call, AwsCall)]


def test_one_look_for_all_who_wait_is_one_line(store: FakeStore, asked: list[str]) -> None:
    async def wait() -> list[list[str]]:
        told = await asyncio.gather(*(fired(trigger(f"s-{n}")) for n in range(3)))
        await asyncio.sleep(0.5)
        return told

    assert loops.run(wait()) == [[f"step s-{n} is COMPLETED"] for n in range(3)]
    calls = journalled(store)
    assert len(calls) == len(asked)
    assert {call.operation for call in calls} == {"ListSteps"}
    assert {(call.run, call.task) for call in calls} == {(str(DEPLOYMENT), Attempt(DEPLOYMENT, "triggerer").task)}
    assert [call.request_id for call in calls] == [f"r-{n}" for n in range(len(asked))]
    assert Keeping.of(SETTINGS.boundary).files.waiting() == []
    assert current() is None


def test_what_a_killed_wait_asks_is_journalled(store: FakeStore, asked: list[str]) -> None:
    loops.run(trigger().on_kill())
    assert [call.operation for call in journalled(store)] == asked == ["CancelSteps"]
    assert all(b"canary" not in body for body, _ in store.objects.values())


def test_without_a_place_nothing_is_kept(store: FakeStore, asked: list[str]) -> None:
    waits = trigger()
    waits.journal = None
    assert loops.run(fired(waits)) == ["step s-0 is COMPLETED"]
    loops.run(waits.on_kill())
    assert asked[-1] == "CancelSteps"
    assert store.objects == {}


def test_it_is_made_again_from_what_a_trigger_is_stored_with() -> None:
    _, arguments = trigger().serialize()
    assert WaitJournal(**json.loads(json.dumps(arguments["journal"]))) == JOURNAL
