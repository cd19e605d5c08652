"""What a look at a trail comes to."""

from __future__ import annotations

from datetime import timedelta

from druid_reindex.evidence.trail_chain import Gap, Link, Verdict
from druid_reindex.evidence.trail_digest import read_digest
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.evidence.trail_report import TrailReport, uncovered
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from trail_account import HOUR, NIGHT, a_night

FILES, DIGESTS, LOGS = a_night(hours=1)
WHOLE = Link(DIGESTS[0], Verdict.VALID, digest=read_digest(FILES.objects[DIGESTS[0]], DIGESTS[0], FILES.public_keys()))
WINDOW = Window(NIGHT, NIGHT + 2 * HOUR)


def test_what_is_wrong_comes_first_and_what_nobody_tells_of_is_named() -> None:
    report = TrailReport("us-east-1")
    for seen in (WHOLE, LogCheck(LOGS[0], Verdict.VALID, size_bytes=7), LogCheck(LOGS[1], Verdict.MISSING),
                 Gap(NIGHT - HOUR, NIGHT)):  # fmt: skip
        report.add(seen)
    assert not report.is_sound
    assert report.lines(WINDOW) == [
        f"✗ log {LOGS[1]}: not found",
        "! no log files were delivered from 2026-11-21T01:00:00Z to 2026-11-21T02:00:00Z",
        "? no valid digest tells of 2026-11-21T03:00:00Z to 2026-11-21T04:00:00Z",
        "1 of 1 digests, 1 of 2 log files valid in us-east-1",
    ]
    assert report.size_bytes == 7


def test_sound_is_a_digest_and_nothing_wrong() -> None:
    report = TrailReport("us-east-1")
    assert not report.is_sound
    report.add(WHOLE)
    assert report.is_sound
    report.add(Link(S3Uri("b", "k"), Verdict.INVALID, "why"))
    assert not report.is_sound


def test_what_is_not_covered() -> None:
    half, whole = timedelta(minutes=30), Window(NIGHT, NIGHT + 4 * HOUR)
    covered = [
        Window(NIGHT + 2 * HOUR, NIGHT + 3 * HOUR),
        Window(NIGHT - HOUR, NIGHT + half),
        Window(NIGHT, NIGHT + HOUR),
    ]
    assert uncovered(whole, covered) == [
        Window(NIGHT + HOUR, NIGHT + 2 * HOUR), Window(NIGHT + 3 * HOUR, NIGHT + 4 * HOUR)
    ]  # fmt: skip
    assert uncovered(whole, []) == [whole]
    assert uncovered(whole, [Window(NIGHT + 5 * HOUR, NIGHT + 6 * HOUR)]) == [whole]
    assert uncovered(whole, [whole]) == []
