"""A reviewer's decision."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from druid_reindex.evidence.dsse import Envelope, read_envelope
from druid_reindex.evidence.sign_off import Doubtful, read_sign_off
from told_nights import decided
from twins import FakeSigner

SIGNER = FakeSigner()
KEYS = [SIGNER.public_key()]
SAID = decided("ab" * 32)
REVERSED = Envelope(
    SAID.statement.replace(b"accepted", b"rejected"), KEYS[0].fingerprint, SIGNER.sign(SAID.signed)
).to_json()


def sealed(signer: FakeSigner = SIGNER) -> bytes:
    return SAID.seal(signer.sign(SAID.signed), signer.public_key().fingerprint)


def test_what_was_signed_is_read_back() -> None:
    assert read_sign_off(sealed(), KEYS) == SAID


def test_it_is_an_in_toto_statement_about_the_pack() -> None:
    envelope = read_envelope(sealed())
    assert envelope is not None
    told = json.loads(envelope.payload)
    assert told["subject"] == [{"name": SAID.pack, "digest": {"sha256": SAID.sha256}}]
    assert told["predicateType"].endswith("/evidence-sign-off/v1")


def test_its_name_is_its_time() -> None:
    assert SAID.name == "20261006T120000.000000Z.dsse.json"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no envelope"),
        (sealed().replace(b"a", b"b", 1), "no envelope"),
        (sealed(FakeSigner(9)), "not signed by a key that is trusted"),
        (REVERSED, "not signed by"),
    ],
)  # fmt: skip
def test_what_is_not_proven_says_why(body: bytes, why: str) -> None:
    found = read_sign_off(body, KEYS)
    assert isinstance(found, Doubtful)
    assert why in found.why


@pytest.mark.parametrize("payload", [b"{}", b"[]", b"x", SAID.statement.replace(b"accepted", b"perhaps"),
                                     SAID.statement.replace(b"sign-off/v1", b"sign-off/v9")])  # fmt: skip
def test_something_else_that_the_key_has_signed_is_no_decision(payload: bytes) -> None:
    envelope = Envelope(payload, KEYS[0].fingerprint, b"")
    body = replace(envelope, signature=SIGNER.sign(envelope.signed)).to_json()
    assert read_sign_off(body, KEYS) == Doubtful("it is signed, but no sign-off that this release reads")
