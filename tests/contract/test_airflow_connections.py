"""The sandbox's AWS connections: Airflow becomes the role of each side, in tasks and in triggers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

import loops
from druid_reindex.operators import connections
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import REGION
from emulated_account import Emulator

SIDES = {"phi": "DrxAirflowPhi", "general": "DrxAirflowGeneral"}


@pytest.fixture(autouse=True)
def worker(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an Airflow worker of the sandbox has in its environment."""
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    key = service.access_key(emulator.home, "airflow")
    for side in SIDES:
        extra = {"region_name": REGION, "role_arn": service.airflow_role_arn(side)}
        account = {"conn_type": "aws", "login": key.id, "password": key.secret, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_AWS_{side.upper()}", json.dumps(account))


@pytest.mark.parametrize(("side", "role"), SIDES.items())
def test_a_task_is_the_role(side: str, role: str) -> None:
    session = connections.aws_session(f"aws_{side}", REGION)
    assert f":assumed-role/{role}/" in session.client("sts").get_caller_identity()["Arn"]
    assert session.client("emr").list_clusters(ClusterStates=["STARTING"])["Clusters"] == []


@pytest.mark.parametrize(("side", "role"), SIDES.items())
def test_a_trigger_is_the_role_too(side: str, role: str, launch: Callable[..., str]) -> None:
    cluster_id = launch()

    async def ask() -> tuple[str, str]:
        session = await asyncio.to_thread(connections._aio_session, f"aws_{side}", REGION)
        async with session.create_client("sts", region_name=REGION) as sts:
            who = await sts.get_caller_identity()
        async with connections.async_emr(f"aws_{side}", REGION) as emr:
            return who["Arn"], (await emr.describe_cluster(cluster_id)).cluster_id

    arn, found = loops.run(ask())
    assert f":assumed-role/{role}/" in arn
    assert found == cluster_id
