"""One emulated account for all contract tests: the real process, without Hadoop's daemons."""

from __future__ import annotations

import os
import tempfile
import types
from collections.abc import Callable, Iterator
from typing import Any

import botocore.endpoint
import pytest

import redshift_account
from druid_reindex.clients import session
from druid_reindex.sandbox import pki
from druid_reindex.sandbox.aws.site import Daemons
from druid_reindex.sandbox.home import SandboxHome
from emulated_account import Emulator, request, start, state, until
from faults import Injector, TlsFiles, faulty, forwarding
from redshift_account import Warehouse

# Airflow reads it, and makes the folder, when it is imported.
_HOME = tempfile.TemporaryDirectory(prefix="druid-reindex-airflow-", ignore_cleanup_errors=True)
os.environ.setdefault("AIRFLOW_HOME", _HOME.name)


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


@pytest.fixture(scope="session")
def tls(emulator: Emulator) -> TlsFiles:
    """The certificate of what stands between clients and services."""
    made = pki.server_certificate(emulator.home, "faults")
    return TlsFiles(made.certificate, made.key)


@pytest.fixture(scope="module")
def spoilt_aws(emulator: Emulator, tls: TlsFiles) -> Iterator[Injector]:
    """What the environment's AWS calls meet on their way; clients wait a second for an answer, and then ask at once."""
    injector = Injector()
    account = emulator.environment["AWS_ENDPOINT_URL"]
    with (
        forwarding(account, emulator.home.ca_file) as upstream,
        faulty(upstream, injector, tls) as url,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in (emulator.environment | {"AWS_ENDPOINT_URL": url}).items():
            patch.setenv(name, value)
        patch.setattr(session, "READ_SECONDS", 1)
        patch.setattr(botocore.endpoint, "time", types.SimpleNamespace(sleep=lambda _seconds: None))
        yield injector


@pytest.fixture(autouse=True)
def nothing_spoilt(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test arms the injector itself."""
    yield
    if "spoilt_aws" in request.fixturenames:
        request.getfixturevalue("spoilt_aws").arm(None)


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """An enforcing account whose Redshift runs on a PostgreSQL of its own."""
    with redshift_account.warehouse(tmp_path_factory.mktemp("redshift")) as found:
        yield found
