"""What the gate learned of one request on its way, for who stands around it and does not want to derive it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from druid_reindex.sandbox.aws.gate.identities import Caller
from druid_reindex.sandbox.aws.gate.objects import ObjectCall
from druid_reindex.sandbox.aws.gate.operations import Check
from druid_reindex.sandbox.aws.gate.refusals import Refusal
from druid_reindex.sandbox.aws.gate.signatures import Signed

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KEY = "druid_reindex.noted"


@dataclass(slots=True)
class Noted:
    """One request. `caller` is None when its sender is not known; `call` is None when it is not S3's.

    `asked` are the checks that were made, in their order, each with the sentence of its refusal; empty when allowed.
    """

    signed: Signed | None = None
    caller: Caller | None = None
    service: str = ""
    operation: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    call: ObjectCall | None = None
    asked: list[tuple[Check, str]] = field(default_factory=list)
    refusal: Refusal | None = None


def of(environ: WSGIEnvironment) -> Noted:
    """Return the request's note, which everybody around it shares; empty before the gate has seen it."""
    found = environ.get(KEY)
    if found is None:
        found = environ[KEY] = Noted()
    assert isinstance(found, Noted)
    return found
