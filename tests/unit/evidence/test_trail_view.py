"""What it means that the trail has no event of a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from druid_reindex.evidence.selectors import Selectors
from druid_reindex.evidence.trail_chain import Gap, Link, Verdict
from druid_reindex.evidence.trail_digest import read_digest
from druid_reindex.evidence.trail_log import LogCheck
from druid_reindex.evidence.trail_report import TrailReport
from druid_reindex.evidence.trail_view import Absence, TrailView
from druid_reindex.model.trail import Window
from trail_account import HOUR, NIGHT, a_night
from trail_runs import DATA, call, minutes

SELECTORS = Selectors(s3_prefixes=(f"{DATA}/",))
WHOLE = TrailView(SELECTORS, {"us-east-1": [Window(NIGHT + n * HOUR, NIGHT + (n + 1) * HOUR) for n in range(4)]})
LATER = NIGHT + 6 * HOUR


def test_missing_only_where_whole_files_tell_of_all_the_time() -> None:
    assert WHOLE.absence(call(1), LATER) is Absence.MISSING
    assert WHOLE.absence(call(1), NIGHT + minutes(74)) is Absence.PENDING
    last = call(1, NIGHT + 3 * HOUR)
    assert WHOLE.absence(last, LATER) is Absence.PENDING, "it may stand in the next hour's digest"
    assert WHOLE.absence(last, LATER + timedelta(days=1)) is Absence.TRAIL_GAP
    assert WHOLE.absence(call(1, region="eu-west-1"), LATER) is Absence.PENDING
    assert WHOLE.absence(call(1, region="eu-west-1"), LATER + timedelta(days=1)) is Absence.TRAIL_GAP


@pytest.mark.parametrize(
    ("changes", "selectors", "recorded"),
    [
        ({}, SELECTORS, True),
        ({"resources": (DATA,), "operation": "ListObjects"}, SELECTORS, True),
        ({"resources": ("arn:aws:s3:::drx-artifacts/x",)}, SELECTORS, False),
        ({"resources": (f"{DATA}-2/x",)}, SELECTORS, False),
        ({"resources": ()}, SELECTORS, True), ({"resources": ()}, Selectors(), False), ({}, Selectors(), False),
        ({"operation": "GetBucketPolicy"}, Selectors(), True),
        ({"operation": "GetBucketPolicy"}, Selectors(management=False), False),
        ({"event_source": "kms.amazonaws.com", "operation": "Decrypt"}, SELECTORS, True),
        ({"event_source": "kms.amazonaws.com", "operation": "Decrypt"},
         replace(SELECTORS, excluded_sources=frozenset({"kms.amazonaws.com"})), False),
    ],
)  # fmt: skip
def test_what_the_selectors_record(changes: dict[str, object], selectors: Selectors, recorded: bool) -> None:
    assert selectors.records(call(1, **changes)) is recorded
    absent = replace(WHOLE, selectors=selectors).absence(call(1, **changes), LATER)
    assert absent is (Absence.MISSING if recorded else Absence.NOT_LOGGED)


@pytest.mark.parametrize("broken", ["a log", "a digest", "a gap"])
def test_damage_where_it_would_stand_is_a_gap_and_elsewhere_is_not(broken: str) -> None:
    files, digests, logs = a_night(hours=4)
    report = TrailReport("us-east-1")
    for uri in digests:
        if (broken, uri) == ("a digest", digests[1]):
            report.add(Link(uri, Verdict.MISSING))
            continue
        report.add(Link(uri, Verdict.VALID, digest=read_digest(files.objects[uri], uri, files.public_keys())))
    for uri in logs:
        report.add(LogCheck(uri, Verdict.MISSING if (broken, uri) == ("a log", logs[4]) else Verdict.VALID))
    if broken == "a gap":
        report.add(Gap(NIGHT + HOUR, NIGHT + 2 * HOUR))
    view = TrailView.of(SELECTORS, [report])
    assert report.damaged == [Window(NIGHT + HOUR, NIGHT + 2 * HOUR)]
    assert view.absence(call(1, NIGHT + HOUR), LATER) is Absence.TRAIL_GAP
    assert view.absence(call(1, NIGHT), LATER) is Absence.TRAIL_GAP, "it may have been delivered in the hour after"
    assert view.absence(call(1, NIGHT + 2 * HOUR), LATER) is Absence.MISSING
