"""Verifies packs by their files and a public key alone, and names the first thing that was changed.

Nothing here asks anybody: whoever has the files and the key's fingerprint from elsewhere needs neither us nor AWS.
What it cannot see: that the last supplement of a run was taken away, which is why a pack says what it still waits for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from druid_reindex.evidence.chain import HEAD, START, Line, read, split
from druid_reindex.evidence.dsse import PREDICATE_TYPE, STATEMENT_TYPE, read_envelope
from druid_reindex.evidence.pack import ENVELOPE, LINES, PROTOCOL, Title, stem_of
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.model.identity import canonical, digest


@dataclass(frozen=True, slots=True)
class Files:
    """What lies where a pack should: None for a file that is not there. ``folder`` is its folder's own name."""

    sequence: int
    lines: bytes | None
    envelope: bytes | None
    folder: str = ""

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return stem_of(self.sequence)


@dataclass(frozen=True, slots=True)
class Changed:
    """The first thing that is not as it was signed: where, what is there, and what that means."""

    where: str
    found: str
    means: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found}. {self.means}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A pack that is as it was signed; ``untold`` are its kinds by why they are not told."""

    title: Title
    sha256: str
    lines: int
    fingerprint: str
    untold: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the signed statement says."""

    title: Title
    subject: str
    sha256: str
    lines: tuple[Line, ...]
    predecessor: str | None
    untold: Mapping[str, Sequence[str]]


def verify_all(packs: Sequence[Files], keys: Sequence[PublicKey]) -> list[Verified | Changed]:
    """What is to be said of each of a run's packs, in their order, up to the first that was changed."""
    said: list[Verified | Changed] = []
    before: Verified | None = None
    for number, files in enumerate(sorted(packs, key=lambda each: each.sequence)):
        if files.sequence != number:
            gap = Changed(
                f"{stem_of(number)}{LINES}", "missing",
                f"The pack {files.stem}, which is there, names it as one before it: it was taken away.",
            )  # fmt: skip
            return [*said, gap]
        found = verify(files, keys, before)
        said.append(found)
        if isinstance(found, Changed):
            break
        before = found
    return said


def verify(files: Files, keys: Sequence[PublicKey], before: Verified | None = None) -> Verified | Changed:
    """The pack as it was signed by one of ``keys``, or the first thing that was changed.

    ``before`` is the verified pack before it, None for a run's first one.
    """
    for name, body in ((ENVELOPE, files.envelope), (LINES, files.lines)):
        if body is None:
            return Changed(f"{files.stem}{name}", "missing", "A pack is both files: without it nothing is proved.")
    assert files.envelope is not None
    assert files.lines is not None
    signed = _signed(files.stem + ENVELOPE, files.envelope, keys)
    if isinstance(signed, Changed):
        return signed
    claim, key = signed
    changed = (
        _misplaced(files, claim, before)
        or _changed_lines(files.stem + LINES, files.lines, claim)
        or _contradiction(files.stem, files.lines, claim)
    )
    return changed or Verified(claim.title, claim.sha256, len(claim.lines), key.fingerprint, claim.untold)


def _signed(where: str, body: bytes, keys: Sequence[PublicKey]) -> tuple[_Claim, PublicKey] | Changed:
    """What the envelope's statement says, and by whom it is signed."""
    envelope = read_envelope(body)
    if envelope is None:
        return Changed(where, "not an envelope as packs have it", "The file was changed, cut short or written anew.")
    known = {key.fingerprint: key for key in keys}
    key = known.get(envelope.key_id)
    if key is None:
        given = ", ".join(known) or "no key"
        return Changed(
            f"{where}, field signatures.keyid", f"{envelope.key_id}, where {given} was to be trusted",
            "It was signed by another key, or the name of the key was changed.",
        )  # fmt: skip
    if not key.has_signed(envelope.signed, envelope.signature):
        return Changed(
            f"{where}, field payload or signatures.sig", f"no signature of {envelope.key_id} over this payload",
            "The statement or its signature was changed after it was signed, or it was signed by another key.",
        )  # fmt: skip
    claim = _claim(envelope.payload)
    if claim is None:
        return Changed(
            f"{where}, field payload", "signed, but no statement of a kind that this release reads",
            "The key has signed something else, or a newer release made the pack: verify with that one.",
        )  # fmt: skip
    return claim, key


