"""What the gate leaves for those around it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from botocore.credentials import Credentials

from druid_reindex.sandbox.aws.gate import noted
from druid_reindex.sandbox.aws.gate.noted import Noted
from druid_reindex.sandbox.aws.site import REGION
from gated_account import Account, allow


@pytest.fixture
def notes(account: Account) -> list[Noted]:
    """The note of each request that is asked of the account."""
    kept: list[Noted] = []
    inner = account.application

    def around(environ: Any, start_response: Any) -> Iterable[bytes]:
        kept.append(noted.of(environ))
        return inner(environ, start_response)

    account.application = around
    account.s3.create_bucket("bkt", REGION)
    return kept


def test_who_asked_what_and_what_was_checked(account: Account, notes: list[Noted]) -> None:
    alice = account.user("alice", allow("kms:ListKeys"))
    account.json_ask(alice, "kms", "TrentService.ListKeys", Limit=3)
    (note,) = notes
    assert note.caller is not None
    assert note.caller.principal.arn.endswith("user/alice")
    assert note.signed is not None
    assert note.signed.access_key_id == alice.access_key
    assert (note.service, note.operation, dict(note.parameters)) == ("kms", "ListKeys", {"Limit": 3})
    assert [(check.action, said) for check, said in note.asked] == [("kms:ListKeys", "")]
    assert (note.call, note.refusal) == (None, None)


def test_a_refusal_with_its_sentence(account: Account, notes: list[Noted]) -> None:
    account.s3_ask(account.user("bob"), "HEAD", "/bkt/x")
    (note,) = notes
    assert note.call is not None
    assert (note.call.bucket, note.call.key) == ("bkt", "x")
    assert note.refusal is not None
    assert note.asked[-1][1] == note.refusal.said


def test_a_sender_who_is_not_known_is_none(account: Account, notes: list[Noted]) -> None:
    account.s3_ask(Credentials("AKIAUNKNOWN", "x"), "GET", "/bkt/x")
    assert notes[0].caller is None
