"""An in-toto Statement in a DSSE envelope, as bytes that are equal for equal contents.

Sources: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md,
https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from druid_reindex.model.identity import canonical

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
# A name, not an address: RFC 2606 keeps `.invalid` from ever being somebody's.
PREDICATE_TYPE = "https://druid-reindex.invalid/evidence-pack/v1"


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its one signature; ``key_id`` says who claims to have signed it."""

    payload: bytes
    key_id: str
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return pre_authentication(self.payload)

    def to_json(self) -> bytes:
        """The envelope's bytes, with a newline at the end."""
        signature = {"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}
        payload = base64.b64encode(self.payload).decode()
        return canonical({"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": [signature]}) + b"\n"


def pre_authentication(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: lengths first, so that type and payload cannot be shifted."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def read_envelope(body: bytes) -> Envelope | None:
    """The envelope in ``body``; None unless its bytes are exactly those that ``to_json`` writes."""
    try:
        told = json.loads(body)
        (signature,) = told["signatures"]
        found = Envelope(
            base64.b64decode(told["payload"], validate=True),
            signature["keyid"],
            base64.b64decode(signature["sig"], validate=True),
        )
        return found if found.to_json() == body else None
    except (ValueError, TypeError, KeyError, binascii.Error, RecursionError):
        return None


def statement(subjects: Sequence[tuple[str, str]], predicate: Mapping[str, Any]) -> bytes:
    """The statement that ``predicate`` is true of the subjects, each a name with its SHA-256."""
    return canonical({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in subjects],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    })  # fmt: skip
