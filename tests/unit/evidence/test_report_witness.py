"""What the report says of other records than CloudTrail."""

from __future__ import annotations

from dataclasses import asdict

from druid_reindex.evidence.parts import Kind, Part, State
from druid_reindex.evidence.parts_trail import Source, Witnesses, told_by_trail
from druid_reindex.evidence.report import Level, Table
from druid_reindex.evidence.report_findings import findings_of
from druid_reindex.evidence.report_night import night_report
from druid_reindex.evidence.report_witness import UNSEEN, unseen, witness_tables
from druid_reindex.model.witness import Witness
from told_nights import HEARD, confirmed, evidence, night


def table(name: str, supplement: dict[Kind, Part] | None = None) -> Table:
    found = witness_tables(evidence(night(supplement=supplement)))
    return next(each for each in found if each.name == name)


def heard(*sources: Source) -> dict[Kind, Part]:
    return confirmed() | {Kind.WITNESSES: told_by_trail(Witnesses(sources, ()))}


def test_each_record_has_its_sentence() -> None:
    assert set(UNSEEN) == set(Witness)


def test_the_head_says_which_records_were_there_for_this_night() -> None:
    druid, hdfs, kdc, redshift = unseen(evidence(night(supplement=confirmed())))
    assert druid.endswith("For this night: files of it read: 1; see Seen by other records.")
    assert hdfs.endswith("For this night: files of it read: 2; see Seen by other records.")
    assert kdc.endswith("For this night: not found: EMR has archived no krb5kdc.log of j-2AXXXXXXGAPLF.")
    assert "not kept: boundaries.yaml names no" in redshift
    report = night_report(evidence(night(supplement=confirmed())))
    assert list(report.sections[0].says[:4]) == [druid, hdfs, kdc, redshift]


def test_before_the_supplement_it_is_pending_and_an_old_pack_tells_nothing_of_it() -> None:
    assert all("not told: pending: CloudTrail delivers later." in each for each in unseen(evidence(night())))
    found = evidence(night())
    without = type(found)(found.packs, found.changed, {k: v for k, v in found.words.items() if k != Kind.WITNESSES})
    assert all("not told: no pack tells of such records." in each for each in unseen(without))


def test_who_was_seen_stands_in_a_table_of_the_page() -> None:
    found = table("seen-by-others", confirmed())
    assert found.caption == "Seen by other records"
    assert [row[2] for row in found.rows] == ["analyst-jo", "hadoop@EC2.INTERNAL"]
    assert found.rows[1][5] == "not told"
    names = [each.name for each in night_report(evidence(night(supplement=confirmed()))).tables()]
    assert {"seen-by-others", "other-records"} <= set(names)
    assert table("seen-by-others").nothing == "Not told: pending: CloudTrail delivers later."


def test_what_could_not_be_read_is_an_amber_finding() -> None:
    broken = Source("hdfs-audit", "read", "gzip that breaks off", 2, 1, 100, 0, 3)
    (found,) = findings_of(evidence(night(supplement=heard(broken))))
    assert found.level is Level.AMBER
    assert "1 of 2 files, 3 of 100 lines" in found.what
    (head,) = (each for each in unseen(evidence(night(supplement=heard(broken)))) if "HDFS audit" in each)
    assert "1 of them not in full" in head


def test_a_record_that_is_not_kept_or_not_there_is_no_finding() -> None:
    assert findings_of(evidence(night(supplement=confirmed()))) == []


def test_what_is_told_reads_back() -> None:
    found = evidence(night(supplement=confirmed()))
    assert found.words[Kind.WITNESSES].state is State.TOLD
    assert len(found.told(Kind.WITNESSES)["seen"]) == len(asdict(HEARD)["seen"])
