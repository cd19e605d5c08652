"""Refusals in each protocol's form, read back by botocore's own parsers."""

from __future__ import annotations

import pytest
from botocore.parsers import create_parser

from druid_reindex.sandbox.aws.gate import refusals
from druid_reindex.sandbox.aws.gate.refusals import Protocol
from druid_reindex.sandbox.aws.gate.signatures import Fault

PARSERS = {Protocol.S3: "rest-xml", Protocol.JSON: "json", Protocol.QUERY: "query", Protocol.EC2: "ec2"}


@pytest.mark.parametrize("protocol", list(Protocol))
def test_botocore_reads_code_and_sentence(protocol: Protocol) -> None:
    refusal = refusals.denied(protocol, 'User: a <b> & "c" is not authorized')
    _, body = refusals.body(protocol, refusal, "a request id")
    answer = {"status_code": refusal.status, "headers": {}, "body": body}
    error = create_parser(PARSERS[protocol]).parse(answer, None)["Error"]
    assert error["Code"] == refusal.code
    assert error["Message"].endswith('User: a <b> & "c" is not authorized')


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_has_a_refusal_in_every_protocol(protocol: Protocol, fault: Fault) -> None:
    refusal = refusals.unsigned(protocol, fault)
    assert 400 <= refusal.status < 404
    assert refusal.code
    assert refusal.said
