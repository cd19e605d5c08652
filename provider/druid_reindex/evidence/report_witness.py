"""What CloudTrail does not see, and who is told by the records that do: which of them were there, whom they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report import Finding, Level, Table
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.model.witness import Witness

UNSEEN: Mapping[str, str] = {
    Witness.DRUID: "Queries that people and programs put to Druid: they are no calls to AWS. Druid's own request log "
    "has them, where it is switched on and kept.",
    Witness.HDFS: "What was read from HDFS while the cluster lived: the HDFS audit log has it, where it is kept.",
    Witness.KDC: "Kerberos tickets that the cluster's KDC gave out: the KDC's log has them, where it is kept.",
    Witness.REDSHIFT: "SQL that ran within Redshift: CloudTrail has the call that submitted it, not what it read. "
    "Redshift's audit logs have who ran which kind of statement.",
}
_REMEDY = "Read the file yourself where it lies: what could not be read is neither good nor bad"


def unseen(evidence: Evidence) -> Iterator[str]:
    """For each thing that CloudTrail cannot see, whether another record of it was there for this night."""
    sources = {each["witness"]: each for each in _told(evidence, "sources")}
    for witness, sentence in UNSEEN.items():
        yield f"{sentence} For this night: {_state(evidence, sources.get(witness))}."


def witness_tables(evidence: Evidence) -> list[Table]:
    """Who was seen by other records, and which of these were read."""
    seen = [
        (each["witness"], each["standing"], each["who"], each["did"], each["where"], each["days"] or "not told",
         each["count"], each["refused"], each["first_at"], each["last_at"])
        for each in _told(evidence, "seen")
    ]  # fmt: skip
    sources = [
        (each["witness"], each["state"], each["files"], each["unread_files"], each["lines"], each["other_lines"],
         each["unread_lines"], each["why"])
        for each in _told(evidence, "sources")
    ]  # fmt: skip
    return [
        Table(
            "seen-by-others", "Seen by other records",
            ("Record", "Whose", "Who", "Did", "Where", "Days of the data (UTC)", "Times", "Refused", "First (UTC)",
             "Last (UTC)"), seen, _nothing(evidence),
        ),
        Table(
            "other-records", "Other records, and what could be read of them",
            ("Record", "State", "Files", "Files not read", "Lines", "Lines of other things", "Lines not read", "Why"),
            sources, _nothing(evidence),
        ),
    ]  # fmt: skip


def witness_findings(evidence: Evidence) -> Iterator[Finding]:
    """A finding for each record that was there and of which a file or a line could not be read."""
    for each in _told(evidence, "sources"):
        if each["state"] == "not read" or each["unread_files"] or each["unread_lines"]:
            what = (
                f"The record {each['witness']} could not be read in full: {each['unread_files']} of {each['files']} "
                f"files, {each['unread_lines']} of {each['lines']} lines"
            )
            yield Finding(Level.AMBER, what, each["why"] or "lines in another form", _REMEDY)


def _state(evidence: Evidence, source: Mapping[str, Any] | None) -> str:
    if source is None:
        return f"not told{_nothing(evidence).rstrip('.').removeprefix('Not told')}"
    if source["state"] != "read":
        return f"{source['state']}: {source['why']}"
    broken = f", {source['unread_files']} of them not in full" if source["unread_files"] else ""
    return f"files of it read: {source['files']}{broken}; see Seen by other records"


def _told(evidence: Evidence, name: str) -> list[Mapping[str, Any]]:
    return list(evidence.told(Kind.WITNESSES).get(name, ()))


def _nothing(evidence: Evidence) -> str:
    """Why nothing is told."""
    word = evidence.words.get(Kind.WITNESSES)
    if word is None:
        return "Not told: no pack tells of such records."
    return f"Not told: {word.state}: {word.why}." if word.why else "None."
