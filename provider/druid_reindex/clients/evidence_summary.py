"""What a night's evidence comes to, for its summary: where the pack lies, and how far CloudTrail agrees with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from druid_reindex.evidence.parts import Kind, State
from druid_reindex.evidence.parts_trail import Unexplained
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.evidence.trail_parts import CALLS_CONFIRMED, EVENTS_EXPLAINED


@dataclass(frozen=True)
class Coverage:
    """How many of our recorded calls CloudTrail has, and how many events that touch what is the night's are explained.

    `recorded` are the calls that the trail's selectors choose; those without an answer that it does not have either are
    left out.
    """

    matched: int
    recorded: int
    explained: int
    touched: int

    @property
    def told(self) -> str:
        """It in a few words."""
        calls = f"{self.matched} of {self.recorded} recorded calls found in CloudTrail"
        return f"{calls}, {self.explained} of {self.touched} events explained"


@dataclass(frozen=True)
class EvidenceSummary:
    """Where the night's latest pack lies, None where it left none; the kinds of parts that are not told, and why not.

    `matches` counts what is confirmed or explained by how (E1, E2, S1, S2, declared), `findings` what does not agree by
    its class. `coverage` and `findings` are None where the night was not laid beside CloudTrail. `report` is the page.
    """

    pack: str | None = None
    pending: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    coverage: Coverage | None = None
    matches: dict[str, int] = field(default_factory=dict)
    findings: dict[str, int] | None = None
    report: str | None = None

    @property
    def unexplained(self) -> dict[str, int]:
        """The findings that a person must look at: what is only not logged is none of them."""
        return {what: count for what, count in (self.findings or {}).items() if what != Unexplained.NOT_LOGGED}

    def confirmed(self, pack: str, evidence: Evidence, report: str) -> EvidenceSummary:
        """This with what the night's packs tell, of which the latest lies at ``pack``, and the page that shows them."""
        matches = evidence.told(Kind.MATCHES)
        found = evidence.words.get(Kind.FINDINGS)
        return replace(
            self,
            pack=pack,
            pending=[word.kind.value for word in evidence.untold(State.PENDING)],
            unread=[word.kind.value for word in evidence.untold(State.UNREAD)],
            coverage=_coverage(matches["coverage"]) if matches else None,
            matches=_counted((each["how"], each["count"]) for each in matches.get("matches", ())),
            findings=_counted((each["verdict"], 1) for each in found.body["findings"])
            if found is not None and found.state is State.TOLD
            else None,
            report=report,
        )

    def rows(self) -> dict[str, str]:
        """The rows of a table; none where there is no pack."""
        if not self.pack:
            return {}
        unread = f", not read: {', '.join(self.unread)}" if self.unread else ""
        rows = {"evidence": f"{self.pack}{unread}"}
        if self.coverage is not None:
            by = ", ".join(f"{count} {how}" for how, count in self.matches.items())
            rows |= {"evidence: coverage": f"{self.coverage.told} ({by})"}
        if self.findings is not None:
            rows |= {"evidence: findings": self._found()}
        return rows | ({"evidence: report": self.report} if self.report else {})

    def _found(self) -> str:
        told = ", ".join(f"{count} {what}" for what, count in self.unexplained.items()) or "nothing unexplained"
        unlogged = (self.findings or {}).get(Unexplained.NOT_LOGGED, 0)
        return f"{told}; {unlogged} kinds of calls that the trail does not record" if unlogged else told


def _coverage(shares: Iterable[Mapping[str, Any]]) -> Coverage:
    by_name = {each["what"]: (each["found"], each["of"]) for each in shares}
    return Coverage(*by_name[CALLS_CONFIRMED], *by_name[EVENTS_EXPLAINED])


def _counted(found: Iterable[tuple[str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for what, count in found:
        counts[what] += count
    return dict(sorted(counts.items()))
