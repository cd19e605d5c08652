"""The envelope is DSSE's, byte for byte, and the statement in-toto's."""

from __future__ import annotations

import base64
import json

import pytest

import packs
from druid_reindex.evidence.dsse import Envelope, pre_authentication, read_envelope, statement

ENVELOPE = Envelope(b'{"a": 1}', "sha256:ab", b"\x30\x00")


def test_what_is_signed_is_the_encoding_of_the_specification() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/master/protocol.md: "DSSEv1" SP LEN(type) SP type SP LEN(body) …
    assert pre_authentication(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    assert pre_authentication("é".encode()) == b"DSSEv1 28 application/vnd.in-toto+json 2 \xc3\xa9"


def test_an_envelope_reads_back() -> None:
    assert read_envelope(ENVELOPE.to_json()) == ENVELOPE
    told = json.loads(ENVELOPE.to_json())
    assert told["payloadType"] == "application/vnd.in-toto+json"
    assert base64.b64decode(told["payload"]) == ENVELOPE.payload
    assert told["signatures"] == [{"keyid": "sha256:ab", "sig": "MAA="}]


@pytest.mark.parametrize("change", [
    lambda told: told.update(payloadType="text/plain"),
    lambda told: told.update(more=1),
    lambda told: told.update(payload="e30"),
    lambda told: told.update(payload="e30=\n"),
    lambda told: told.update(payload=3),
    lambda told: told.update(signatures=[]),
    lambda told: told["signatures"].append(told["signatures"][0]),
    lambda told: told["signatures"][0].update(cert="x"),
    lambda told: told["signatures"][0].pop("keyid"),
])  # fmt: skip
def test_any_other_envelope_is_none(change: object) -> None:
    told = json.loads(ENVELOPE.to_json())
    change(told)  # type: ignore[operator]
    assert read_envelope(json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n") is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, ENVELOPE.to_json()[:-1]])
def test_what_is_no_envelope_is_none(body: bytes) -> None:
    assert read_envelope(body) is None


def test_the_statement_is_one_of_in_toto() -> None:
    told = json.loads(statement([("a", packs.RECORD.sha256)], {"x": 1}))
    assert told == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a", "digest": {"sha256": packs.RECORD.sha256}}],
        "predicateType": "https://druid-reindex.invalid/evidence-pack/v1",
        "predicate": {"x": 1},
    }
