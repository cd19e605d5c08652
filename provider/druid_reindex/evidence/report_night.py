"""The report of one run, from its packs: what it cannot see, what was found, and everything behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES
from druid_reindex.evidence.parts import Kind, State
from druid_reindex.evidence.report import Cell, Level, Report, Section, Table, findings_table, worst
from druid_reindex.evidence.report_decisions import decisions_table
from druid_reindex.evidence.report_findings import citation, documents, findings_of
from druid_reindex.evidence.report_read import Evidence
from druid_reindex.evidence.report_segments import files_table, lineage_figure, objects_table, segments_table
from druid_reindex.evidence.report_timeline import moments_of, timeline_figure, timeline_table
from druid_reindex.evidence.report_trail import coverage_table, touched_tables, unlogged_table
from druid_reindex.evidence.report_witness import unseen, witness_tables
from druid_reindex.evidence.sign_off import Doubtful, SignOff

EMULATED = "emulated"
BLIND = tuple(line.replace("\n", " ") for line in (
    """Calls that the trail's selectors leave out, and events that AWS did not deliver: it does not promise to deliver
each of them.""",
    "Which object a decryption was for: with S3 Bucket Keys, the log of the KMS key names the bucket alone.",
    "That a later pack of this run was taken away: compare the last pack below with the list of the bucket's objects.",
))  # fmt: skip
_NOT_TOLD = "could not be read, or was not asked"
_CHECKS = """\
A rule names the section of 45 CFR under which this product files it. Such a citation is marked unconfirmed: it is the
makers' reading, and nobody else has confirmed it. A rule that holds makes nobody compliant."""
_PROOF = """\
This page is no proof: the packs are. Take them and the key's fingerprint from two places, and let the first command
below verify them without a network; or verify by hand with the others: they take statement and signature out of
{envelope}, check the signature with {key}, and show two digests to compare: the one that the statement names, and that
of {lines}."""
_VERDICTS = {
    Level.RED: "Not in order: {red} of {all} findings are red.",
    Level.AMBER: "Somebody must look: {all} findings are open, none of them red.",
    Level.GREEN: "All that this report can see is in order.",
}


def night_report(evidence: Evidence, sign_offs: Sequence[SignOff | Doubtful] = ()) -> Report:
    """The report of the run that the packs are of."""
    run, findings = evidence.told(Kind.RUN), findings_of(evidence)
    level = worst(each.level for each in findings)
    red = sum(each.level is Level.RED for each in findings)
    moments = moments_of(evidence)
    return Report(
        title=f"Evidence of a night: {run.get('datasource', 'unknown datasource')}",
        level=level,
        verdict=_VERDICTS[level].format(red=red, all=len(findings)),
        made_of=made_of(evidence),
        mark=mark_of(evidence),
        sections=(
            Section("blind", "What this report cannot see", (*unseen(evidence), *BLIND, *_untold(evidence))),
            Section("findings-first", "Findings", tables=(findings_table(findings, "Nothing was found."),)),
            Section("decisions", "What reviewers decided", tables=(decisions_table(_said(evidence, sign_offs)),)),
            Section("run", "The run", tables=(_run(evidence),)),
            Section("night", "The night", tables=(timeline_table(moments),), figure=timeline_figure(moments)),
            Section(
                "lineage-of-data", "Which data moved",
                tables=(segments_table(evidence), objects_table(evidence), files_table(evidence)),
                figure=lineage_figure(evidence),
            ),
            Section("who", "Who touched what", tables=[*touched_tables(evidence), *witness_tables(evidence)]),
            Section(
                "confirmed", "How much of it CloudTrail confirms",
                tables=(coverage_table(evidence), unlogged_table(evidence)),
            ),
            Section("checks", "What was checked", (_CHECKS,), (_rules(evidence), _judged(evidence), _tasks(evidence))),
            Section("parts", "What the packs tell", tables=(_parts(evidence),)),
            proof(evidence, _signatures(evidence)),
        ),
    )  # fmt: skip


