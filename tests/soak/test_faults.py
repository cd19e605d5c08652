"""Whole nights on real engines whose calls to AWS and to Druid are spoilt on their way.

The operators, triggers and clients run in this process, as in tests/contract/test_faulty_nights.py; EMR's clusters run
HDFS and YARN, and Druid is Druid.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from druid_reindex.clients import session
from druid_reindex.clients.druid_http import Pace
from druid_reindex.model.pipeline import Classification
from druid_reindex.operators.settings import NightSettings
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws import service
from druid_reindex.sandbox.aws.site import REGION
from druid_reindex.sandbox.druid_security import api_config
from emulated_account import role_environment
from faults import Fault, Injector, TlsFiles, faulty, forwarding
from faulty_night import GREEN, ClosingSession, FaultyNight, cluster_states, connected
from night_world import World
from real_sandbox import VITALS, Sandbox

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

DAY = "2026-10-05/2026-10-06"
ALWAYS = 10**6
READ_SECONDS = 15
SILENT_SECONDS = 20.0
LIMIT_SECONDS = 1800.0


@pytest.fixture
def night(sandbox: Sandbox) -> Iterator[FaultyNight]:
    """A night of one day, forced, behind injectors before the account's endpoint and each of Druid's servers."""
    checkout, home, ends = sandbox.checkout, sandbox.home, sandbox.endpoints
    settings = NightSettings.read(checkout / "dags" / "pipelines" / f"{VITALS}.yaml", configs=checkout / "emr_configs")
    made = pki.server_certificate(home, "faults")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        aws, druid = (Injector(silent_seconds=SILENT_SECONDS, slow_seconds=3.0) for _ in range(2))

        def proxy(url: str, injector: Injector) -> str:
            upstream = stack.enter_context(forwarding(url, home.ca_file))
            return stack.enter_context(faulty(upstream, injector, TlsFiles(made.certificate, made.key)))

        environment = role_environment(home, service.airflow_role_arn("phi"))
        for name, value in (environment | {"AWS_ENDPOINT_URL": proxy(ends.aws, aws)}).items():
            patch.setenv(name, value)
        patch.setattr(session, "READ_SECONDS", READ_SECONDS)
        urls = [proxy(url, druid) for url in (ends.overlord, ends.coordinator, ends.druid)]
        config = replace(
            api_config(home, ends, Classification.PHI),
            overlord_url=urls[0], coordinator_url=urls[1], broker_url=urls[2], read_seconds=READ_SECONDS,
        )  # fmt: skip
        run = FaultyNight(aws, druid, settings, limit_seconds=LIMIT_SECONDS, poll_seconds=2.0)
        run.world = World(run_id=run.world.run_id, conf={"interval": DAY, "force": True, "reason": "faults"})
        yield stack.enter_context(connected(run, config, REGION, Pace))


def clusters(night: FaultyNight) -> list[str]:
    """The states of the run's clusters at its end."""
    aws = ClosingSession(REGION)
    try:
        return cluster_states(night, aws.client("emr"), settle_seconds=120.0)
    finally:
        aws.close()


def segments(sandbox: Sandbox) -> set[str]:
    """What serves the day."""
    rows = sandbox.druid.query(
        "SELECT segment_id FROM sys.segments WHERE datasource = ? AND is_active = 1 AND is_overshadowed = 0 "
        "AND \"start\" >= '2026-10-05'",
        [{"type": "VARCHAR", "value": VITALS}],
    )
    return {str(row["segment_id"]) for row in rows}


@pytest.mark.parametrize("fault", list(Fault), ids=str)
def test_a_night_whose_every_call_is_spoilt_once_ends_as_any_other(
    sandbox: Sandbox, night: FaultyNight, fault: Fault
) -> None:
    rows, before = sandbox.rows_by_day(VITALS), segments(sandbox)
    states = night.run(fault)
    assert states == GREEN, night.stopped
    assert clusters(night) == ["TERMINATED"]
    assert sandbox.rows_by_day(VITALS) == rows
    assert len(segments(sandbox) - before) == len(segments(sandbox)) == 1


@pytest.mark.parametrize("operation", ["RunJobFlow", "PutObject", "HeadObject", "submit", "task status", "loadstatus"])
def test_what_fails_all_night_is_a_red_stop_that_clearing_mends(
    sandbox: Sandbox, night: FaultyNight, operation: str
) -> None:
    rows = sandbox.rows_by_day(VITALS)
    night.limit_seconds = 240.0
    states = night.run(Fault.FAILED, operation, times=ALWAYS)
    assert states["verdict"] == "failed"
    assert {*clusters(night)} <= {"TERMINATED"}
    night.limit_seconds = LIMIT_SECONDS
    assert night.mend() == GREEN, night.stopped
    assert {*clusters(night)} == {"TERMINATED"}
    assert sandbox.rows_by_day(VITALS) == rows
    assert len(segments(sandbox)) == 1
