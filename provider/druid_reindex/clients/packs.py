"""Keeps a run's packs: signed, locked, and verified as they lie there; a second time finds what is there.

The lines are written first, then the key, then the statement: a run that was killed in between signs the lines that
lie there. A pack is never changed; what is told otherwise later is a supplement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from druid_reindex.errors import ConflictError, IntegrityError, NotFoundError, NotProtectedError
from druid_reindex.evidence.chain import split
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES, Draft, draft, redraft, sequence_of, stem_of
from druid_reindex.evidence.parts import Kind, Part, Run, Signer, State, told
from druid_reindex.evidence.public_key import ALGORITHM, PublicKey
from druid_reindex.evidence.verify import Changed, Files, Verified, verify_all
from druid_reindex.model.evidence_place import EvidencePlace, ObjectLock
from druid_reindex.model.record import to_json
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import LockedStorePort, SigningPort

# What differs between two packs that tell the same.
_PASSING = {Kind.RUN, Kind.SIGNER}


@dataclass(frozen=True, slots=True)
class Kept:
    """A pack as it lies there; ``is_new`` when this call has written it."""

    uri: S3Uri
    pack: Verified
    is_new: bool


@dataclass(frozen=True)
class PackKeeper:
    """The packs of one run; ``run`` tells which, its place in the series left open."""

    place: EvidencePlace
    store: LockedStorePort
    signer: SigningPort
    run: Run

    @property
    def folder(self) -> S3Uri:
        """Where the run's packs lie."""
        return S3Uri.parse(self.place.uri) / f"packs/{self.run.datasource}/{self.run.run}"

    def keep(self, gather: Callable[[], Iterable[Part]], now: datetime) -> Kept:
        """The run's latest pack, once it tells what ``gather`` finds (all parts but the run and its signer).

        Raises IntegrityError that names what was changed in a pack that lies there, and NotProtectedError when one of
        its objects is not locked as it must be.
        """
        self._complete()
        before = self._verified(now)
        parts = {part.kind: part for part in gather()}
        if before and self._read(before[-1].title.sequence) == _content(parts.values()):
            return Kept(self._uri(before[-1].title.sequence, LINES), before[-1], is_new=False)
        made = self._drafted(parts, before, now)
        self._write(made)
        latest = self._verified(now)[-1]
        return Kept(self._uri(latest.title.sequence, LINES), latest, is_new=True)

    def add(self, parts: Iterable[Part], now: datetime) -> Kept:
        """The run's latest pack, once it tells ``parts`` beside all that the one before it tells.

        Raises NotFoundError where the run has no pack, and what ``keep`` raises.
        """
        there = _numbers(self._there())
        if not there:
            raise NotFoundError(
                "add to a run's evidence",
                resource=str(self.folder),
                came_back="no pack lies there",
                remedy="let the night's task evidence write the first one",
            )

        def gather() -> Iterable[Part]:
            return (self._latest() | {part.kind: part for part in parts}).values()

        return self.keep(gather, now)

    def _latest(self) -> dict[Kind, Part]:
        """What the latest pack tells, but which it is and who signed it."""
        told = self._read(_numbers(self._there())[-1])
        return {
            Kind(kind): Part(Kind(kind), State(state), body, number) for kind, (state, number, body) in told.items()
        }

    def _complete(self) -> None:
        """Sign the lines of a run that was killed before it had signed them."""
        there = self._there()
        for number in _numbers(there):
            if f"{stem_of(number)}{LINES}" in there and f"{stem_of(number)}{ENVELOPE}" not in there:
                self._sign(redraft(self.store.get(self._uri(number, LINES))))

    def _drafted(self, parts: dict[Kind, Part], before: list[Verified], now: datetime) -> Draft:
        predecessor = before[-1].sha256 if before else None
        run = replace(self.run, sequence=len(before), made_at=now.isoformat(), predecessor_sha256=predecessor)
        signer = Signer(self.signer.key, self.signer.public_key().fingerprint, ALGORITHM)
        return draft([told(run), told(signer), *parts.values()])

    def _write(self, made: Draft) -> None:
        self._put(self._uri(made.title.sequence, LINES), made.lines, made.title.made_at)
        self._sign(made)

    def _sign(self, made: Draft) -> None:
        """Write the key, into the history too, and the signed statement."""
        key, sequence, since = self.signer.public_key(), made.title.sequence, made.title.made_at
        self._put(self._uri(sequence, KEY), key.pem, since)
        self._remember(key, since)
        pack = made.seal(self.signer.sign(made.signed), key.fingerprint)
        self._put(self._uri(sequence, ENVELOPE), pack.envelope, since)

    def _remember(self, key: PublicKey, since: str) -> None:
        """Keep the key in the history of keys, which outlives the key itself; its first use stays what it was."""
        uri = S3Uri.parse(self.place.uri) / f"keys/{key.fingerprint.removeprefix('sha256:')}.json"
        record = {
            "fingerprint": key.fingerprint,
            "key": self.signer.key,
            "algorithm": ALGORITHM,
            "first_used_at": since,
            "first_used_by": self.run.run,
            "public_key": key.pem.decode(),
        }
        with suppress(ConflictError):
            self._put(uri, to_json(record), since)
        self._require_known(uri, key)

    def _require_known(self, uri: S3Uri, key: PublicKey) -> None:
        """Raise IntegrityError unless the history has this very key, whoever was the first to keep it."""
        known: dict[str, Any] = json.loads(self.store.get(uri))
        if known["public_key"] != key.pem.decode():
            raise IntegrityError(
                "keep the history of signing keys",
                resource=str(uri),
                came_back="another key under this fingerprint",
                remedy="find out in CloudTrail who wrote it",
            )

    def _put(self, uri: S3Uri, body: bytes, since: str) -> None:
        """Write the object, and read its lock as S3 keeps it. Raises NotProtectedError where that is a weaker one."""
        lock = self.place.lock(datetime.fromisoformat(since))
        self.store.put_locked(uri, body, kms_key_arn=self.place.kms_key_arn, lock=lock)
        found = self.store.lock_of(uri)
        if found is None or not found.covers(lock):
            raise _unlocked(uri, found, f"{_shown(lock)} was asked for")

    def _there(self) -> dict[str, S3Uri]:
        """The packs' files, by name."""
        return {each.uri.key.rpartition("/")[2]: each.uri for each in self.store.listing(self.folder)}

    def _verified(self, now: datetime) -> list[Verified]:
        """The packs that lie there, in their order. Raises IntegrityError that names the first change."""
        files = self._there()
        for uri in files.values():
            found = self.store.lock_of(uri)
            if found is None or not (found.is_held or found.until > now):
                raise _unlocked(uri, found, "a lock that still holds was expected")

        def body(number: int, suffix: str) -> bytes | None:
            uri = files.get(f"{stem_of(number)}{suffix}")
            return self.store.get(uri) if uri is not None else None

        numbers = _numbers(files)
        packs = [Files(each, body(each, LINES), body(each, ENVELOPE), self.run.run) for each in numbers]
        keys = [PublicKey.parse(pem) for each in numbers if (pem := body(each, KEY)) is not None]
        said = verify_all(packs, keys)
        changed = next((each for each in said if isinstance(each, Changed)), None)
        if changed is not None:
            raise IntegrityError(
                "verify the run's evidence",
                resource=str(self.folder),
                came_back=str(changed),
                remedy="keep what lies there; S3's versions have what was there before, CloudTrail who changed it",
            )
        return [each for each in said if isinstance(each, Verified)]

    def _read(self, sequence: int) -> dict[str, Any]:
        lines = [json.loads(each) for each in split(self.store.get(self._uri(sequence, LINES)))]
        return {
            each["kind"]: (each["state"], each["version"], each["body"])
            for each in lines
            if each["kind"] not in _PASSING
        }

    def _uri(self, sequence: int, suffix: str) -> S3Uri:
        return self.folder / f"{stem_of(sequence)}{suffix}"


def _content(parts: Iterable[Part]) -> dict[str, Any]:
    """What the parts tell, as it reads back from lines."""
    return {
        part.kind.value: (part.state.value, part.version, json.loads(json.dumps(part.body)))
        for part in parts
        if part.kind not in _PASSING
    }


def _numbers(names: Iterable[str]) -> list[int]:
    """The packs that files of those names belong to."""
    return sorted({number for name in names if (number := sequence_of(name)) is not None})


def _unlocked(uri: S3Uri, found: ObjectLock | None, wanted: str) -> NotProtectedError:
    return NotProtectedError(
        "keep evidence",
        resource=str(uri),
        came_back=f"{_shown(found)}, where {wanted}",
        remedy="find out who lifted it, and lock it again: put-object-retention, put-object-legal-hold",
    )


def _shown(lock: ObjectLock | None) -> str:
    return "no lock" if lock is None else f"{lock.mode} until {lock.until}{', held' if lock.is_held else ', not held'}"
