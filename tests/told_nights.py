"""Nights as packs tell them, for the tests of reports: a good one, one that strangers touched, one that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import packs
from druid_reindex.evidence import parts
from druid_reindex.evidence.pack import Pack, Title, draft
from druid_reindex.evidence.parts import Kind, Part
from druid_reindex.evidence.parts_trail import Calls, Findings, Journal, Match, Matches, Share, Touched, told_by_trail
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.evidence.sign_off import Decision, SignOff
from druid_reindex.evidence.verify import Files
from twins import FakeSigner

KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/11111111-1111-4111-8111-111111111111"
RUNS = f"s3://drx-phi-111122223333/runs/{packs.RUN}"
CHUNKS = [f"2026-10-{day:02}T00:00:00.000Z_2026-10-{day + 1:02}T00:00:00.000Z" for day in range(1, 5)]
BEFORE, AFTER = "2026-10-02T06:41:09.118Z", "2026-10-06T06:44:52.371Z"
OBJECT = f"s3://drx-phi-111122223333/druid/segments/patient_vitals/{CHUNKS[0]}/{AFTER}/0/index.zip"
STARTED, SIGNED = "2026-10-06T06:30:00+00:00", "2026-10-06T06:52:30+00:00"
TITLE = replace(packs.TITLE, made_at=SIGNED)
RULE = {
    "rule": "S3-01", "title": "Puts without aws:kms are denied by the bucket's policy", "gate": "HARD",
    "status": "pass", "resource": "s3://drx-phi-111122223333", "seen": "a Deny for everybody", "remedy": "add a Deny",
    "hipaa": ["164.312(a)(2)(iv)"], "closes_gate": False,
}  # fmt: skip
FOREIGN = Touched(
    "foreign", "arn:aws:sts::111122223333:assumed-role/analytics/jo", "s3.amazonaws.com", "GetObject", OBJECT, 3,
    "2026-10-06T09:12:44+00:00", "2026-10-06T09:14:02+00:00", "2026-10-06T10:00:00+00:00",
    CHUNKS[0].replace("_", "/"), 4120, None,
)  # fmt: skip
MISSING = Touched(
    "missing", "drx1.0f2a7d6e41f5.1", "kms.amazonaws.com", "GenerateDataKey", KEY_ARN, 1, "2026-10-06T06:44:00+00:00",
    "2026-10-06T06:44:00+00:00", "2026-10-06T10:00:00+00:00", is_confirmed=False,
)  # fmt: skip


def record(name: str, document: Mapping[str, Any] | None = None) -> parts.Record:
    """A record that the night left."""
    return parts.Record(f"{RUNS}/{name}", "ab" * 32, document)


def rules(*findings: Mapping[str, Any], judged_at: str) -> Mapping[str, Any]:
    """What was judged, as its report says it."""
    return {"judged_at": judged_at, "is_open": not any(each["closes_gate"] for each in findings), "findings": findings}


def segments() -> parts.Segments:
    """Two batches: one over three chunks that had other versions, one over a chunk that had none."""
    before = [f"patient_vitals_{chunk}_{BEFORE}{number}" for chunk in CHUNKS[:3] for number in ("", "_1", "_2")]
    after = [f"patient_vitals_{chunk}_{AFTER}" for chunk in CHUNKS]
    first = parts.Batch(0, before, after[:3], record("batches/0/result.json"))
    return parts.Segments((first, parts.Batch(1, (), after[3:], record("batches/1/result.json"))))


def told(title: Title = TITLE, predecessor: str | None = None) -> dict[Kind, Part]:
    """The parts of a good night's pack that still waits for CloudTrail."""
    passed = {"protocol": 1, "verdict": "passed", "findings": []}
    bodies: Sequence[parts.Body] = (
        parts.Run(
            title.run,
            "d",
            "nightly_reindex__patient_vitals",
            "scheduled__2026-10-06T06:30:00+00:00",
            title.datasource,
            "phi",
            "us-east-1",
            "emulated",
            title.sequence,
            title.made_at,
            predecessor,
        ),
        parts.Asked("scheduled", None, None, None, STARTED, STARTED),
        parts.Code("0.1.0", "cd" * 32, "ef" * 32, "01" * 32),
        parts.Plan(record("plan.json"), "4 of 90 chunks", 2, 4),
        parts.Posture(record("posture.json", rules(RULE, judged_at="2026-10-06T06:31:10+00:00"))),
        parts.Attestation(record("attestation.json", rules(judged_at="2026-10-06T06:38:31+00:00"))),
        parts.SecurityConfiguration("drx-secure-1", '{"EncryptionConfiguration": {}}'),
        parts.Tasks(tuple(parts.Task(name, "success") for name in ("posture", "plan", "reindex", "validate"))),
        segments(),
        parts.Objects((parts.StoredFile(OBJECT, "9b2cf535f27731c974343645a3985328", KEY_ARN),), ()),
        parts.Files((parts.Listed(f"{RUNS}/plan.json", "e2"),)),
        parts.Cluster(("j-2AXXXXXXGAPLF",), "TERMINATED", "Steps completed", 12),
        parts.Quality((record("batches/0/verdict.json", passed | {"batch": 0}),), ()),
        parts.Agreement("BAA-2026-17"),
        parts.Signer(KEY_ARN, FakeSigner().public_key().fingerprint, "ECDSA_SHA_256"),
    )
    found = {each.KIND: parts.told(each) for each in bodies}
    found[Kind.ROLLBACK] = parts.absent(Kind.ROLLBACK, "nothing was taken back")
    for kind in (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS):
        found[kind] = parts.pending(kind, "CloudTrail delivers later")
    return found


