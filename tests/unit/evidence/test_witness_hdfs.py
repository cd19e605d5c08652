"""Lines of the HDFS audit log, in the form of DefaultAuditLogger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from druid_reindex.evidence.witness_act import UnreadableLine
from druid_reindex.evidence.witness_hdfs import NOWHERE, parse

FOLDER = "/tmp/druid-indexing/patient_vitals"
STEP = "hadoop/ip-10-0-0-5.ec2.internal@EC2.INTERNAL"


def line(**fields: str) -> str:
    told = {
        "allowed": "true", "ugi": f"{STEP} (auth:KERBEROS)", "ip": "/10.0.0.5", "cmd": "open",
        "src": f"{FOLDER}/20261006T064452/groupedData/part-r-00000", "dst": "null", "perm": "null", "proto": "rpc",
    } | fields  # fmt: skip
    return "2026-10-06 06:40:01,123 INFO FSNamesystem.audit: " + "\t".join(f"{k}={v}" for k, v in told.items())


def test_an_audit_line_is_who_did_what_where() -> None:
    act = parse(line(), FOLDER)
    assert act.at == datetime(2026, 10, 6, 6, 40, 1, tzinfo=UTC)
    assert (act.who, act.did, act.where, act.is_refused) == ((STEP,), "open", FOLDER, False)
    assert parse(line(allowed="false"), FOLDER).is_refused


def test_who_acts_through_another_is_told_with_that_one() -> None:
    act = parse(line(ugi="jo (auth:PROXY) via hive/ip-10-0-0-5@EC2.INTERNAL (auth:KERBEROS)"), FOLDER)
    assert act.who == ("jo", "hive/ip-10-0-0-5@EC2.INTERNAL")


@pytest.mark.parametrize(
    ("src", "told"),
    [
        ("/user/jo/jane_doe_1961.csv", "/user/jo/…"),
        ("/tmp/jane_doe.csv", "/tmp/…"),
        ("/jane_doe", "/…"),
        ("/", "/"),
        (f"{FOLDER}_other/1", "/tmp/druid-indexing/…"),
        ("null", NOWHERE),
    ],
)
def test_of_a_path_no_more_than_two_folders_are_told(src: str, told: str) -> None:
    assert parse(line(src=src), FOLDER).where == told


def test_what_a_rename_and_a_caller_add_is_no_part_of_the_command() -> None:
    act = parse(line(cmd="rename (options=[TO_TRASH])") + "\tcallerContext=mr_attempt_1", FOLDER)
    assert act.did == "rename"


def test_a_path_cannot_say_who_did_it() -> None:
    act = parse(line(src="/a\tugi=hadoop (auth:SIMPLE)\tcmd=delete", ugi="eve (auth:SIMPLE)"), FOLDER)
    assert (act.who, act.did) == (("eve",), "open")


@pytest.mark.parametrize(
    "text",
    ["", "java.io.IOException: no space", "2026-10-06 06:40:01,123 INFO FSNamesystem.audit: allowed=true",
     line().replace("2026-10-06", "2026-13-06")],
)  # fmt: skip
def test_any_other_line_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableLine):
        parse(text, FOLDER)
