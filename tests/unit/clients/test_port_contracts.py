"""What each port promises, asked of the client and of its twin alike."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from moto import mock_aws

from druid_reindex.clients.emr import EmrClient
from druid_reindex.clients.log_files import LogFiles
from druid_reindex.clients.s3 import S3Client
from druid_reindex.clients.session import build_session
from druid_reindex.errors import ConflictError, IntegrityError, NotFoundError, Terminal
from druid_reindex.model.druid_task import TaskState
from druid_reindex.model.interval import Interval
from druid_reindex.model.pipeline import Engine
from druid_reindex.model.segment import SEVERAL
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.writers import Supervisor, Writers
from druid_reindex.ports import DruidPort, EmrPort, LogFilesPort, ObjectStorePort, ObjectVersionsPort
from druid_server import RELEASES, DruidServer, client
from twins import EPOCH, FakeDruid, FakeEmr, FakeLogFiles, FakeStore, FakeVersions, Outcome, segment

FIRST, SECOND = Interval.parse("2026-09-01/2026-09-02"), Interval.parse("2026-09-02/2026-09-03")
KEY = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
RUN_TAG = "druid-reindex:run-id"


def held() -> FakeDruid:
    old = [segment(str(FIRST), number=0), segment(str(FIRST), number=1), segment(str(SECOND), rows=7)]
    new = segment(str(FIRST), version="v2", rows=20)
    reason = "java.lang.IllegalStateException: no space left"
    outcomes = [Outcome(publishes=[new]), Outcome(TaskState.FAILED, reason)]
    answers = lambda _sql, parameters: [{"rows": len(parameters)}]  # noqa: E731
    return FakeDruid(old, outcomes, [2, 0], answers=answers, types={"code": SEVERAL})


@pytest.fixture(params=["twin", *RELEASES])
def druid(request: pytest.FixtureRequest) -> DruidPort:
    return held() if request.param == "twin" else client(DruidServer(request.param, held()))


@pytest.fixture(params=["twin", *RELEASES])
def streaming(request: pytest.FixtureRequest) -> DruidPort:
    """A Druid into which a supervisor streams."""
    held = FakeDruid(supervisors=[Supervisor("vitals", is_suspended=False)])
    return held if request.param == "twin" else client(DruidServer(request.param, held))


@pytest.fixture(params=["twin", *RELEASES])
def lockless(request: pytest.FixtureRequest) -> DruidPort:
    """A Druid whose first task gets no locks."""
    held = FakeDruid(outcomes=[Outcome(polls=9, queued_since=EPOCH)])
    return held if request.param == "twin" else client(DruidServer(request.param, held))


def test_druid_runs_a_task_and_publishes_its_segments(druid: DruidPort) -> None:
    assert druid.check_engine(Engine.HADOOP).count(".") == 2
    assert druid.task_status("t1").state is TaskState.ABSENT
    assert druid.submit_task({"id": "t1", "type": "index_hadoop"}) == "t1"
    assert druid.submit_task({"id": "t1", "type": "index_hadoop"}) == "t1"
    assert [druid.task_status("t1").state for _ in range(3)][-1] is TaskState.SUCCESS
    assert [s.version for s in druid.used_segments("vitals", [FIRST])] == ["v1", "v1", "v2"]


def test_druid_says_why_a_task_failed(druid: DruidPort) -> None:
    druid.submit_task({"id": "t1"})
    druid.submit_task({"id": "t2"})
    assert [druid.task_status("t2").state for _ in range(2)] == [TaskState.RUNNING, TaskState.FAILED]
    assert "no space left" in druid.task_failure("t2")
    with pytest.raises(NotFoundError):
        druid.task_failure("t3")


def test_druid_stops_a_task_and_leaves_ended_and_unknown_ones(druid: DruidPort) -> None:
    druid.submit_task({"id": "t1"})
    for task_id in ("t1", "t1", "never-submitted"):
        druid.shutdown_task(task_id)
    assert druid.task_status("t1").state is TaskState.FAILED


def test_druid_lists_the_active_tasks_of_one_datasource(druid: DruidPort) -> None:
    assert druid.active_tasks("vitals") == []
    druid.submit_task({"id": "t1"})
    druid.submit_task({"id": "t2"})
    assert [(task.task_id, task.state) for task in druid.active_tasks("vitals")] == [
        ("t1", TaskState.RUNNING),
        ("t2", TaskState.RUNNING),
    ]
    assert druid.active_tasks("claims") == []
    druid.shutdown_task("t1")
    assert [task.task_id for task in druid.active_tasks("vitals")] == ["t2"]


def test_druid_tells_which_tasks_have_their_locks(druid: DruidPort, lockless: DruidPort) -> None:
    for asked, is_queued in ((druid, False), (lockless, True)):
        asked.submit_task({"id": "t1"})
        assert (asked.task_status("t1").is_queued, asked.active_tasks("vitals")[0].is_queued) == (is_queued,) * 2
    assert lockless.task_status("t1").created_at == EPOCH


def test_druid_tells_who_else_may_write_a_datasource(druid: DruidPort) -> None:
    assert druid.writers("vitals") == Writers()
    druid.submit_task({"id": "t1"})
    assert druid.writers("vitals") == Writers(active=("t1",))
    assert druid.writers("claims") == Writers()
    while not druid.task_status("t1").state.is_ended:
        pass
    assert druid.writers("vitals", since=datetime.now(UTC)) == Writers(succeeded=("t1",))
    assert druid.writers("vitals") == Writers()


def test_druid_suspends_a_supervisor_once_and_keeps_its_history(streaming: DruidPort) -> None:
    assert streaming.writers("vitals").supervisors == (Supervisor("vitals", is_suspended=False),)
    (first,) = streaming.supervisor_versions("vitals")
    assert not first.is_suspended
    assert [streaming.suspend_supervisor("vitals") for _ in range(2)] == [True, False]
    assert streaming.writers("vitals").supervisors == (Supervisor("vitals", is_suspended=True),)
    assert [streaming.resume_supervisor("vitals") for _ in range(2)] == [True, False]
    assert [each.is_suspended for each in streaming.supervisor_versions("vitals")] == [False, True, False]
    assert streaming.supervisor_versions("vitals")[-1] == first


def test_druid_leaves_a_supervisor_that_it_does_not_know(streaming: DruidPort) -> None:
    assert streaming.supervisor_versions("unheard-of") == []
    assert not streaming.suspend_supervisor("unheard-of")
    assert not streaming.resume_supervisor("unheard-of")


def test_druid_lists_segments_and_rows_by_interval(druid: DruidPort) -> None:
    assert [s.partition_num for s in druid.used_segments("vitals", [FIRST])] == [0, 1]
    assert len(druid.used_segments("vitals", [FIRST, SECOND])) == 3
    assert druid.used_segments("vitals", []) == []
    assert druid.used_segments("unheard-of", [FIRST]) == []
    rows = druid.segment_rows("vitals", [SECOND])
    assert list(rows.values()) == [7]
    assert druid.segment_rows("vitals", []) == {}
    assert druid.announced("vitals", [SECOND]) == frozenset(rows)
    assert druid.announced("vitals", []) == frozenset()


def test_druid_counts_segments_by_interval_and_version(druid: DruidPort) -> None:
    found = {(s.interval, s.version): s for s in druid.used_sets("vitals", Interval(FIRST.start, SECOND.end))}
    assert {key: (s.segments, s.size_bytes, s.num_rows, s.partitions) for key, s in found.items()} == {
        (FIRST, "v1"): (2, 2_000, 20, 0b11), (SECOND, "v1"): (1, 700, 7, 0b1),
    }  # fmt: skip
    assert [s.interval for s in druid.used_sets("vitals", SECOND)] == [SECOND]
    assert druid.used_sets("unheard-of", FIRST) == []


def test_druid_takes_segments_out_of_service_by_their_ids(druid: DruidPort) -> None:
    first, *others = druid.used_segments("vitals", [FIRST, SECOND])
    assert druid.mark_unused("vitals", []) == 0
    for changed in (1, 0):
        assert druid.mark_unused("vitals", [first.segment_id]) == changed
        assert [s.segment_id for s in druid.used_segments("vitals", [FIRST, SECOND])] == [s.segment_id for s in others]


def test_druid_puts_segments_back_into_service_by_their_ids(druid: DruidPort) -> None:
    first, second, _ = druid.used_segments("vitals", [FIRST, SECOND])
    ids = [first.segment_id, second.segment_id]
    druid.mark_unused("vitals", ids)
    assert druid.mark_used("vitals", []) == 0
    for changed in (2, 0):
        assert druid.mark_used("vitals", ids) == changed
        assert {s.segment_id for s in druid.used_segments("vitals", [FIRST])} == {*ids}


def test_druid_puts_back_what_serves_nothing_any_more(druid: DruidPort) -> None:
    ids = [each.segment_id for each in druid.used_segments("vitals", [FIRST, SECOND])]
    assert druid.mark_unused("vitals", ids) == 3
    assert druid.mark_used("vitals", ids[:2]) == 2
    assert [s.segment_id for s in druid.used_segments("vitals", [FIRST, SECOND])] == ids[:2]


def test_druid_leaves_out_what_a_used_segment_overshadows(druid: DruidPort) -> None:
    old = [each.segment_id for each in druid.used_segments("vitals", [FIRST])]
    druid.submit_task({"id": "t1", "type": "index_hadoop"})
    assert [druid.task_status("t1").state for _ in range(3)][-1] is TaskState.SUCCESS
    druid.mark_unused("vitals", old)
    assert druid.mark_used("vitals", old) == 0
    (new,) = druid.used_segments("vitals", [FIRST])
    druid.mark_unused("vitals", [new.segment_id])
    assert druid.mark_used("vitals", old) == 2


def test_druid_puts_nothing_back_when_it_does_not_know_one_of_them(druid: DruidPort) -> None:
    first, *_ = druid.used_segments("vitals", [FIRST])
    druid.mark_unused("vitals", [first.segment_id])
    with pytest.raises(Terminal):
        druid.mark_used("vitals", [first.segment_id, f"{first.segment_id}_7"])
    assert first.segment_id not in {s.segment_id for s in druid.used_segments("vitals", [FIRST])}


@pytest.mark.parametrize("release", ["twin", *RELEASES])
def test_druid_kills_what_is_unused_in_an_interval_and_by_version_where_it_can(release: str) -> None:
    taken, stays = segment(str(FIRST)), segment(str(FIRST), number=1)
    server = FakeDruid([taken, stays], version="25.0.0" if release == "twin" else release)
    druid: DruidPort = server if release == "twin" else client(DruidServer(release, server))
    druid.mark_unused("vitals", [taken.segment_id])
    kill = {"type": "kill", "id": "k1", "dataSource": "vitals", "interval": str(FIRST), "versions": ["v0"]}
    for payload in (kill, kill | {"id": "k2", "versions": ["v1"]}):
        druid.submit_task(payload)
        assert [druid.task_status(str(payload["id"])).state for _ in range(3)][-1] is TaskState.SUCCESS
        assert bool(server.unused) == (druid.kills_by_version() and payload is kill)
    assert [each.segment_id for each in druid.used_segments("vitals", [FIRST])] == [stays.segment_id]
    with pytest.raises(Terminal):
        druid.mark_used("vitals", [taken.segment_id])


def test_druid_loads(druid: DruidPort) -> None:
    assert druid.load_status("vitals", FIRST, refresh=True).segments_left == 2
    assert druid.load_status("vitals", FIRST, refresh=False).segments_left == 0
    assert druid.load_status("unheard-of", FIRST, refresh=False).segments_left is None


def test_druid_tells_the_types_of_the_columns_that_are_served(druid: DruidPort) -> None:
    assert druid.column_types("vitals", [FIRST])["patient_token"] == "STRING"
    assert druid.column_types("vitals", [FIRST])["code"] == SEVERAL
    assert druid.column_types("nobody", [FIRST]) == {}


def test_druid_answers_queries(druid: DruidPort) -> None:
    assert druid.query("SELECT 1", [{"type": "VARCHAR", "value": "x"}]) == [{"rows": 1}]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with mock_aws():
        yield


@pytest.fixture(params=["twin", "client"])
def emr(request: pytest.FixtureRequest, aws: None) -> EmrPort:
    return FakeEmr() if request.param == "twin" else EmrClient(build_session(region="us-east-1"))


def job_flow(run: str) -> dict[str, object]:
    return {
        "Name": f"vitals-{run}",
        "ReleaseLabel": "emr-7.10.0",
        "LogUri": "s3://drx-logs-111122223333/emr/",
        "Instances": {
            "MasterInstanceType": "m5.xlarge",
            "SlaveInstanceType": "m5.xlarge",
            "InstanceCount": 2,
            "KeepJobFlowAliveWhenNoSteps": True,
            "TerminationProtected": True,
        },
        "JobFlowRole": "DrxEmrEc2Phi",
        "ServiceRole": "DrxEmrService",
        "Tags": [{"Key": RUN_TAG, "Value": run}],
    }


def up(emr: EmrPort, run: str = "r1") -> str:
    cluster_id = emr.run_job_flow(job_flow(run))
    for _ in range(4):
        if emr.describe_cluster(cluster_id).state.is_up:
            return cluster_id
    raise AssertionError("the cluster never came up")


def test_emr_launches_finds_and_ends_a_cluster(emr: EmrPort) -> None:
    cluster_id = up(emr)
    other = emr.run_job_flow(job_flow("r2"))
    (found,) = emr.find_clusters(RUN_TAG, "r1")
    assert (found.cluster_id, found.name, found.tags[RUN_TAG]) == (cluster_id, "vitals-r1", "r1")
    assert found.cluster_id != other
    assert emr.find_clusters(RUN_TAG, "r3") == []
    for _ in range(2):
        emr.terminate(cluster_id)
    ended = [emr.describe_cluster(cluster_id) for _ in range(2)][-1]
    assert ended.state.is_ended
    assert [c.cluster_id for c in emr.find_clusters(RUN_TAG, "r1")] == [cluster_id]


def test_emr_lists_what_lives_whoever_launched_it(emr: EmrPort) -> None:
    first, second = up(emr), emr.run_job_flow(job_flow("r2"))
    emr.run_job_flow({**job_flow("r3"), "Tags": []})
    assert {c.cluster_id for c in emr.living_clusters(RUN_TAG)} == {first, second}
    emr.terminate(first)
    assert emr.describe_cluster(first).state.is_ended
    assert [c.cluster_id for c in emr.living_clusters(RUN_TAG)] == [second]


def test_emr_adds_and_lists_steps_newest_first(emr: EmrPort) -> None:
    cluster_id = up(emr)
    jar = {"Jar": "command-runner.jar", "Args": ["true"]}
    ids = [
        emr.add_step(cluster_id, {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}) for name in "ab"
    ]
    assert [step.step_id for step in emr.list_steps(cluster_id)] == ids[::-1]
    described = emr.describe_step(cluster_id, ids[1])
    assert (described.name, described.state.is_ended) == ("b", False)


def test_emr_does_not_know_any_id(emr: EmrPort) -> None:
    with pytest.raises(NotFoundError):
        emr.describe_cluster("j-0000000000XXX")
    with pytest.raises(NotFoundError):
        emr.terminate("j-0000000000XXX")


@dataclass
class Bucket:
    """A bucket with versions, as the port sees it, and how objects come and go there."""

    port: ObjectVersionsPort
    put: Callable[[S3Uri], object]
    hide: Callable[[S3Uri], object]


@pytest.fixture(params=["twin", "client"])
def versioned(request: pytest.FixtureRequest, aws: None) -> Bucket:
    if request.param == "twin":
        twin = FakeVersions()
        return Bucket(twin, twin.add, twin.hide)
    session = build_session(region="us-east-1")
    s3 = session.client("s3")
    s3.create_bucket(Bucket="drx-phi-111122223333")
    s3.put_bucket_versioning(Bucket="drx-phi-111122223333", VersioningConfiguration={"Status": "Enabled"})
    return Bucket(
        S3Client(session),
        lambda uri: s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=b"x"),
        lambda uri: s3.delete_object(Bucket=uri.bucket, Key=uri.key),
    )


def test_versions_of_objects_are_listed_and_deleted_for_good(versioned: Bucket) -> None:
    root = S3Uri.parse("s3://drx-phi-111122223333/druid/segments")
    old, other, beside = root / "a/b/index.zip", root / "a/c/index.zip", root / "ab/index.zip"
    for uri in (old, old, other, beside):
        versioned.put(uri)
    versioned.hide(old)
    port = versioned.port
    assert port.folders(root) == ["a", "ab"]
    assert port.folders(root / "a") == ["b", "c"]
    assert port.folders(root / "none") == []
    found = port.versions(root / "a")
    told = sorted((each.uri, each.is_delete_marker, each.is_latest) for each in found)
    assert told == [(old, False, False), (old, False, False), (old, True, True), (other, False, True)]
    for _ in range(2):
        port.delete_versions([each for each in found if each.uri == old])
    assert [each.uri for each in port.versions(root / "a")] == [other]
    assert [each.uri for each in port.versions(root)] == [other, beside]
    assert port.folders(root / "a") == ["c"]


LOGS = S3Uri.parse("s3://drx-logs-111122223333/emr/phi/j-1/node")
LOG_BODIES = {
    LOGS / "i-1/plain.log": b"one\r\ntwo",
    LOGS / "i-1/whole.log.gz": gzip.compress(b"one\ntwo\n"),
    LOGS / "i-2/broken.log.gz": gzip.compress(b"one\ntwo\n")[:-9],
}


@pytest.fixture(params=["twin", "client"])
def logs(request: pytest.FixtureRequest, aws: None) -> LogFilesPort:
    if request.param == "twin":
        return FakeLogFiles({uri: (EPOCH, body) for uri, body in LOG_BODIES.items()})
    session = build_session(region="us-east-1")
    s3 = session.client("s3")
    s3.create_bucket(Bucket=LOGS.bucket)
    for uri, body in LOG_BODIES.items():
        s3.put_object(Bucket=uri.bucket, Key=uri.key, Body=body)
    return LogFiles(session)


def test_log_files_are_listed_and_read_by_line(logs: LogFilesPort) -> None:
    assert [each.uri for each in logs.listing(LOGS)] == sorted(LOG_BODIES)
    assert logs.listing(LOGS / "i-3") == []
    assert list(logs.lines(LOGS / "i-1/plain.log")) == ["one", "two"]
    assert list(logs.lines(LOGS / "i-1/whole.log.gz")) == ["one", "two"]
    with pytest.raises(IntegrityError):
        list(logs.lines(LOGS / "i-2/broken.log.gz"))
    with pytest.raises(NotFoundError):
        list(logs.lines(LOGS / "i-2/none.log"))


@pytest.fixture(params=["twin", "client"])
def store(request: pytest.FixtureRequest, aws: None) -> ObjectStorePort:
    if request.param == "twin":
        return FakeStore()
    session = build_session(region="us-east-1")
    session.client("s3").create_bucket(Bucket="drx-phi-111122223333")
    session.client("s3").put_object(Bucket="drx-phi-111122223333", Key="bare", Body=b"")
    return S3Client(session)


def test_store_keeps_bytes_and_key(store: ObjectStorePort) -> None:
    uri = S3Uri.parse("s3://drx-phi-111122223333/runs/r1/plan.json")
    assert not store.exists(uri)
    etag = store.put(uri, b'{"protocol": 1}', kms_key_arn=KEY)
    assert etag
    assert '"' not in etag
    assert store.exists(uri)
    assert store.get(uri) == b'{"protocol": 1}'
    assert store.kms_keys([uri]) == {uri: KEY}


def test_store_has_no_such_object(store: ObjectStorePort) -> None:
    missing = S3Uri.parse("s3://drx-phi-111122223333/runs/none")
    with pytest.raises(NotFoundError):
        store.get(missing)
    with pytest.raises(NotFoundError):
        store.kms_keys([missing])


def test_store_lists_what_lies_below_and_deletes(store: ObjectStorePort) -> None:
    runs = S3Uri.parse("s3://drx-phi-111122223333/runs")
    for name in ("runs/r1/plan.json", "runs/r1/batches/0/result.json", "runs-old/r0/plan.json"):
        store.put(S3Uri(runs.bucket, name), b"{}", kms_key_arn=KEY)
    listed = store.listing(runs)
    assert [each.uri for each in listed] == [runs / "r1/batches/0/result.json", runs / "r1/plan.json"]
    assert all(each.modified_at.utcoffset() == timedelta(0) for each in listed)
    for _ in range(2):
        store.delete(runs / "r1/plan.json")
    assert [each.uri for each in store.listing(S3Uri.parse(f"{runs}/"))] == [runs / "r1/batches/0/result.json"]
    assert store.listing(runs / "none") == []


def test_store_replaces_only_what_was_read(store: ObjectStorePort) -> None:
    uri = S3Uri.parse("s3://drx-phi-111122223333/runs/leases/vitals.json")
    assert store.get_with_etag(uri) is None
    first = store.put_if(uri, b"1", kms_key_arn=KEY, etag=None)
    assert store.get_with_etag(uri) == (b"1", first)
    with pytest.raises(ConflictError):
        store.put_if(uri, b"2", kms_key_arn=KEY, etag=None)
    second = store.put_if(uri, b"2", kms_key_arn=KEY, etag=first)
    with pytest.raises(ConflictError):
        store.put_if(uri, b"3", kms_key_arn=KEY, etag=first)
    assert store.get_with_etag(uri) == (b"2", second)
    assert store.kms_keys([uri]) == {uri: KEY}


def test_store_takes_its_own_bytes_for_a_write_whose_answer_was_lost(store: ObjectStorePort) -> None:
    uri = S3Uri.parse("s3://drx-phi-111122223333/runs/leases/vitals.json")
    first = store.put_if(uri, b"1", kms_key_arn=KEY, etag=None)
    assert store.put_if(uri, b"1", kms_key_arn=KEY, etag=None) == first
    second = store.put_if(uri, b"2", kms_key_arn=KEY, etag=first)
    assert store.put_if(uri, b"2", kms_key_arn=KEY, etag=first) == second


def test_store_replaces_nothing_where_the_object_is_gone(store: ObjectStorePort) -> None:
    with pytest.raises(ConflictError):
        store.put_if(S3Uri.parse("s3://drx-phi-111122223333/runs/gone"), b"1", kms_key_arn=KEY, etag="0" * 32)
