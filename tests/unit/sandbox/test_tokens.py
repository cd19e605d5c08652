"""Tests of the tokens that stand in for identifiers."""

from __future__ import annotations

import hashlib
import hmac

from druid_reindex.sandbox.tokens import token


def test_a_token_is_the_hmac_of_kind_and_identifier() -> None:
    expected = hmac.new(b"key", b"patient:p-1", hashlib.sha256).hexdigest()[:32]
    assert token(b"key", "patient", "p-1") == expected


def test_tokens_differ_by_key_kind_and_identifier() -> None:
    tokens = {token(k, kind, i) for k in (b"a", b"b") for kind in ("patient", "encounter") for i in ("1", "2")}
    assert len(tokens) == 8
