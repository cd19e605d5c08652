"""Each kind is a part, in one order, and none is left out in silence."""

from __future__ import annotations

from typing import get_args

import pytest

import packs
from druid_reindex.errors import ProtocolError
from druid_reindex.evidence import parts
from druid_reindex.evidence.parts import Kind, State


def test_every_kind_has_a_type_or_is_told_by_a_supplement() -> None:
    typed = {each.KIND for each in get_args(parts.Body)}
    assert set(Kind) - typed == {Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES}
    assert len(typed) == len(get_args(parts.Body))


def test_a_part_is_told_or_says_why_not() -> None:
    agreement = parts.told(parts.Agreement("BAA-2026-17"))
    assert (agreement.kind, agreement.state, agreement.body) == (
        Kind.AGREEMENT, State.TOLD, {"reference": "BAA-2026-17"}
    )  # fmt: skip
    untold = [parts.unread(Kind.PLAN, "503"), parts.pending(Kind.PLAN, "503"), parts.absent(Kind.PLAN, "503")]
    assert [part.state for part in untold] == [State.UNREAD, State.PENDING, State.ABSENT]
    assert {part.body["why"] for part in untold} == {"503"}


def test_parts_are_put_in_their_order() -> None:
    assert [part.kind for part in parts.complete(reversed(packs.told()))] == list(Kind)


def test_a_missing_or_doubled_kind_is_a_defect() -> None:
    with pytest.raises(ProtocolError, match="run missing, 0 told twice"):
        parts.complete(packs.told()[1:])
    with pytest.raises(ProtocolError, match="nothing missing, 1 told twice"):
        parts.complete([*packs.told(), packs.told()[3]])