def mark_of(evidence: Evidence) -> str:
    """What must stand on every page; empty where CloudTrail itself was read."""
    return mark_of_trail(evidence.told(Kind.RUN).get("trail"))


def mark_of_trail(trail: str | None) -> str:
    """The mark of a trail by that name."""
    return f"trail: {EMULATED}" if trail == EMULATED else ""


def made_of(evidence: Evidence) -> str:
    """Which packs are told of."""
    if not evidence.packs:
        return "no pack that is as it was signed"
    last = evidence.packs[-1].title
    more = {1: "", 2: " and 1 supplement"}.get(count := len(evidence.packs), f" and {count - 1} supplements")
    return f"run {last.run}, pack {evidence.packs[0].title.stem}{more}, the last one signed at {last.made_at}"


def _untold(evidence: Evidence) -> Iterator[str]:
    """What this very report lacks of what such reports tell."""
    for word in evidence.untold(State.UNREAD, State.PENDING):
        yield f"The part {word.kind}, which is {word.state}: {word.why}."
    if evidence.changed is not None:
        yield f"Whatever {evidence.changed.where} said before it was changed."
    if mark_of(evidence):
        yield "AWS itself: this account and its CloudTrail are emulated on one machine."


def _said(evidence: Evidence, sign_offs: Sequence[SignOff | Doubtful]) -> list[tuple[str, SignOff | Doubtful]]:
    run = str(evidence.told(Kind.RUN).get("run", ""))
    return [(run, each) for each in sign_offs]


def _run(evidence: Evidence) -> Table:
    run, asked, code = (evidence.told(kind) for kind in (Kind.RUN, Kind.ASKED, Kind.CODE))
    facts: Mapping[str, Cell] = {
        "Run": run.get("run"),
        "DAG and its run": f"{run.get('dag_id', _NOT_TOLD)}, {run.get('dag_run_id', _NOT_TOLD)}",
        "Datasource, classification": f"{run.get('datasource', _NOT_TOLD)}, {run.get('classification', _NOT_TOLD)}",
        "Asked for by": _asked_by(asked),
        "Reason": asked.get("reason") or "none given",
        "Approved by": asked.get("approved_by") or "nobody was asked",
        "Day that it is for": asked.get("logical_date"),
        "Provider, its files' SHA-256": f"{code.get('provider', _NOT_TOLD)}, {code.get('provider_sha256', _NOT_TOLD)}",
        "Pipeline's SHA-256": code.get("pipeline_sha256"),
        "Installed distributions' SHA-256": code.get("distributions_sha256"),
        "Security configuration": evidence.told(Kind.SECURITY_CONFIGURATION).get("name", _NOT_TOLD),
        "Clusters, and how the last one ended": _clusters(evidence.told(Kind.CLUSTER)),
        "Business associate agreement": evidence.told(Kind.AGREEMENT).get("reference", _NOT_TOLD),
        "Plan": evidence.told(Kind.PLAN).get("explanation", _NOT_TOLD),
    }
    return Table("run-facts", "Who asked for it, what ran", ("What", "Told"), list(facts.items()))


def _asked_by(asked: Mapping[str, Any]) -> str:
    if not asked:
        return _NOT_TOLD
    return f"{asked['by'] or 'no person'} ({asked['run_type']})"


def _clusters(told: Mapping[str, Any]) -> str:
    if not told:
        return _NOT_TOLD
    hours = f"{told['normalized_instance_hours']} normalized instance-hours"
    ended = f"{told['state'] or 'unknown'}{': ' if told['reason'] else ''}{told['reason']}"
    return f"{', '.join(told['clusters'])}, {ended}, {hours}" if told["clusters"] else "none"


