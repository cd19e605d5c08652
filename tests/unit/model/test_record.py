"""What several releases write is canonical, and what this one cannot read is said."""

from __future__ import annotations

import pytest

from druid_reindex.errors import ProtocolError
from druid_reindex.model import record


def test_equal_documents_give_equal_bytes() -> None:
    assert record.to_json({"b": 1, "a": "é"}) == record.to_json({"a": "é", "b": 1})
    assert record.from_json(record.to_json({"a": 1}), "lease", lambda told: told["a"]) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "no JSON object with a protocol"),
        (b"[]", "no JSON object with a protocol"),
        (b'{"a": 1}', "no JSON object with a protocol"),
        (b'{"protocol": 2, "a": 1}', "protocol 2"),
        (b'{"protocol": 1}', "KeyError: 'a'"),
    ],
)
def test_what_cannot_be_read_is_said(body: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=f"read a lease on .*: {why}"):
        record.from_json(body, "lease", lambda told: told["a"])
