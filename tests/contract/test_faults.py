"""Each kind of outside call, spoilt on its way: the same result, or one clean Transient error, and nothing done twice.

The clients are the product's, the services the emulated account and a Druid of documented answers; between them stands
a proxy of ours.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

import loops
from druid_reindex.clients.druid import DruidClient
from druid_reindex.clients.druid_async import AsyncDruid, open_druid
from druid_reindex.clients.druid_http import DruidConfig
from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.emr_async import AsyncEmr, open_emr
from druid_reindex.clients.s3 import S3Client
from druid_reindex.errors import NoAnswerError, Transient
from druid_reindex.model.cluster import StepState
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Engine
from druid_reindex.model.uri import S3Uri
from druid_reindex.sandbox.aws.site import REGION
from druid_server import DruidServer, unhurried
from emulated_account import Emulator, request, shell, state, until
from faults import Fault, Injector, TlsFiles, faulty
from twins import FakeDruid, Outcome, segment

BUCKET = "drx-phi-111122223333"
KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
DAY = Interval.parse("2026-09-01/2026-09-02")
RUN_TAG = "druid-reindex:run-id"
UNDONE = {Fault.THROTTLED, Fault.FAILED, Fault.RESET, Fault.SILENT}

every_fault = pytest.mark.parametrize("fault", list(Fault), ids=str)


@pytest.fixture(scope="module")
def emr_client(spoilt_aws: Injector) -> EmrClient:
    return EmrClient(boto3.Session(region_name=REGION))


@pytest.fixture(scope="module")
def s3_client(spoilt_aws: Injector) -> S3Client:
    return S3Client(boto3.Session(region_name=REGION))


@pytest.fixture(scope="module")
def busy(emr: Any) -> Iterator[tuple[str, str]]:
    """A cluster and its step that runs."""
    wanted = request(Steps=[shell("sleep 600")], Tags=[{"Key": RUN_TAG, "Value": "busy"}])
    cluster_id = emr.run_job_flow(**wanted)["JobFlowId"]
    until(lambda: state(emr, cluster_id), "RUNNING")
    yield cluster_id, emr.list_steps(ClusterId=cluster_id)["Steps"][0]["Id"]
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    until(lambda: state(emr, cluster_id), "TERMINATED")


READS: dict[str, Callable[[EmrClient, str, str], Any]] = {
    "DescribeCluster": lambda emr, cluster_id, _step: emr.describe_cluster(cluster_id),
    "ListClusters": lambda emr, _cluster, _step: emr.find_clusters(RUN_TAG, "busy"),
    "ListSteps": lambda emr, cluster_id, _step: emr.list_steps(cluster_id),
    "DescribeStep": lambda emr, cluster_id, step_id: emr.describe_step(cluster_id, step_id),
}


@every_fault
@pytest.mark.parametrize("operation", READS)
def test_what_is_read_of_emr_is_the_same(
    spoilt_aws: Injector, emr_client: EmrClient, busy: tuple[str, str], operation: str, fault: Fault
) -> None:
    expected = READS[operation](emr_client, *busy)
    spoilt_aws.arm(fault, operation)
    assert READS[operation](emr_client, *busy) == expected
    assert spoilt_aws.spoilt[operation] == 1


def outcome(create: Callable[[], str]) -> str | Transient:
    """What was created, or the error that leaves it to the caller to look."""
    try:
        return create()
    except Transient as error:
        return error


@every_fault
def test_one_cluster_is_launched_or_none(spoilt_aws: Injector, emr_client: EmrClient, emr: Any, fault: Fault) -> None:
    run = str(uuid.uuid4())
    spoilt_aws.arm(fault, "RunJobFlow")
    told = outcome(lambda: emr_client.run_job_flow(request(Tags=[{"Key": RUN_TAG, "Value": run}])))
    assert spoilt_aws.seen["RunJobFlow"] == 1
    assert isinstance(told, NoAnswerError) == (fault in {Fault.UNANSWERED, Fault.RESET, Fault.SILENT})
    found = [cluster.cluster_id for cluster in emr_client.find_clusters(RUN_TAG, run)]
    assert len(found) == (0 if fault in UNDONE else 1)
    assert found == [told] or fault is not Fault.SLOW
    for cluster_id in found:
        emr_client.terminate(cluster_id)
        until(lambda cluster_id=cluster_id: state(emr, cluster_id), "TERMINATED")


@every_fault
def test_one_step_is_added_or_none(
    spoilt_aws: Injector, emr_client: EmrClient, busy: tuple[str, str], fault: Fault
) -> None:
    spoilt_aws.arm(fault, "AddJobFlowSteps")
    told = outcome(lambda: emr_client.add_step(busy[0], shell("true", name=f"added-{fault}")))
    assert spoilt_aws.seen["AddJobFlowSteps"] == 1
    found = [step.step_id for step in emr_client.list_steps(busy[0]) if step.name == f"added-{fault}"]
    assert len(found) == (0 if fault in UNDONE else 1)
    assert found == [told] or fault is not Fault.SLOW


@every_fault
def test_a_step_is_cancelled(spoilt_aws: Injector, emr_client: EmrClient, busy: tuple[str, str], fault: Fault) -> None:
    step_id = emr_client.add_step(busy[0], shell("true", name=f"cancelled-{fault}"))
    spoilt_aws.arm(fault, "CancelSteps")
    emr_client.cancel_step(busy[0], step_id)
    assert spoilt_aws.spoilt["CancelSteps"] == 1
    assert emr_client.describe_step(busy[0], step_id).state is StepState.CANCELLED


@every_fault
@pytest.mark.parametrize("operation", ["SetTerminationProtection", "TerminateJobFlows"])
def test_a_protected_cluster_ends(
    spoilt_aws: Injector, emr_client: EmrClient, launch: Callable[..., str], operation: str, fault: Fault
) -> None:
    cluster_id = launch(Instances={**request()["Instances"], "TerminationProtected": True})
    spoilt_aws.arm(fault, operation)
    emr_client.terminate(cluster_id)
    assert spoilt_aws.spoilt[operation] == 1
    until(lambda: emr_client.describe_cluster(cluster_id).state.value, "TERMINATED")


OBJECTS: dict[str, Callable[[S3Client, S3Uri], Any]] = {
    "PutObject": lambda s3, uri: s3.put(uri / "new", b"bytes", kms_key_arn=KEY),
    "PutObjectIf": lambda s3, uri: s3.put_if(uri / "first", b"bytes", kms_key_arn=KEY, etag=None),
    "GetObject": lambda s3, uri: s3.get(uri / "there"),
    "HeadObject": lambda s3, uri: [*s3.kms_keys([uri / "there"]).values()],
    "ListObjects": lambda s3, uri: [each.uri for each in s3.listing(uri)],
    "DeleteObject": lambda s3, uri: s3.delete(uri / "there"),
}


@every_fault
@pytest.mark.parametrize("operation", OBJECTS)
def test_what_s3_is_asked_is_done_once(spoilt_aws: Injector, s3_client: S3Client, operation: str, fault: Fault) -> None:
    def carried_out(folder: S3Uri) -> tuple[str, dict[str, bytes]]:
        s3_client.put(folder / "there", b"what is there", kms_key_arn=KEY)
        spoilt_aws.arm(fault if folder.key.endswith(fault) else None, operation)
        told = repr(OBJECTS[operation](s3_client, folder)).replace(folder.key, "")
        assert spoilt_aws.spoilt[operation] == (1 if folder.key.endswith(fault) else 0)
        listed = s3_client.listing(folder)
        return told, {each.uri.key.removeprefix(folder.key): s3_client.get(each.uri) for each in listed}

    direct, spoilt = (
        carried_out(S3Uri(BUCKET, f"faults/{operation}/{fault}{end}")) for end in ("-direct", f"/{fault}")
    )
    assert spoilt == direct


@dataclass
class SpoiltDruid:
    """A Druid of documented answers behind an injector."""

    injector: Injector
    druid: FakeDruid
    config: DruidConfig


@pytest.fixture
def druid(emulator: Emulator, tls: TlsFiles) -> Iterator[SpoiltDruid]:
    held = FakeDruid([segment(str(DAY))], [Outcome(TaskState.FAILED, "java.lang.OutOfMemoryError", polls=0)])
    held.answers = lambda _sql, _parameters: [{"n": 1}]
    injector = Injector(silent_seconds=0.8)
    with faulty(DruidServer("25.0.0", held), injector, tls) as url:
        yield SpoiltDruid(injector, held, DruidConfig(url, url, url, ca_file=emulator.home.ca_file, read_seconds=0.5))


ASKED: dict[str, Callable[[DruidClient], Any]] = {
    "version": lambda druid: druid.check_engine(Engine.HADOOP),
    "submit": lambda druid: druid.submit_task({"id": "new"}),
    "task status": lambda druid: druid.task_status("known"),
    "task reports": lambda druid: druid.task_failure("known"),
    "task log": lambda druid: druid.task_failure("known"),
    "task shutdown": lambda druid: druid.shutdown_task("known"),
    "tasks": lambda druid: druid.active_tasks("vitals"),
    "segments": lambda druid: [found.segment_id for found in druid.used_segments("vitals", [DAY])],
    "loadstatus": lambda druid: druid.load_status("vitals", DAY, refresh=True),
    "sql": lambda druid: (druid.query("SELECT 1"), druid.segment_rows("vitals", [DAY])),
}


@every_fault
@pytest.mark.parametrize("operation", ASKED)
def test_what_druid_is_asked_is_done_once(druid: SpoiltDruid, operation: str, fault: Fault) -> None:
    with DruidClient(druid.config, pace=unhurried()) as client:
        client.submit_task({"id": "known"})
        expected = "new" if operation == "submit" else ASKED[operation](client)
        druid.injector.arm(fault, operation)
        assert ASKED[operation](client) == expected
    assert druid.injector.spoilt[operation] == 1
    assert [task["id"] for task in druid.druid.submitted] == ["known", "new"][: 2 if operation == "submit" else 1]


def killed(kill: Callable[[AsyncEmr], Awaitable[None]]) -> None:
    """What a trigger does when it is killed."""

    async def run() -> None:
        async with open_emr(aio_session, REGION) as emr:
            await kill(emr)

    loops.run(run())


@every_fault
@pytest.mark.parametrize("operation", ["SetTerminationProtection", "TerminateJobFlows"])
def test_a_killed_wait_ends_its_cluster(
    spoilt_aws: Injector, emr_client: EmrClient, launch: Callable[..., str], operation: str, fault: Fault
) -> None:
    cluster_id = launch()
    spoilt_aws.arm(fault, operation)
    killed(lambda emr: emr.terminate(cluster_id))
    assert spoilt_aws.spoilt[operation] == 1
    until(lambda: emr_client.describe_cluster(cluster_id).state.value, "TERMINATED")


@every_fault
def test_a_killed_wait_cancels_its_step(
    spoilt_aws: Injector, emr_client: EmrClient, busy: tuple[str, str], fault: Fault
) -> None:
    step_id = emr_client.add_step(busy[0], shell("true", name=f"killed-{fault}"))
    spoilt_aws.arm(fault, "CancelSteps")
    killed(lambda emr: emr.cancel_step(busy[0], step_id))
    assert spoilt_aws.spoilt["CancelSteps"] == 1
    assert emr_client.describe_step(busy[0], step_id).state is StepState.CANCELLED


@every_fault
def test_a_killed_wait_stops_its_task(druid: SpoiltDruid, fault: Fault) -> None:
    druid.druid.submit_task({"id": "first"})
    druid.druid.submit_task({"id": "known"})

    async def kill() -> None:
        async with open_druid(druid.config) as client:
            await client.shutdown_task("known")

    druid.injector.arm(fault, "task shutdown")
    loops.run(kill())
    assert druid.druid.ended["known"] is TaskState.FAILED
    assert druid.injector.spoilt["task shutdown"] == 1


LOOKS: dict[str, Callable[[AsyncDruid], Awaitable[Any]]] = {
    "task status": lambda druid: druid.task_statuses(["known"]),
    "sql": lambda druid: druid.unannounced("vitals", DAY),
}


@every_fault
@pytest.mark.parametrize("operation", LOOKS)
def test_a_look_that_is_spoilt_is_an_error_that_is_waited_past(
    druid: SpoiltDruid, operation: str, fault: Fault
) -> None:
    async def look() -> Any:
        async with open_druid(druid.config) as client:
            return await LOOKS[operation](client)

    druid.druid.submit_task({"id": "other"})
    druid.druid.submit_task({"id": "known"})
    druid.druid.shutdown_task("known")
    expected = loops.run(look())
    druid.injector.arm(fault, operation)
    if fault is Fault.SLOW:
        assert loops.run(look()) == expected
    else:
        with pytest.raises(Transient):
            loops.run(look())
    assert loops.run(look()) == expected


def aio_session() -> Any:
    """The session that the triggers' connection gives."""
    from aiobotocore.session import get_session

    return get_session()