def _rules(evidence: Evidence) -> Table:
    rows: list[Sequence[Cell]] = []
    for kind in (Kind.POSTURE, Kind.ATTESTATION):
        for each in documents(evidence.told(kind).get("stored")).get("findings", ()):
            if isinstance(each, Mapping):
                title = f"{each['title']}{citation(each['hipaa'])}"
                rows.append((each["rule"], title, each["status"], each["resource"], each["seen"]))
    columns = ("Rule", "What must hold", "Status", "Of", "Seen")
    nothing = "No report is within the packs; see below why, and where it lies."
    return Table("rules", "Rules of the account and of the live cluster", columns, rows, nothing)


def _judged(evidence: Evidence) -> Table:
    rows: list[Sequence[Cell]] = []
    for stored in evidence.told(Kind.QUALITY).get("verdicts", ()):
        verdict = documents(stored)
        told = verdict.get("findings", ()) if "verdict" in verdict else ()
        rows.append((verdict.get("batch"), verdict.get("verdict"), "", "", "", stored["sha256"]))
        rows += [(verdict["batch"], each["check"], each["chunk"], each["found"], each["wanted"], "") for each in told]
    columns = ("Batch", "Verdict or check", "Time chunk (UTC)", "Found", "Wanted", "SHA-256 of the verdict")
    return Table("quality", "What was judged of each batch", columns, rows, "No verdict is told.")


def _tasks(evidence: Evidence) -> Table:
    rows = [(each["task_id"], each["state"]) for each in evidence.told(Kind.TASKS).get("tasks", ())]
    return Table("tasks", "How each task stood", ("Task", "State"), rows, "No task is told.")


def _parts(evidence: Evidence) -> Table:
    rows = [(kind.value, *_part(evidence, kind)) for kind in Kind]
    return Table("parts-of-packs", "Each kind of part, and why it is not told", ("Part", "State", "Why", "Pack"), rows)


def _part(evidence: Evidence, kind: Kind) -> tuple[str, str, str]:
    word = evidence.words.get(kind)
    return (word.state.value, word.why, word.pack) if word is not None else ("unread", "no pack could be read", "none")


def _signatures(evidence: Evidence) -> Table:
    rows = [(each.title.name, each.sha256, each.fingerprint, each.title.made_at) for each in evidence.packs]
    if evidence.changed is not None:
        rows.append((evidence.changed.where, "changed", evidence.changed.found, "unknown"))
    return Table(
        "signatures", "Packs whose signature, chain and lines were verified when this report was made",
        ("Pack", "SHA-256 of its lines", "Fingerprint of the key", "Signed at (UTC)"), rows,
        "No pack is as it was signed.",
    )  # fmt: skip


def proof(evidence: Evidence, *tables: Table) -> Section:
    """How anybody verifies the last of the packs, below ``tables``."""
    stem = evidence.packs[-1].title.stem if evidence.packs else "0000"
    says = _PROOF.format(envelope=stem + ENVELOPE, key=stem + KEY, lines=stem + LINES)
    return Section("proof", "Proof, and how to verify it yourself", (says,), tables, commands=commands(stem))


def commands(stem: str) -> tuple[str, ...]:
    """The lines by which anybody verifies the pack, beside its three files."""
    return (
        f"druid-reindex evidence verify {stem}{LINES} --public-key {stem}{KEY}",
        f"jq -r .payload {stem}{ENVELOPE} | base64 -d > statement.json",
        f"jq -r '.signatures[0].sig' {stem}{ENVELOPE} | base64 -d > signature.der",
        "printf 'DSSEv1 28 application/vnd.in-toto+json %s ' \"$(wc -c < statement.json | tr -d ' ')\" > signed.bin",
        "cat statement.json >> signed.bin",
        f"openssl dgst -sha256 -verify {stem}{KEY} -signature signature.der signed.bin",
        f"openssl pkey -pubin -in {stem}{KEY} -outform DER | sha256sum",
        "jq -r '.subject[0].digest.sha256' statement.json",
        f"sha256sum {stem}{LINES}",
    )
