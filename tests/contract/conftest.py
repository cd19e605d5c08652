"""One emulated account for all contract tests: the real process, without Hadoop's daemons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, request, start, state, until


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    home = SandboxHome(tmp_path_factory.mktemp("aws") / "home", SandboxHome.from_environment().cache)
    started = start(home, Daemons.NONE)
    try:
        yield started
    finally:
        assert started.process.stop() == 0


@pytest.fixture(scope="session")
def emr(emulator: Emulator) -> Iterator[Any]:
    client = emulator.client("emr")
    yield client
    client.close()


@pytest.fixture(scope="session")
def s3(emulator: Emulator) -> Iterator[Any]:
    client = emulator.client("s3")
    yield client
    client.close()


@pytest.fixture
def launch(emr: Any) -> Iterator[Callable[..., str]]:
    """Launch clusters that are gone when the test ends."""
    launched: list[str] = []

    def run(**changes: Any) -> str:
        launched.append(emr.run_job_flow(**request(**changes))["JobFlowId"])
        return launched[-1]

    yield run
    for cluster_id in launched:
        if not state(emr, cluster_id).startswith("TERMINAT"):
            emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
            emr.terminate_job_flows(JobFlowIds=[cluster_id])
    for cluster_id in launched:
        until(lambda cluster_id=cluster_id: state(emr, cluster_id), "TERMINATED", "TERMINATED_WITH_ERRORS")
