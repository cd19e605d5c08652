"""Names and lines that somebody else wrote, whatever they say."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from druid_reindex.evidence import witness_druid, witness_hdfs, witness_kdc, witness_redshift
from druid_reindex.evidence.witness_act import Parse, UnreadableLine, name_of, without_host
from druid_reindex.model.trail import Window


@pytest.mark.parametrize(
    ("principal", "told"),
    [
        ("yarn/ip-10-0-0-5.ec2.internal@EC2.INTERNAL", "yarn@EC2.INTERNAL"),
        ("jo@AD.EXAMPLE.COM", "jo@AD.EXAMPLE.COM"),
        ("hadoop", "hadoop"),
        ("krbtgt/EC2.INTERNAL@EC2.INTERNAL", "krbtgt@EC2.INTERNAL"),
        ("@", "@"),
    ],
)
def test_a_principal_is_told_without_its_host(principal: str, told: str) -> None:
    assert without_host(principal) == told


def test_a_name_is_short_and_shows_no_control_characters() -> None:
    assert name_of("jo\x1b[31m\u202e ") == "jo?[31m?"
    assert len(name_of("x" * 10_000)) == 128


LINES = {
    "hdfs": "2026-10-06 06:40:01,123 INFO FSNamesystem.audit: allowed=true\tugi=jo (auth:PROXY) via hive (auth:SIMPLE)"
    "\tip=/10.0.0.5\tcmd=open\tsrc=/user/jo/a\tdst=null\tperm=null\tproto=rpc",
    "kdc": "Oct 06 06:40:01 kdc krb5kdc[1](info): TGS_REQ (1 etypes {18}) 10.0.0.9: ISSUE: authtime 1, etypes {rep=18 "
    "tkt=18 ses=18}, jo@R for hdfs/h@R, 2nd tkt client x",
    "useractivitylog": "'2026-10-06T06:40:01Z UTC [ db=nights user=jo pid=1 userid=4 xid=2 ]' LOG: /* a */ select 1",
    "connectionlog": "authenticated |Tue, 6 Oct 2026 06:40:01:123|10.0.0.9 |5439 |1073 |nights |jo |IAM |0",
    "userlog": "104 |jo | |alter |0|1|0| |1073 |2210 |Tue, 6 Oct 2026 06:40:01:123",
    "druid": '2026-10-06T06:40:01.123Z\t10.0.0.9\t{"queryType":"scan","dataSource":{"type":"table","name":"vitals"},'
    '"intervals":{"type":"intervals","intervals":["2026-10-01T00:00:00.000Z/2026-10-02T00:00:00.000Z"]},"context":'
    '{"queryId":"q"}}\t{"success":true,"identity":"jo"}',
    "event": '{"timestamp":"2026-10-06T06:40:01.123Z","remoteAddr":"a","sql":"select 1 from vitals","queryStats":{}}',
}  # fmt: skip
AT = datetime(2026, 10, 6, 6, 30, tzinfo=UTC)
PARSERS: dict[str, Parse] = {
    "hdfs": partial(witness_hdfs.parse, folder="/tmp/druid-indexing/vitals"),
    "kdc": partial(witness_kdc.parse, window=Window(AT, AT)),
    **{log: partial(witness_redshift.parse, log=log, database="nights")
       for log in ("useractivitylog", "connectionlog", "userlog")},
    "druid": partial(witness_druid.parse, datasource="vitals"),
    "event": partial(witness_druid.parse, datasource="vitals"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LINES)
def test_each_sample_is_an_act(kind: str) -> None:
    act = PARSERS[kind](LINES[kind])
    assert act is not None
    assert act.who[0].startswith("jo") or kind == "event"


@pytest.mark.parametrize("kind", LINES)
@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_a_line_says_it_is_an_act_or_none_or_unreadable(kind: str, data: st.DataObject) -> None:
    """A piece of the line is left out, doubled, or replaced by anything."""
    line = LINES[kind]
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    piece = data.draw(st.one_of(st.text(max_size=20), st.just(line[start:end] * 2), st.sampled_from('{["0null,-')))
    try:
        act = PARSERS[kind](line[:start] + piece + line[end:])
    except UnreadableLine:
        return
    assert act is None or (act.at.tzinfo is not None and all(len(each) <= 128 for each in (*act.who, act.did)))