def confirmed(*touched: Touched) -> dict[Kind, Part]:
    """What a supplement tells once CloudTrail has delivered."""
    first, last = "2026-10-06T06:30:01+00:00", "2026-10-06T06:49:40+00:00"
    calls = (
        Calls("reindex.0.1", "elasticmapreduce.amazonaws.com", "AddJobFlowSteps", 2, 0, first, last),
        Calls("plan try 1", "s3.amazonaws.com", "PutObject", 14, 1, first, "2026-10-06T06:31:44+00:00"),
    )
    matches = (
        Match("E1", "plan try 1", "s3.amazonaws.com", "PutObject", 14, first, last),
        Match("declared", "druid historicals", "s3.amazonaws.com", "GetObject", 24, first, last),
    )
    shares = (
        Share("calls of ours", 16 - len(touched) // 2, 16),
        Share("events on our objects and keys", 41, 41 + len(touched)),
    )
    bodies = (Journal(calls), Matches(matches, shares), Findings(touched))
    return {part.kind: part for part in map(told_by_trail, bodies)}


def signed(found: Mapping[Kind, Part]) -> Pack:
    """The signed pack of the parts."""
    signer = FakeSigner()
    made = draft(found.values())
    return made.seal(signer.sign(made.signed), signer.public_key().fingerprint)


def night(changes: Mapping[Kind, Part] | None = None, supplement: Mapping[Kind, Part] | None = None) -> list[Pack]:
    """A run's first pack, with these parts instead of the good ones, and its supplement if there is one."""
    first = signed(told() | dict(changes or {}))
    if supplement is None:
        return [first]
    title = replace(TITLE, sequence=1, made_at="2026-10-06T10:00:00+00:00")
    return [first, signed(told(title, first.sha256) | dict(supplement))]


def evidence(found: Sequence[Pack]) -> Evidence:
    """What the packs tell."""
    return read_packs([packs.files(each) for each in found], [FakeSigner().public_key()])


def files(found: Sequence[Pack]) -> list[Files]:
    """The packs as files."""
    return [packs.files(each) for each in found]


def decided(sha256: str, decision: Decision = Decision.ACCEPTED) -> SignOff:
    """A reviewer's decision on the pack of that digest."""
    return SignOff(
        pack=TITLE.name, sha256=sha256, by="Grace", identity="arn:aws:sts::111122223333:assumed-role/officer/grace",
        decision=decision, note="looked at all of it", level="green", findings=0, at="2026-10-06T12:00:00+00:00",
    )  # fmt: skip


def scheduled(at: str, run: str, supplement: Mapping[Kind, Part] | None = None, *, kind: str = "scheduled") -> Evidence:
    """What the packs of a run tell that was scheduled for ``at``."""
    title = replace(TITLE, run=run)
    asked = parts.told(parts.Asked(kind, None if kind == "scheduled" else "ada", None, None, at, at))
    changes = {Kind.ASKED: asked, **(supplement or confirmed())}
    return evidence([signed(told(title) | changes)])
