"""Rules are registered once, under their ids."""

from __future__ import annotations

import pytest

from druid_reindex.posture.findings import Status
from druid_reindex.posture.rules.registry import RULES, Verdict, judged, rule


def test_an_id_is_used_once() -> None:
    known = next(iter(RULES))
    with pytest.raises(AssertionError, match=known):
        rule(known, lambda _facts: [])(lambda _subject, _facts: Verdict(Status.PASS, ""))


def test_defects_fail_and_their_lack_holds() -> None:
    assert judged(["a", "b"], "good") == Verdict(Status.FAIL, "a; b")
    assert judged([], "good") == Verdict(Status.PASS, "good")
