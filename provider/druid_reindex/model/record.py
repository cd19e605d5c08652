"""Records that several releases write to one object store: canonical JSON that says which protocol it follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from druid_reindex.errors import ProtocolError

T = TypeVar("T")
PROTOCOL = 1


def to_json(document: Mapping[str, Any]) -> bytes:
    """``document`` with its protocol, as canonical JSON: sorted keys, no spaces, UTF-8; equal ones give equal bytes."""
    told = {"protocol": PROTOCOL, **document}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def from_json(body: bytes, kind: str, parse: Callable[[dict[str, Any]], T]) -> T:
    """What ``parse`` makes of the document in ``body``. Raises ProtocolError when this release cannot read it."""
    try:
        document = json.loads(body)
        protocol = document["protocol"]
    except (ValueError, TypeError, KeyError) as unreadable:
        raise _unknown(kind, "no JSON object with a protocol") from unreadable
    if protocol != PROTOCOL:
        raise _unknown(kind, f"protocol {protocol!r}")
    try:
        return parse(document)
    except (ValueError, TypeError, KeyError, AttributeError) as unreadable:
        raise _unknown(kind, f"{type(unreadable).__name__}: {unreadable}") from unreadable


def _unknown(kind: str, came_back: str) -> ProtocolError:
    return ProtocolError(
        f"read a {kind}",
        resource=f"the {kind}'s object",
        came_back=came_back,
        remedy=f"upgrade the deployment that has the older druid-reindex: this one reads protocol {PROTOCOL}",
    )
