"""The verdict on one batch: passed, failed or unfinished, and a finding for each thing that does not hold.

A finding names a chunk, a check and numbers, never a row. What could not be read is a finding too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from druid_reindex.model.expectation import Result
from druid_reindex.quality.expectations import Wanted
from druid_reindex.quality.facts import Facts

PROTOCOL = 1
UNREAD = "could not be read"
MOST_FINDINGS = 200


class Judged(StrEnum):
    """What became of a batch; ``unfinished`` is one without a record of its result."""

    PASSED = "passed"
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold of a chunk: what was looked at, what was found, what was wanted."""

    chunk: str
    check: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.chunk}: {self.check}: {self.found}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one batch."""

    batch: int
    verdict: Judged
    findings: tuple[Finding, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """The verdict as the record that is kept; of very many findings the first ones, and how many there were."""
        told = [asdict(each) for each in self.findings[:MOST_FINDINGS]]
        record = {"protocol": PROTOCOL, "batch": self.batch, "verdict": self.verdict.value, "findings": told}
        return record | ({"findings_in_all": len(self.findings)} if len(self.findings) > MOST_FINDINGS else {})


def judge(batch: int, wanted: Iterable[Wanted], facts: Facts, results: Sequence[Finding] = ()) -> Verdict:
    """The verdict on a batch whose facts are known: passed when all that is wanted was read and holds."""
    findings = [found for each in wanted if (found := _finding(each, facts)) is not None]
    findings += results
    return Verdict(batch, Judged.FAILED if findings else Judged.PASSED, tuple(findings))


def unfinished(batch: int, findings: Iterable[Finding] = ()) -> Verdict:
    """The verdict on a batch that has left no result."""
    return Verdict(batch, Judged.UNFINISHED, tuple(findings))


def of_types(whole: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> list[Finding]:
    """A finding for each column that the segments of the batch ``whole`` store, and not in the type that is wanted."""
    return [
        Finding(whole, f"schema type of {name}", found[name], kind)
        for name, kind in wanted.items()
        if found.get(name, kind) != kind
    ]


def of_results(whole: str, results: Iterable[Result]) -> list[Finding]:
    """A finding for each expectation over the batch ``whole`` that does not hold or could not be read."""
    return [
        Finding(
            whole, each.expectation, "does not hold" if each.held is False else f"{UNREAD}: {each.reason}", each.wanted
        )
        for each in results
        if not each.held
    ]


def _finding(wanted: Wanted, facts: Facts) -> Finding | None:
    check = f"{wanted.check} {wanted.of}".strip()
    found = facts.get((wanted.chunk, wanted.check, wanted.of))
    if found is None:
        return Finding(wanted.chunk, check, UNREAD, wanted.bounds)
    return None if wanted.admits(found) else Finding(wanted.chunk, check, f"{found:.15g}", wanted.bounds)
