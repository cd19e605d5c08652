"""A line of the journal is canonical JSON, and says the call again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from druid_reindex.errors import ProtocolError
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.druid_call import DruidCall
from druid_reindex.model.journal import JournalledCall, from_line, to_line, whole_lines

AT = datetime(2026, 10, 6, 2, 30, 0, 123, tzinfo=UTC)
AWS = AwsCall(
    AT, "s3.amazonaws.com", "PutObject", "us-east-1", "111122223333", "ASIAEXAMPLE", "0A49", 200, None,
    ("arn:aws:s3:::drx-phi/runs/ä.json",), "run", "plan.-1.1",
)  # fmt: skip
DRUID = DruidCall(AT, "druid:8290", "POST", "/druid/v2/sql", "phi", None, "ReadTimeout", None, "run", "plan.-1.1")


@pytest.mark.parametrize("call", [AWS, DRUID, replace(AWS, request_id=None, status=None, error_code="ReadTimeout")])
def test_a_line_says_the_call_again(call: JournalledCall) -> None:
    assert from_line(to_line(call)) == call


def test_a_line_of_an_earlier_release_has_no_second_id_of_s3() -> None:
    line = to_line(replace(AWS, host_id="Mja="))
    assert from_line(line) == replace(AWS, host_id="Mja=")
    assert from_line(line.replace(b'"host_id":"Mja=",', b"")) == AWS


def test_a_line_is_canonical_and_says_protocol_and_kind() -> None:
    line = to_line(AWS)
    document = json.loads(line)
    assert (document["protocol"], document["kind"]) == (1, "aws")
    assert line == json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_name_of_a_resource_breaks_a_line(name: str) -> None:
    call = replace(AWS, resources=(name,))
    line = to_line(call)
    assert line.count(b"\n") == 1
    assert from_line(line) == call


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"protocol":1', b'"protocol":2'),
        (b'"kind":"aws"', b'"kind":"gcp"'),
        (b'"status":200', b'"status":"x"'),
        (b'"task"', b'"x"'),
    ],
)
def test_a_line_that_this_release_cannot_read_is_a_protocol_error(before: bytes, after: bytes) -> None:
    assert before in to_line(AWS)
    with pytest.raises(ProtocolError, match="line of a journal"):
        from_line(to_line(AWS).replace(before, after))


def test_what_was_cut_off_is_no_line() -> None:
    whole = to_line(AWS) + to_line(DRUID)
    assert [from_line(line) for line in whole_lines(whole + to_line(AWS)[:40])] == [AWS, DRUID]
    assert list(whole_lines(b"")) == []
