"""A run's evidence on a disk and in S3: found, read, decided on, and who has read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import packs
from druid_reindex.clients.evidence_folders import EvidenceFolder, disk_folders, s3_folders
from druid_reindex.errors import ConfigurationError, ConflictError, NotFoundError, RefusedError
from druid_reindex.evidence.access import Access, first_broken
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES
from druid_reindex.evidence.report_read import read_packs
from druid_reindex.model.evidence_place import LockMode, ObjectLock
from druid_reindex.model.uri import S3Uri
from twins import FakeLockedStore, FakeSigner

AT = datetime(2026, 10, 6, 9, tzinfo=UTC)
READ = Access(AT, "ada", "host", "report html", ("ab" * 32,))
ROOT = S3Uri("drx-evidence-111122223333", "e")
RUN = ROOT / f"packs/patient_vitals/{packs.RUN}"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1"
LOCK = ObjectLock(LockMode.COMPLIANCE, datetime(2032, 10, 6, tzinfo=UTC), is_held=True)


def stored() -> FakeLockedStore:
    store = FakeLockedStore()
    for pack in packs.series(2):
        bodies = {LINES: pack.lines, ENVELOPE: pack.envelope, KEY: FakeSigner().public_key().pem}
        for suffix, body in bodies.items():
            store.put_locked(RUN / f"{pack.title.stem}{suffix}", body, kms_key_arn=KEY_ARN, lock=LOCK)
    return store


@dataclass
class Place:
    """Evidence of one run on a disk."""

    root: Path
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.path = packs.write(packs.series(2), self.root / "packs" / "patient_vitals" / packs.RUN)


def on_disk(root: Path) -> EvidenceFolder:
    (found,) = disk_folders(Place(root).root)
    return found


def in_s3(_root: Path) -> EvidenceFolder:
    (found,) = s3_folders(stored(), ROOT / "packs")
    return found


everywhere = pytest.mark.parametrize("made", [on_disk, in_s3])


@everywhere
def test_packs_and_keys_are_read_and_hold(made: Callable[[Path], EvidenceFolder], tmp_path: Path) -> None:
    folder = made(tmp_path)
    found = read_packs(folder.packs(), folder.keys())
    assert found.changed is None
    assert [each.title.sequence for each in found.packs] == [0, 1]
    assert folder.where.endswith(packs.RUN)
    assert folder.modified_at.tzinfo is UTC


@everywhere
def test_a_reading_is_written_down_and_is_no_part_of_the_packs(
    made: Callable[[Path], EvidenceFolder], tmp_path: Path
) -> None:
    folder = made(tmp_path)
    before = folder.packs()
    folder.note(READ)
    folder.note(replace(READ, by="grace"))
    assert folder.packs() == before


@everywhere
def test_a_decision_is_kept_and_never_replaced(made: Callable[[Path], EvidenceFolder], tmp_path: Path) -> None:
    folder = made(tmp_path)
    assert folder.sign_offs() == []
    folder.sign("20261006T120000.000000Z.dsse.json", b"one")
    folder.sign("20261007T120000.000000Z.dsse.json", b"two")
    assert folder.sign_offs() == [b"one", b"two"]
    with pytest.raises((ConflictError, RefusedError)):
        folder.sign("20261006T120000.000000Z.dsse.json", b"another")
    assert folder.sign_offs() == [b"one", b"two"]


def test_on_a_disk_readings_are_chained_lines_beside_the_packs(tmp_path: Path) -> None:
    folder = on_disk(tmp_path)
    for by in ("ada", "grace", "jo"):
        folder.note(replace(READ, by=by))
    lines = (tmp_path / "access" / "patient_vitals" / packs.RUN / "access.jsonl").read_bytes()
    assert [json.loads(line)["by"] for line in lines.splitlines()] == ["ada", "grace", "jo"]
    assert first_broken(lines) is None


def test_in_s3_they_are_locked_as_the_packs_are_under_their_key() -> None:
    store = stored()
    (folder,) = s3_folders(store, RUN)
    folder.note(READ)
    uri = ROOT / f"access/patient_vitals/{packs.RUN}/{READ.name}"
    assert store.objects[uri] == (READ.to_json(), KEY_ARN)
    assert store.lock_of(uri) == LOCK


def test_where_packs_are_not_locked_records_are_written_all_the_same() -> None:
    store = stored()
    store.locks.clear()
    (folder,) = s3_folders(store, RUN)
    folder.note(READ)
    assert (ROOT / f"access/patient_vitals/{packs.RUN}/{READ.name}") in store.objects


def test_a_single_pack_is_shown_with_those_before_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (folder,) = disk_folders(place.path / "0000.jsonl")
    assert [each.sequence for each in folder.packs()] == [0]
    assert len(folder.keys()) == 1
    (stored_one,) = s3_folders(stored(), RUN / "0000.jsonl")
    assert [each.sequence for each in stored_one.packs()] == [0]


def test_a_copy_in_any_folder_is_read_and_keeps_its_records_within(tmp_path: Path) -> None:
    packs.write(packs.series(1), tmp_path / "copy")
    (folder,) = disk_folders(tmp_path / "copy")
    folder.note(READ)
    assert (tmp_path / "copy" / "access" / "access.jsonl").is_file()
    assert len(folder.packs()) == 1


def test_one_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = on_disk(tmp_path)
    (tmp_path / "access").write_text("a file stands where the folder should")
    with pytest.raises(RefusedError, match="copy the packs"):
        folder.note(READ)


def test_packs_in_s3_that_lie_elsewhere_cannot_be_read_unnoticed() -> None:
    store = FakeLockedStore()
    for uri, (body, key) in stored().objects.items():
        store.put(S3Uri("other", uri.key.replace("packs/", "")), body, kms_key_arn=key)
    (folder,) = s3_folders(store, S3Uri("other"))
    with pytest.raises(ConfigurationError, match="packs/<datasource>/<run>"):
        folder.note(READ)


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text("{}")
    with pytest.raises(NotFoundError, match=r"0000\.jsonl"):
        disk_folders(tmp_path)
    with pytest.raises(NotFoundError, match=r"0000\.jsonl"):
        s3_folders(FakeLockedStore(), ROOT)
