"""Recorded decisions, decided again under changed policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from druid_reindex.sandbox.aws.iam.decisions import Kind, Outcome, Request
from druid_reindex.sandbox.aws.iam.policies import Effect
from druid_reindex.sandbox.aws.iam.principals import Principal
from druid_reindex.sandbox.aws.iam.replay import (
    Night,
    Recorded,
    documents_line,
    lost,
    read,
    replay,
    statements,
    without,
)

ROLE = "arn:aws:iam::111122223333:role/night"
KEY = "arn:aws:kms:us-east-1:111122223333:key/k"
NIGHT = Principal("arn:aws:sts::111122223333:assumed-role/night/run", ROLE, "111122223333")
POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"},
]}  # fmt: skip
ROOT = {"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}
KEY_POLICY = {"Version": "2012-10-17", "Statement": ROOT}
GET = Recorded("s3:GetObject", Request(NIGHT, "s3:GetObject", "arn:aws:s3:::b/x", {"a": ("1", "2")}), Outcome.ALLOWED)
DECRYPT = Recorded("s3:GetObject", Request(NIGHT, "kms:Decrypt", KEY), Outcome.ALLOWED, KEY, Kind.NECESSARY)
DEPLOYED = {ROLE: {"own": json.dumps(POLICY)}, KEY: {"resource": json.dumps(KEY_POLICY)}}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "decisions.jsonl"
    lines = [documents_line(arn, documents) for arn, documents in DEPLOYED.items()] + [GET.line(), DECRYPT.line()]
    file.write_text("".join(f"{line}\n" for line in lines) + '{"half a')
    night = read(file)
    assert night.decisions == (GET, DECRYPT)
    assert night.deployed == DEPLOYED
    assert [replay(each, night.deployed).outcome for each in night.decisions] == [Outcome.ALLOWED] * 2


@pytest.mark.parametrize(
    ("statement", "arn", "denied"),
    [("own/Read", ROLE, GET), ("own/2", ROLE, DECRYPT), ("resource/Root", KEY, DECRYPT)],
)
def test_without_a_statement_what_needed_it_is_denied(statement: str, arn: str, denied: Recorded) -> None:
    found = lost(Night((GET, DECRYPT), DEPLOYED), statement, arn)
    assert found == [denied]


def test_the_statements_of_an_identity() -> None:
    assert statements(DEPLOYED, ROLE, Effect.ALLOW) == ["own/Read", "own/2"]
    assert statements(DEPLOYED, ROLE, Effect.DENY) == statements(DEPLOYED, "none", Effect.ALLOW) == []


def test_a_statement_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(KeyError, match="own/Other"):
        without(DEPLOYED, "own/Other", ROLE)


def test_without_its_policies_an_identity_may_nothing() -> None:
    assert not replay(GET, {}).allowed
