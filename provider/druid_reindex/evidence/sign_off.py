"""A reviewer's decision on a night: a statement of its own, signed, beside the packs.

It is no supplement: supplements are the night's own words, numbered by the one who writes them, and a reviewer must be
able to speak without the night's rights, at any time, and more than once.
Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from druid_reindex.evidence.dsse import STATEMENT_TYPE, Envelope, pre_authentication, read_envelope
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.model.identity import canonical

# A name, not an address: RFC 2606 keeps `.invalid` from ever being somebody's.
PREDICATE_TYPE = "https://druid-reindex.invalid/evidence-sign-off/v1"
SUFFIX = ".dsse.json"


class Decision(StrEnum):
    """What a reviewer says of a night."""

    ACCEPTED = "accepted"
    FOLLOW_UP = "follow-up"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class SignOff:
    """The decision on the pack whose lines have that SHA-256; ``level`` and ``findings`` are what the reviewer saw.

    ``by`` is the name that the reviewer gave, ``identity`` whom AWS takes the caller for. ``at`` is UTC, ISO 8601.
    """

    pack: str
    sha256: str
    by: str
    identity: str
    decision: Decision
    note: str
    level: str
    findings: int
    at: str

    @property
    def statement(self) -> bytes:
        """The in-toto statement."""
        told = asdict(self)
        subject = [{"name": told.pop("pack"), "digest": {"sha256": told.pop("sha256")}}]
        return canonical({
            "_type": STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": told,
        })  # fmt: skip

    @property
    def signed(self) -> bytes:
        """The bytes that are to be signed."""
        return pre_authentication(self.statement)

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{datetime.fromisoformat(self.at):%Y%m%dT%H%M%S.%fZ}{SUFFIX}"

    def seal(self, signature: bytes, key_id: str) -> bytes:
        """The signed envelope."""
        return Envelope(self.statement, key_id, signature).to_json()


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A sign-off that proves nothing, and why."""

    why: str


def read_sign_off(body: bytes, keys: Sequence[PublicKey]) -> SignOff | Doubtful:
    """The decision in the envelope, once one of ``keys`` has signed it."""
    envelope = read_envelope(body)
    if envelope is None:
        return Doubtful("it is no envelope, or was changed")
    key = next((each for each in keys if each.fingerprint == envelope.key_id), None)
    if key is None or not key.has_signed(envelope.signed, envelope.signature):
        return Doubtful(f"it is not signed by a key that is trusted here ({envelope.key_id})")
    try:
        return _sign_off(json.loads(envelope.payload))
    except (ValueError, TypeError, KeyError, IndexError):
        return Doubtful("it is signed, but no sign-off that this release reads")


def _sign_off(told: Mapping[str, Any]) -> SignOff:
    if told["predicateType"] != PREDICATE_TYPE:
        raise ValueError(told["predicateType"])
    (subject,), predicate = told["subject"], dict(told["predicate"])
    decision = Decision(predicate.pop("decision"))
    return SignOff(pack=subject["name"], sha256=subject["digest"]["sha256"], decision=decision, **predicate)
