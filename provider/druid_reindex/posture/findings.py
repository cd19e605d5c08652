"""What judging gives: one finding for each rule and resource, and the report that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from druid_reindex.model.record import to_json


class Status(StrEnum):
    """A finding's answer."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNKNOWN = "unknown"
    EXCEPTED = "excepted"
    NOT_APPLICABLE = "not_applicable"


class Gate(StrEnum):
    """What a rule's failure does: HARD stops the night."""

    HARD = "HARD"
    WARN = "WARN"
    INFO = "INFO"


class Phase(StrEnum):
    """When a rule is judged: before anything is launched, or on the live cluster before protected data arrives."""

    PRE = "pre"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule on one resource: what was seen, and what to do about it."""

    rule: str
    title: str
    gate: Gate
    status: Status
    resource: str
    seen: str
    remedy: str
    hipaa: tuple[str, ...]

    @property
    def closes_gate(self) -> bool:
        """Whether the night stops here."""
        return self.gate is Gate.HARD and self.status in {Status.FAIL, Status.UNKNOWN}

    def __str__(self) -> str:
        return f"{self.rule} {self.title}: {self.status.value} on {self.resource}: {self.seen}"


@dataclass(frozen=True, slots=True)
class PostureReport:
    """All findings of one phase, in the order of their rules; ``judged_at`` is UTC."""

    subject: str
    phase: Phase
    judged_at: datetime
    findings: tuple[Finding, ...]

    @property
    def closing(self) -> tuple[Finding, ...]:
        """The findings that close the gate."""
        return tuple(each for each in self.findings if each.closes_gate)

    @property
    def is_open(self) -> bool:
        """Whether the night may go on; a report without findings opens nothing."""
        return bool(self.findings) and not self.closing

    def counts(self) -> dict[str, int]:
        """How many findings there are of each status."""
        return {status.value: sum(each.status is status for each in self.findings) for status in Status}

    def verdicts(self) -> Mapping[str, Status]:
        """The worst status of each resource."""
        return {each.resource: _worst(self.findings, each.resource) for each in self.findings}


_FROM_WORST = (Status.FAIL, Status.UNKNOWN, Status.EXCEPTED, Status.PASS, Status.NOT_APPLICABLE)


def _worst(findings: Sequence[Finding], resource: str) -> Status:
    return min((each.status for each in findings if each.resource == resource), key=_FROM_WORST.index)


def as_json(report: PostureReport) -> bytes:
    """``report`` as canonical JSON with its protocol; equal reports give equal bytes."""
    return to_json(
        {
            "subject": report.subject,
            "phase": report.phase,
            "judged_at": report.judged_at.isoformat(),
            "is_open": report.is_open,
            "counts": report.counts(),
            "findings": [_told(each) for each in report.findings],
        }
    )


def _told(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {"closes_gate": finding.closes_gate}


def lines(findings: Iterable[Finding]) -> str:
    """One line a finding, each with its remedy."""
    return "\n".join(f"{each}. What to do: {each.remedy}" for each in findings)
