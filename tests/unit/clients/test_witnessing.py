"""What others wrote down of a night, from files in memory."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from druid_reindex.clients.witnessing import LATEST, Witnessed, Witnessing
from druid_reindex.errors import NoAnswerError
from druid_reindex.evidence.parts_trail import Source, Witnesses
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.realm import Realms
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from druid_reindex.model.warehouse import Warehouse
from druid_reindex.model.witness import WitnessPlaces
from trail_runs import KEY_ARN, ROLE, call
from twins import FakeLogFiles

START = datetime(2026, 10, 6, 6, 30, tzinfo=UTC)
NIGHT = Window(START, START + timedelta(hours=1))
OVER = NIGHT.end + LATEST
WAREHOUSE = Warehouse(cluster_identifier="drx", database="nights", role_arns=("arn:aws:iam::111122223333:role/R",))
BOUNDARY = Boundary.model_construct(
    kms_key_arn=KEY_ARN, emr_log_uri="s3://logs/emr/phi/", kerberos=Realms(), redshift=WAREHOUSE
)
PLACES = WitnessPlaces(druid_requests_uri="s3://logs/druid", redshift_audit_uri="s3://audit/prefix")
ASSUMED = call(0, START, event_source="sts.amazonaws.com", operation="AssumeRole", resources=(ROLE,))
QUERY = DruidCall(START, "broker", "POST", "/druid/v2/sql", "drx", 200, None, "s-1", ASSUMED.run, ASSUMED.task)
AUDIT = S3Uri("logs", "emr/phi/j-1/node/i-1/applications/hadoop-hdfs/hdfs-audit.log.gz")
KDC = S3Uri("logs", "emr/phi/j-1/node/i-1/daemons/krb5kdc.log.gz")
REQUESTS = S3Uri("logs", "druid/broker1/2026-10-06.log")
ACTIVITY = S3Uri(
    "audit", "prefix/AWSLogs/111122223333/redshift/us-east-1/2026/10/06/"
    "111122223333_redshift_us-east-1_drx_useractivitylog_2026-10-06T07:45.gz",
)  # fmt: skip


def audit(who: str, path: str = "/tmp/druid-indexing/patient_vitals/1") -> str:
    return (
        f"2026-10-06 06:40:01,123 INFO FSNamesystem.audit: allowed=true\tugi={who} (auth:SIMPLE)\tip=/10.0.0.5\t"
        f"cmd=open\tsrc={path}\tdst=null\tperm=null\tproto=rpc"
    )


def asked(who: str, query_id: str) -> str:
    told = {"query": "SELECT 1 FROM patient_vitals WHERE name = 'jane'", "context": {"sqlQueryId": query_id}}
    return "\t".join(["2026-10-06T06:40:01.123Z", "10.0.0.9", "", json.dumps({"identity": who}), json.dumps(told)])


def ran(who: str) -> str:
    return f"'2026-10-06T06:40:01Z UTC [ db=nights user={who} pid=1 userid=4 xid=2 ]' LOG: select 'jane'\nfrom patients"


def files() -> FakeLogFiles:
    return FakeLogFiles()


def put(logs: FakeLogFiles, uri: S3Uri, *lines: str, at: datetime = NIGHT.end) -> None:
    body = "".join(f"{each}\n" for each in lines).encode()
    logs.files[uri] = (at, gzip.compress(body) if uri.key.endswith("gz") else body)


def whole() -> FakeLogFiles:
    logs = files()
    put(logs, AUDIT, audit("hadoop"), audit("hadoop"), audit("eve"))
    put(logs, REQUESTS, asked("drx", "s-1"), asked("jo", "s-2"), "a line of something else")
    put(logs, ACTIVITY, ran("IAMR:DrxAirflowPhi"), ran("jo"))
    return logs


def hear(
    logs: FakeLogFiles, now: datetime = OVER, places: WitnessPlaces = PLACES, boundary: Boundary = BOUNDARY,
    clusters: tuple[str, ...] = ("j-1",),
) -> Witnesses | None:  # fmt: skip
    night = Witnessed("patient_vitals", clusters, (ASSUMED, QUERY), NIGHT)
    return Witnessing(boundary, places, logs).hear(night, now)


def told(logs: FakeLogFiles, **changes: object) -> Witnesses:
    found = hear(logs, **changes)  # type: ignore[arg-type]  # as the test says
    assert found is not None
    return found


def source(found: Witnesses, witness: str) -> Source:
    return next(each for each in found.sources if each.witness == witness)


def test_who_was_seen_and_whose_it_is() -> None:
    found = told(whole())
    assert [(each.witness, each.who, each.standing, each.did, each.count) for each in found.seen] == [
        ("druid-requests", "drx", "the night", "sql", 1),
        ("druid-requests", "jo", "other", "sql", 1),
        ("hdfs-audit", "eve", "other", "open", 1),
        ("hdfs-audit", "hadoop", "the night", "open", 2),
        ("redshift-audit", "IAMR:DrxAirflowPhi", "the night", "select", 1),
        ("redshift-audit", "jo", "other", "select", 1),
    ]
    assert "jane" not in repr(found)


def test_each_record_says_what_could_be_read_of_it() -> None:
    found = told(whole())
    assert source(found, "hdfs-audit") == Source("hdfs-audit", "read", "", 1, 0, 3)
    assert source(found, "druid-requests") == Source("druid-requests", "read", "", 1, 0, 3, 1)
    assert source(found, "redshift-audit") == Source("redshift-audit", "read", "", 1, 0, 4, 2)
    kdc = source(found, "kdc")
    assert (kdc.state, kdc.why) == ("not found", "EMR has archived no krb5kdc.log of j-1")


def test_a_file_that_breaks_off_and_lines_in_another_form_are_counted() -> None:
    logs = whole()
    put(logs, S3Uri("logs", f"{AUDIT.key[:-3]}.1.gz"), audit("eve"), "no line of the audit log")
    logs.files[AUDIT] = (NIGHT.end, logs.files[AUDIT][1][:-9])
    found = source(told(logs), "hdfs-audit")
    assert (found.state, found.files, found.unread_files, found.unread_lines) == ("read", 2, 1, 1)
    assert str(AUDIT) in found.why


def test_a_record_of_which_no_file_could_be_read_is_not_read() -> None:
    logs = whole()
    logs.files[AUDIT] = (NIGHT.end, gzip.compress(b"x")[:-9])
    assert source(told(logs), "hdfs-audit").state == "not read"


def test_a_prefix_that_is_denied_is_told_and_the_others_are_read() -> None:
    logs = whole()
    logs.refused.append(S3Uri("audit", "prefix"))
    found = told(logs)
    assert source(found, "redshift-audit").state == "not read"
    assert "AccessDenied" in source(found, "redshift-audit").why
    assert source(found, "hdfs-audit").state == "read"


def test_a_lost_connection_is_no_verdict() -> None:
    logs = whole()
    logs.lost.add(AUDIT)
    with pytest.raises(NoAnswerError):
        hear(logs)


def test_what_is_not_named_is_told_as_not_kept() -> None:
    found = told(files(), places=WitnessPlaces(), clusters=())
    assert {each.witness: each.state for each in found.sources} == dict.fromkeys(
        ("hdfs-audit", "kdc", "druid-requests", "redshift-audit"), "not kept"
    )
    serverless = replace_warehouse(None)
    assert "CloudWatch" in source(told(whole(), boundary=serverless), "redshift-audit").why


def replace_warehouse(warehouse: Warehouse | None) -> Boundary:
    return BOUNDARY.model_copy(update={"redshift": warehouse})


def test_a_log_that_is_named_is_awaited_until_a_file_was_written_after_the_night() -> None:
    logs = whole()
    early = NIGHT.end + timedelta(minutes=1)
    assert hear(logs, early) is not None
    logs.files[ACTIVITY] = (NIGHT.end - timedelta(minutes=1), logs.files[ACTIVITY][1])
    assert hear(logs, early) is None
    assert hear(logs, OVER) is not None
    del logs.files[REQUESTS]
    assert hear(logs, OVER - timedelta(seconds=1)) is None
    assert source(told(logs), "druid-requests").state == "not found"


def test_files_of_other_days_clusters_and_things_are_not_read() -> None:
    logs = whole()
    folder = ACTIVITY.key.rpartition("/")[0]
    put(logs, S3Uri("logs", "druid/broker1/2026-10-05.log"), "not of this day")
    put(logs, S3Uri("logs", "druid/broker1/2026-10-06.1.log"), "not written since", at=START - timedelta(hours=1))
    put(logs, S3Uri("audit", f"{folder}/111122223333_redshift_us-east-1_other_useractivitylog_2026.gz"), ran("jo"))
    put(logs, S3Uri("audit", f"{folder}/readme.txt"), "not a log")
    put(logs, S3Uri("logs", "emr/phi/j-2/node/i-9/applications/hadoop-hdfs/hdfs-audit.log"), audit("jo"))
    put(logs, S3Uri("logs", "emr/phi/j-1/node/i-1/applications/hadoop-hdfs/hadoop-hdfs-namenode.log"), "no audit")
    assert told(logs) == told(whole())


def test_a_file_without_a_day_in_its_name_and_one_of_the_next_day_are_read() -> None:
    logs = whole()
    put(logs, S3Uri("logs", "druid/router.log"), asked("jo", "s-3"))
    put(logs, S3Uri("logs", "druid/archive/20261007.log"), asked("jo", "s-4"))
    assert source(told(logs), "druid-requests").files == 3


def test_tickets_of_the_night_are_told() -> None:
    logs = whole()
    asked_for = "krb5kdc[1](info): TGS_REQ (1 etypes {18}) 10.0.0.9: ISSUE: authtime 1, etypes {rep=18 tkt=18 ses=18}, "
    put(logs, KDC, f"Oct 06 06:40:01 ip {asked_for}eve@EC2.INTERNAL for hdfs/ip-1@EC2.INTERNAL")
    found = [each for each in told(logs).seen if each.witness == "kdc"]
    assert [(each.who, each.standing, each.did, each.where) for each in found] == [
        ("eve@EC2.INTERNAL", "other", "TGS_REQ", "hdfs@EC2.INTERNAL")
    ]


def test_a_role_that_others_call_is_not_the_nights() -> None:
    other: AwsCall = replace(ASSUMED, operation="GetCallerIdentity")
    night = Witnessed("patient_vitals", ("j-1",), (other, QUERY), NIGHT)
    found = Witnessing(BOUNDARY, PLACES, whole()).hear(night, OVER)
    assert found is not None
    assert {each.standing for each in found.seen if each.witness == "redshift-audit"} == {"other"}