def _claim(payload: bytes) -> _Claim | None:
    try:
        told = json.loads(payload)
        predicate: dict[str, Any] = told["predicate"]
        subject, before = told["subject"][0], predicate["predecessor"]
        if (told["_type"], told["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
            return None
        title = Title(**predicate["pack"])
        lines = tuple(Line(**each) for each in predicate["lines"])
        untold = {name: predicate[name] for name in ("pending", "unread", "absent")}
        before_sha256 = before["sha256"] if before else None
        found = _Claim(title, subject["name"], subject["digest"]["sha256"], lines, before_sha256, untold)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return None
    return found if title.protocol == PROTOCOL else None


def _misplaced(files: Files, claim: _Claim, before: Verified | None) -> Changed | None:
    """Why the pack, in itself as it was signed, is not the one that belongs here."""
    where = files.stem + ENVELOPE
    if claim.title.sequence != files.sequence:
        return Changed(where, f"the run's pack {claim.title.stem}", "Packs of one run have changed places.")
    if files.folder and files.folder != claim.title.run:
        return Changed(where, f"a pack of run {claim.title.run}", f"It was put in the place of run {files.folder}'s.")
    if before is None:
        return None
    if before.title.run != claim.title.run:
        return Changed(where, f"a pack of run {claim.title.run}", f"The pack before it is of run {before.title.run}.")
    if before.sha256 != claim.predecessor:
        return Changed(
            f"{where}, field predecessor.sha256", f"{claim.predecessor}, where {before.title.stem} has {before.sha256}",
            "The pack before it is not the one that it was made after: that one was replaced by another signed one.",
        )  # fmt: skip
    return None


def _changed_lines(where: str, lines: bytes, claim: _Claim) -> Changed | None:
    found = split(lines)
    for number, wanted in enumerate(claim.lines):
        at = f"{where} line {number + 1} ({wanted.kind})"
        if number >= len(found):
            return Changed(at, "missing", f"The file was cut short: {len(claim.lines)} lines were signed.")
        if digest(found[number]) != wanted.sha256:
            return _diagnosis(at, found, number, claim.lines)
    if len(found) > len(claim.lines):
        return Changed(
            f"{where} line {len(claim.lines) + 1}", "a line more than was signed", "It was added afterwards."
        )
    return None


def _diagnosis(at: str, found: Sequence[bytes], number: int, wanted: Sequence[Line]) -> Changed:
    """What became of the line ``number``, whose bytes are not those that were signed."""
    places = {line.sha256: line.index for line in wanted}
    there = [digest(each) for each in found]
    if there[number] in places:
        elsewhere = f"line {places[there[number]] + 1} stands here"
        if wanted[number].sha256 in there:
            return Changed(at, elsewhere, "Lines have changed places.")
        return Changed(at, elsewhere, "The line was taken out.")
    if wanted[number].sha256 in there[number + 1 :]:
        return Changed(at, "a line that was never signed stands here", "A line was put in before it.")
    if not found[number].endswith(b"\n"):
        return Changed(at, "the file ends within it", "The file was cut short.")
    return _changed_field(at, found[number], wanted[number])


def _changed_field(at: str, line: bytes, wanted: Line) -> Changed:
    told = read(line)
    if told is None:
        return Changed(at, "not a line as packs have it", "Its text was changed; no field can be told apart.")
    if told.previous != wanted.previous:
        return Changed(
            f"{at}, field previous", told.previous,
            "It was not chained to the line before it: it comes from another pack, or the chain was made anew.",
        )  # fmt: skip
    for name in HEAD:
        if getattr(told, name) != getattr(wanted, name):
            return Changed(f"{at}, field {name}", f"{getattr(told, name)!r}", f"{getattr(wanted, name)!r} was signed.")
    names = sorted(wanted.fields.keys() | told.fields.keys())
    name = next(name for name in names if told.fields.get(name) != wanted.fields.get(name))
    value = json.loads(line)["body"].get(name)
    shown = _shown(value) if name in told.fields else "missing"
    meaning = "It was changed after it was signed." if name in wanted.fields else "It was added after it was signed."
    return Changed(f"{at}, field body.{name}", shown, meaning)


def _shown(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 120 else f"{text[:120]}…"


def _contradiction(stem: str, lines: bytes, claim: _Claim) -> Changed | None:
    """Where what was signed does not hold together in itself, which only the key's holder can bring about."""
    previous = START
    for line in claim.lines:
        if line.previous != previous:
            return Changed(
                f"{stem}{LINES} line {line.index + 1} ({line.kind}), field previous", line.previous,
                f"{previous} is the line before it: the chain was broken before it was signed.",
            )  # fmt: skip
        previous = line.sha256
    if (claim.subject, claim.sha256) != (claim.title.name, digest(lines)):
        return Changed(
            f"{stem}{ENVELOPE}, field subject", f"{claim.subject} {claim.sha256}",
            f"{claim.title.name} {digest(lines)} is what lies here: the statement was signed for another file.",
        )  # fmt: skip
    return None
