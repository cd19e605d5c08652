"""What verifying a run's packs has found, as a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from druid_reindex.evidence.report import Level, Report, Table
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.evidence.report_verify import KnownKey, verify_report
from told_nights import confirmed, evidence, files, night
from twins import FakeSigner

OWN = KnownKey(FakeSigner().public_key().fingerprint)
PACKS = night(supplement=confirmed())


def table(report: Report, name: str) -> Table:
    return next(each for each in report.tables() if each.name == name)


def test_packs_by_the_deployments_own_key_are_green() -> None:
    made = verify_report("s3://bucket/packs", evidence(PACKS), OWN)
    assert made.level is Level.GREEN
    assert [row[0] for row in table(made, "verified").rows] == [Level.GREEN, Level.GREEN]
    assert [row[4] for row in table(made, "verified").rows] == [each.sha256 for each in PACKS]
    assert [row[0] for row in table(made, "keys").rows] == [Level.GREEN]
    assert made.sections[-1].commands


@pytest.mark.parametrize("known", [KnownKey("ab" * 32), KnownKey(why_not="ask KMS: HTTP 503"), KnownKey()])
def test_a_key_that_nobody_vouches_for_is_never_green(known: KnownKey) -> None:
    made = verify_report("s3://bucket/packs", evidence(PACKS), known)
    assert made.level is Level.AMBER
    ((level, whose, fingerprint),) = table(made, "keys").rows
    assert (level, fingerprint) == (Level.AMBER, OWN.fingerprint)
    assert known.why_not in str(whose)
    assert known.fingerprint in str(whose)


def test_the_first_thing_that_was_changed_is_named_below_what_still_holds() -> None:
    first, second = files(PACKS)
    assert second.lines is not None
    broken = [first, replace(second, lines=second.lines.replace(b"BAA", b"XXX"))]
    made = verify_report("s3://bucket/packs", read_packs(broken, [FakeSigner().public_key()]), OWN)
    assert made.level is Level.RED
    good, bad = table(made, "verified").rows
    assert (good[0], bad[0]) == (Level.GREEN, Level.RED)
    assert "0001.jsonl line" in str(bad[1])
    assert "body.reference" in made.verdict


def test_a_folder_of_which_nothing_holds_is_red_and_has_no_key() -> None:
    made = verify_report("s3://bucket/packs", read_packs(files(PACKS), []), OWN)
    assert made.level is Level.RED
    assert table(made, "keys").rows == []
