"""What somebody must look at, from every part of the packs: refused, failed, taken back, touched by others, unread."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from druid_reindex.evidence.parts import Kind, State
from druid_reindex.evidence.report import Finding, Level
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.evidence.report_trail import trail_findings
from druid_reindex.evidence.report_witness import witness_findings

UNCONFIRMED = "unconfirmed"
"""The mark of a citation that nobody outside this product has confirmed."""


def findings_of(evidence: Evidence) -> list[Finding]:
    """Every finding, in the order in which the parts tell them."""
    return [
        *changed_finding(evidence),
        *_tasks(evidence),
        *_judged(evidence, Kind.POSTURE),
        *_judged(evidence, Kind.ATTESTATION),
        *_quality(evidence),
        *_taken_back(evidence),
        *_objects(evidence),
        *trail_findings(evidence),
        *witness_findings(evidence),
        *untold_findings(evidence),
    ]


def changed_finding(evidence: Evidence) -> Iterator[Finding]:
    """The finding that a pack was changed, where one was."""
    if evidence.changed is not None:
        yield Finding(
            Level.RED, f"The evidence was changed: {evidence.changed.found}. {evidence.changed.means}",
            evidence.changed.where,
            "Trust nothing of this pack and those after it; look for who could write here, and for another copy",
        )  # fmt: skip


def _tasks(evidence: Evidence) -> Iterator[Finding]:
    for task in evidence.told(Kind.TASKS).get("tasks", ()):
        if task["state"] == "failed":
            yield Finding(
                Level.RED, "The task failed", task["task_id"],
                "Read what stopped it on the run's page in Airflow, tab State, or with druid-reindex status",
            )  # fmt: skip


def _judged(evidence: Evidence, kind: Kind) -> Iterator[Finding]:
    """A red finding for each rule that stopped the night, an amber one for each that a person has excepted."""
    for each in documents(evidence.told(kind).get("stored")).get("findings", ()):
        if not isinstance(each, Mapping) or each["status"] in {"pass", "not_applicable"}:
            continue
        level = Level.RED if each["closes_gate"] else Level.AMBER
        what = f"{each['rule']} {each['title']}: {each['status']}: {each['seen']}{citation(each['hipaa'])}"
        yield Finding(level, what, each["resource"], each["remedy"])


def _quality(evidence: Evidence) -> Iterator[Finding]:
    for stored in evidence.told(Kind.QUALITY).get("verdicts", ()):
        verdict = documents(stored)
        if verdict.get("verdict", "passed") != "passed":
            count = verdict.get("findings_in_all", len(verdict.get("findings", ())))
            yield Finding(
                Level.RED, f"Batch {verdict['batch']} was judged {verdict['verdict']}: {count} things do not hold",
                stored["uri"], "See the checks below; a batch that failed is taken back by the task rollback",
            )  # fmt: skip


def _taken_back(evidence: Evidence) -> Iterator[Finding]:
    for stored in evidence.told(Kind.ROLLBACK).get("records", ()):
        yield Finding(
            Level.AMBER, "A batch was taken back: the versions from before serve again", stored["uri"],
            "Find out why before the next night, which rebuilds the same chunks",
        )  # fmt: skip


def _objects(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.told(Kind.OBJECTS).get("objects", ()):
        if not each["kms_key"]:
            yield Finding(
                Level.RED, "A segment's object has no KMS key", each["uri"],
                "Find out what overrides the key, rebuild the chunk, and delete every version of the object",
            )  # fmt: skip


def untold_findings(evidence: Evidence, kinds: Collection[Kind] = tuple(Kind)) -> Iterator[Finding]:
    """A finding for each part of these kinds that could not be read, or is still to come."""
    for word in evidence.untold(State.UNREAD):
        if word.kind in kinds:
            yield Finding(
                Level.AMBER, f"The part {word.kind} could not be read: {word.why}", word.pack,
                "Read it yourself where it lies: what could not be read is neither good nor bad",
            )  # fmt: skip
    for word in evidence.untold(State.PENDING):
        if word.kind in kinds:
            yield Finding(
                Level.AMBER, f"The part {word.kind} is still to come: {word.why}", word.pack,
                "Open the report again after the next supplement; until then the night is not fully told",
            )  # fmt: skip


def documents(stored: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The document within a record; empty where the pack has its digest alone."""
    found = (stored or {}).get("document")
    return found if isinstance(found, Mapping) else {}


def citation(sections: object) -> str:
    """The sections of 45 CFR that a rule is filed under, with their mark; empty for none.

    The mark says that the filing is this product's own reading of the Security Rule.
    """
    listed = [sections] if isinstance(sections, str) else list(sections) if isinstance(sections, list | tuple) else []
    return f" [45 CFR {'; '.join(listed)}, {UNCONFIRMED}]" if any(listed) else ""
