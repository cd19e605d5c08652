"""Packs as tests have them: every kind of part, signed by a key in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from druid_reindex.evidence import parts
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES, Pack, Title, draft
from druid_reindex.evidence.parts import Kind, Part
from druid_reindex.evidence.verify import Files
from twins import FakeSigner

RUN, OTHER_RUN = "0f2a7d6e-41f5-5d0b-8a53-2f6f6a1f0c11", "5b1c8a3e-9d0f-5e2b-b7d4-4a1e8c7d6f22"
RECORD = parts.Record("s3://drx-phi-111122223333/runs/r/posture.json", "ab" * 32, {"open": True, "findings": ["S3-1"]})
LATER = (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES)
TITLE = Title(RUN, "patient_vitals", 0, "2026-10-06T02:30:00+00:00")


def told(title: Title = TITLE, predecessor: str | None = None) -> list[Part]:
    """A part of each kind, told, unread, pending and absent ones among them."""
    batch = parts.Batch(0, ("v_2026-10-05_v1",), ("v_2026-10-05_v2",), RECORD)
    return [
        parts.told(parts.Run(
            title.run, "d", "nightly", "scheduled__1", title.datasource, "phi", "us-east-1", "emulated", title.sequence,
            title.made_at, predecessor,
        )),
        parts.told(parts.Asked("manual", "ada", "a late file", "grace", "2026-10-05", "2026-10-06T02:30:00+00:00")),
        parts.told(parts.Code("0.1.0", "cd" * 32, "ef" * 32, "01" * 32)),
        parts.told(parts.Plan(RECORD, "1 of 90 chunks", 1, 1)),
        parts.told(parts.Posture(RECORD)),
        parts.unread(Kind.ATTESTATION, "read an object: HTTP 503"),
        parts.told(parts.SecurityConfiguration("drx-secure-1", '{"EncryptionConfiguration": {}}')),
        parts.told(parts.Cluster(("j-1",), "TERMINATED", "USER_REQUEST", 8)),
        parts.told(parts.Tasks((parts.Task("plan", "success"), parts.Task("reindex", "failed")))),
        parts.told(parts.Segments((batch,))),
        parts.told(parts.Objects((parts.StoredFile("s3://b/index.zip", "e1", "arn:k"),), ("v_gone",))),
        parts.told(parts.Quality((RECORD,), (RECORD,))),
        parts.absent(Kind.ROLLBACK, "nothing was taken back"),
        parts.told(parts.Files((parts.Listed("s3://drx-phi-111122223333/runs/r/owner.json", "e2"),))),
        *(parts.pending(kind, "CloudTrail delivers later") for kind in LATER),
        parts.told(parts.Agreement("BAA-2026-17")),
        parts.told(parts.Signer("arn:k", FakeSigner().public_key().fingerprint, "ECDSA_SHA_256")),
    ]  # fmt: skip


A_RUN = parts.Run(RUN, "d", "nightly", "scheduled__1", "patient_vitals", "phi", "us-east-1", "emulated", 0, "", None)


def gathered(reason: str = "a late file") -> list[Part]:
    """The parts that a night gathers: all but those that tell which pack it is and who signs it."""
    found = [part for part in told() if part.kind not in {Kind.RUN, Kind.SIGNER}]
    asked = parts.told(parts.Asked("manual", "ada", reason, None, None, None))
    return [asked if part.kind is Kind.ASKED else part for part in found]


def packed(title: Title = TITLE, *, predecessor: str | None = None, signer: FakeSigner | None = None) -> Pack:
    """A signed pack of all of these."""
    signer = signer or FakeSigner()
    made = draft(told(title, predecessor))
    return made.seal(signer.sign(made.signed), signer.public_key().fingerprint)


def series(length: int, run: str = RUN) -> list[Pack]:
    """A run's first pack and its supplements."""
    packs = [packed(replace(TITLE, run=run))]
    while len(packs) < length:
        title = replace(TITLE, run=run, sequence=len(packs))
        packs.append(packed(title, predecessor=packs[-1].sha256))
    return packs


def files(pack: Pack, folder: str = "") -> Files:
    """The pack as files."""
    return Files(pack.title.sequence, pack.lines, pack.envelope, folder)


def write(packs: Sequence[Pack], folder: Path, signer: FakeSigner | None = None) -> Path:
    """The folder, once the packs' files and their key are in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for pack in packs:
        (folder / f"{pack.title.stem}{LINES}").write_bytes(pack.lines)
        (folder / f"{pack.title.stem}{ENVELOPE}").write_bytes(pack.envelope)
        (folder / f"{pack.title.stem}{KEY}").write_bytes((signer or FakeSigner()).public_key().pem)
    return folder
