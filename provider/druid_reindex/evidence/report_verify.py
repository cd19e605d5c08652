"""What verifying a run's packs has found, as a report: each pack, the first thing that was changed, and the keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from druid_reindex.evidence.report import Cell, Level, Report, Section, Table
from druid_reindex.evidence.report_night import mark_of, proof
from druid_reindex.evidence.report_read import Evidence

_VERDICTS = {
    Level.RED: "Changed: {where}. Trust nothing of this pack and those after it.",
    Level.AMBER: "Each pack is as it was signed, but not by a key that is known to be this deployment's.",
    Level.GREEN: "Each pack is as it was signed, by the key that KMS has for this deployment.",
}
_SAYS = tuple(line.replace("\n", " ") for line in (
    "Verified just now from the files: each signature, the chain of the lines and that of the packs, every field.",
    """The keys that lie beside the packs prove that the files belong together. Whoever can put other packs there can
put other keys there: compare each fingerprint with the one that you keep elsewhere.""",
    "That the last pack was taken away cannot be seen from those before it; each says what it was still waiting for.",
    "Airflow itself has verified them here. Who does not trust it copies the files and runs the lines below.",
))  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What KMS says of the deployment's signing key: its ``fingerprint``, or why it could not be asked."""

    fingerprint: str = ""
    why_not: str = ""


def verify_report(where: str, evidence: Evidence, known: KnownKey) -> Report:
    """What was found of the packs that lie at ``where``; green where KMS's own key has signed them all."""
    level = _level(evidence, known)
    changed = evidence.changed.where if evidence.changed else ""
    return Report(
        title="Are the packs as they were signed?",
        level=level,
        verdict=_VERDICTS[level].format(where=changed),
        made_of=f"the files at {where}",
        mark=mark_of(evidence),
        sections=(
            Section("result", "What was found", _SAYS, (_packs(evidence), _keys(evidence, known))),
            proof(evidence),
        ),
    )


def _level(evidence: Evidence, known: KnownKey) -> Level:
    if evidence.changed is not None or not evidence.packs:
        return Level.RED
    signed_by = {each.fingerprint for each in evidence.packs}
    return Level.GREEN if signed_by == {known.fingerprint} else Level.AMBER


def _packs(evidence: Evidence) -> Table:
    rows: list[Sequence[Cell]] = [
        (Level.GREEN, each.title.name, f"{each.lines} lines, as they were signed", each.title.made_at, each.sha256)
        for each in evidence.packs
    ]
    if evidence.changed is not None:
        found = f"{evidence.changed.found}. {evidence.changed.means}"
        rows.append((Level.RED, evidence.changed.where, found, None, None))
    columns = ("State", "Pack, or the first thing that was changed", "Found", "Signed at (UTC)", "SHA-256 of its lines")
    return Table("verified", "Packs of the run in their order, up to the first that was changed", columns, rows)


def _keys(evidence: Evidence, known: KnownKey) -> Table:
    rows = [(*_whose(each, known), each) for each in dict.fromkeys(each.fingerprint for each in evidence.packs)]
    columns = ("State", "Whose it is", "Fingerprint: SHA-256 of the public key (DER)")
    return Table("keys", "Keys that have signed them", columns, rows, "No pack is as it was signed.")


def _whose(fingerprint: str, known: KnownKey) -> tuple[Level, str]:
    if fingerprint == known.fingerprint:
        return Level.GREEN, "the key that KMS has for this deployment today"
    if known.why_not:
        return Level.AMBER, f"unknown: KMS was not asked or has not answered: {known.why_not}"
    return Level.AMBER, f"not the key that KMS has today, which is {known.fingerprint}: an earlier one, or a stranger's"
