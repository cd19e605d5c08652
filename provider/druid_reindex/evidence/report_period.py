"""The report of a period: every night that the schedule asked for, the missing ones first, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from druid_reindex.evidence.parts import Kind
from druid_reindex.evidence.report import Cell, Finding, Level, Report, Section, Table, findings_table, worst
from druid_reindex.evidence.report_decisions import decisions_table
from druid_reindex.evidence.report_findings import findings_of
from druid_reindex.evidence.report_night import BLIND, mark_of
from druid_reindex.evidence.report_read import Evidence, instant_of
from druid_reindex.evidence.report_witness import UNSEEN
from druid_reindex.evidence.sign_off import Doubtful, SignOff
from druid_reindex.model.cron import fire_times

MISSING = "missing"
_FROM_WORST = (MISSING, *Level)
_VERDICTS = {
    Level.RED: "Not in order: {missing} of {scheduled} scheduled nights are missing, {red} nights are red.",
    Level.AMBER: "Somebody must look at {amber} of {told} nights; all {scheduled} scheduled ones are there.",
    Level.GREEN: "All {scheduled} scheduled nights are there, and all that their packs can see is in order.",
}


@dataclass(frozen=True, slots=True)
class Period:
    """The days ``first`` to ``last`` of a pipeline, in the time zone of its schedule; ``cron`` is None for none."""

    datasource: str
    first: date
    last: date
    cron: str | None
    zone: ZoneInfo

    def scheduled(self) -> list[datetime]:
        """When nights were to begin (UTC)."""
        return list(fire_times(self.cron, self.zone, self.first, self.last)) if self.cron else []

    def has(self, instant: datetime) -> bool:
        """Whether the instant lies in the period."""
        return self.first <= instant.astimezone(self.zone).date() <= self.last


@dataclass(frozen=True, slots=True)
class Night:
    """One run's evidence, and the decisions on it."""

    where: str
    evidence: Evidence
    sign_offs: Sequence[SignOff | Doubtful]

    @property
    def instant(self) -> datetime | None:
        """The instant that it was scheduled for, or else began at (UTC); None where neither is told."""
        asked = self.evidence.told(Kind.ASKED)
        return instant_of(asked.get("logical_date")) or instant_of(asked.get("started_at"))

    @property
    def is_scheduled(self) -> bool:
        """Whether the schedule asked for it."""
        return self.evidence.told(Kind.ASKED).get("run_type") == "scheduled"


def period_report(period: Period, nights: Sequence[Night]) -> Report:
    """The report of the period, from all nights of the pipeline that have left evidence."""
    within = [each for each in nights if each.instant is None or period.has(each.instant)]
    scheduled = period.scheduled()
    missing = list(_missing(scheduled, within))
    findings = [(each, findings_of(each.evidence)) for each in within]
    levels = [worst(found.level for found in listed) for _, listed in findings]
    level = worst([*levels, *([Level.RED] if missing else [])])
    counts = {each.value: levels.count(each) for each in Level}
    verdict = _VERDICTS[level].format(missing=len(missing), scheduled=len(scheduled), told=len(within), **counts)
    return Report(
        title=f"Evidence of the nights of {period.datasource}, {period.first} to {period.last}",
        level=level,
        verdict=verdict,
        made_of=f"{len(within)} runs; the schedule is {period.cron or 'none'} in {period.zone.key}",
        mark=next((mark for each in within if (mark := mark_of(each.evidence))), ""),
        sections=(
            Section("blind", "What this report cannot see", (*UNSEEN.values(), *BLIND, *_BLIND)),
            Section("nights", "Nights, the missing ones first", tables=(_nights(missing, findings),)),
            Section("findings-first", "Findings", tables=(_findings(findings),)),
            Section("decisions", "What reviewers decided", tables=(decisions_table(_said(within)),)),
            Section("proof", "Proof", (_PROOF,), (_packs(within),)),
        ),
    )  # fmt: skip


_BLIND = (
    "Nights of another schedule: those that are listed follow from the schedule that the pipeline's file has now.",
    "Which of those records were there for a night: its own report says it.",
    "Whether a missing night was on hold, or ran and left no pack: ask Airflow.",
)
_PROOF = (
    "Each pack was verified when this report was made. Let druid-reindex evidence verify do it again, with the key's "
    "fingerprint from another place."
)


def _missing(scheduled: Sequence[datetime], nights: Sequence[Night]) -> Iterator[datetime]:
    """The instants for which no scheduled night is there: each night stands for the last instant not after its own."""
    begun = sorted(each.instant for each in nights if each.is_scheduled and each.instant is not None)
    for number, at in enumerate(scheduled):
        until = scheduled[number + 1] if number + 1 < len(scheduled) else at + timedelta(days=1)
        if not any(at <= each < until for each in begun):
            yield at


def _nights(missing: Sequence[datetime], findings: Sequence[tuple[Night, Sequence[Finding]]]) -> Table:
    told = [(each, worst(found.level for found in listed), len(listed)) for each, listed in findings]
    told.sort(key=lambda each: (_FROM_WORST.index(each[1]), each[0].instant or datetime.max.replace(tzinfo=UTC)))
    rows: list[Sequence[Cell]] = [(MISSING, _told(at), "no pack", "", "", None, "") for at in missing]
    rows += [_row(night, level, count) for night, level, count in told]
    columns = ("Level", "For (UTC)", "Run", "Asked for by", "CloudTrail", "Findings", "Decision")
    caption = f"{len(missing)} missing, {len(told)} with evidence"
    return Table("nights-of-period", caption, columns, rows, "No night was scheduled, and none has left evidence.")


def _row(night: Night, level: Level, findings: int) -> list[Cell]:
    run, asked = night.evidence.told(Kind.RUN), night.evidence.told(Kind.ASKED)
    word = night.evidence.words.get(Kind.MATCHES)
    return [
        level, _told(night.instant) if night.instant else None, run.get("dag_run_id", night.where),
        asked.get("by") or asked.get("run_type"), word.state.value if word else None, findings, _decided(night),
    ]  # fmt: skip


def _decided(night: Night) -> str:
    """The last decision on the run's latest pack; what was decided of an earlier one says so."""
    decided = [each for each in night.sign_offs if isinstance(each, SignOff)]
    if not decided:
        return "none"
    last = max(decided, key=lambda each: each.at)
    is_latest = bool(night.evidence.packs) and night.evidence.packs[-1].sha256 == last.sha256
    return f"{last.decision} by {last.by}{'' if is_latest else ', before the last supplement'}"


def _findings(findings: Sequence[tuple[Night, Sequence[Finding]]]) -> Table:
    named = [
        Finding(each.level, each.what, f"{night.evidence.told(Kind.RUN).get('dag_run_id', night.where)}: {each.where}",
                each.todo)
        for night, listed in findings for each in listed
    ]  # fmt: skip
    return findings_table(named, "Nothing was found.")


def _said(nights: Sequence[Night]) -> list[tuple[str, SignOff | Doubtful]]:
    return [(each.where, said) for each in nights for said in each.sign_offs]


def _packs(nights: Sequence[Night]) -> Table:
    rows = [
        (pack.title.name, pack.sha256, pack.fingerprint, pack.title.made_at)
        for each in nights for pack in each.evidence.packs
    ]  # fmt: skip
    columns = ("Pack", "SHA-256 of its lines", "Fingerprint of the key", "Signed at (UTC)")
    return Table("signatures", "Packs that are as they were signed", columns, rows, "None.")


def _told(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"
