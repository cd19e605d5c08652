"""A run's evidence where it lies, on a disk or in S3: its packs, the decisions on it, and who has read it.

Packs lie in ``…/packs/<datasource>/<run>/``, decisions and readings beside them in ``…/sign-offs/`` and ``…/access/``:
never among the packs, where every file is one of a pack. Nothing here changes what is there.
"""

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import NoReturn, Protocol
from uuid import UUID

from druid_reindex.errors import ConfigurationError, NotFoundError, RefusedError
from druid_reindex.evidence.access import Access, chained
from druid_reindex.evidence.pack import ENVELOPE, KEY, LINES, sequence_of, stem_of
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.evidence.verify import Files
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.ports import LockedStorePort

PACKS, SIGN_OFFS, ACCESS = "packs", "sign-offs", "access"
ACCESS_FILE = "access.jsonl"
_LAST = 9999


class EvidenceFolder(Protocol):
    """One run's evidence."""

    @property
    def where(self) -> str:
        """Its address."""

    @property
    def modified_at(self) -> datetime:
        """When its last pack was written (UTC)."""

    def packs(self) -> list[Files]:
        """What is there of each pack, also of one of which only a part is left."""

    def keys(self) -> list[PublicKey]:
        """The keys that lie beside the packs."""

    def sign_offs(self) -> list[bytes]:
        """The decisions on it, in the order of their time."""

    def sign(self, name: str, envelope: bytes) -> None:
        """Keep a decision. Raises an error of ``errors`` when it could not be written."""

    def note(self, access: Access) -> None:
        """Write down who reads it. Raises an error of ``errors`` when it could not be written."""


@dataclass(frozen=True)
class DiskFolder:
    """A run's evidence on a disk; only packs as far as ``last``."""

    path: Path
    last: int = _LAST

    @property
    def where(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def modified_at(self) -> datetime:
        """When its last file was written."""
        return datetime.fromtimestamp(max(each.stat().st_mtime for each in self._files.values()), UTC)

    def packs(self) -> list[Files]:
        """Its packs."""
        run = _run_of(self.path.name)
        return [Files(each, self._body(each, LINES), self._body(each, ENVELOPE), run) for each in _there(self._files)]

    def keys(self) -> list[PublicKey]:
        """Its keys."""
        bodies = (self._body(number, KEY) for number in _there(self._files))
        return [PublicKey.parse(body) for body in bodies if body is not None]

    def sign_offs(self) -> list[bytes]:
        """Its decisions."""
        return [each.read_bytes() for each in sorted(self._beside(SIGN_OFFS).glob("*.json"))]

    def sign(self, name: str, envelope: bytes) -> None:
        """Keep a decision, where there is none of its name."""
        with _writing(self._beside(SIGN_OFFS)) as folder, (folder / name).open("xb") as file:
            file.write(envelope)

    def note(self, access: Access) -> None:
        """Add a line to the readings, chained to the one before it."""
        with _writing(self._beside(ACCESS)) as folder, (folder / ACCESS_FILE).open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            file.write(chained(access, file.read()))

    @cached_property
    def _files(self) -> dict[str, Path]:
        found = {each.name: each for each in self.path.iterdir() if each.is_file()}
        return {name: each for name, each in found.items() if (sequence_of(name) or 0) <= self.last}

    def _body(self, number: int, suffix: str) -> bytes | None:
        file = self._files.get(f"{stem_of(number)}{suffix}")
        return file.read_bytes() if file is not None else None

    def _beside(self, kind: str) -> Path:
        datasource, above = self.path.parent, self.path.parent.parent
        return above.parent / kind / datasource.name / self.path.name if above.name == PACKS else self.path / kind


@dataclass(frozen=True)
class S3Folder:
    """A run's evidence in S3; ``listed`` are the files of its packs."""

    store: LockedStorePort
    uri: S3Uri
    listed: tuple[StoredObject, ...]

    @property
    def where(self) -> str:
        """Its address."""
        return str(self.uri)

    @property
    def modified_at(self) -> datetime:
        """When its last file was written."""
        return max(each.modified_at for each in self.listed)

    def packs(self) -> list[Files]:
        """Its packs."""
        run = _run_of(self.uri.key.rpartition("/")[2])
        return [Files(each, self._body(each, LINES), self._body(each, ENVELOPE), run) for each in _there(self._names)]

    def keys(self) -> list[PublicKey]:
        """Its keys."""
        bodies = (self._body(number, KEY) for number in _there(self._names))
        return [PublicKey.parse(body) for body in bodies if body is not None]

    def sign_offs(self) -> list[bytes]:
        """Its decisions."""
        return [self.store.get(each.uri) for each in self.store.listing(self._beside(SIGN_OFFS))]

    def sign(self, name: str, envelope: bytes) -> None:
        """Keep a decision, where there is none of its name."""
        self._put(self._beside(SIGN_OFFS) / name, envelope)

    def note(self, access: Access) -> None:
        """Write a record of the reading."""
        self._put(self._beside(ACCESS) / access.name, access.to_json())

    def _put(self, uri: S3Uri, body: bytes) -> None:
        """Write the object under the packs' own key and lock, where there is none."""
        first = self.listed[0].uri
        key, lock = self.store.kms_keys([first])[first], self.store.lock_of(first)
        if lock is not None:
            self.store.put_locked(uri, body, kms_key_arn=key, lock=lock)
        else:
            self.store.put_if(uri, body, kms_key_arn=key, etag=None)

    @property
    def _names(self) -> dict[str, S3Uri]:
        return {each.uri.key.rpartition("/")[2]: each.uri for each in self.listed}

    def _body(self, number: int, suffix: str) -> bytes | None:
        uri = self._names.get(f"{stem_of(number)}{suffix}")
        return self.store.get(uri) if uri is not None else None

    def _beside(self, kind: str) -> S3Uri:
        head, found, tail = f"/{self.uri.key}".rpartition(f"/{PACKS}/")
        if not found:
            raise ConfigurationError(
                f"find the {kind} of a run",
                resource=str(self.uri),
                came_back=f"no {PACKS}/<datasource>/<run> in its address",
                remedy="name the packs by the address that boundaries.yaml has, or copy them to a disk",
            )
        return S3Uri(self.uri.bucket, f"{head}/{kind}/{tail}".lstrip("/"))


def disk_folders(place: Path) -> list[EvidenceFolder]:
    """The runs at or below ``place``, which may be a pack's file; NotFoundError when there is none."""
    place = place.resolve()
    asked = sequence_of(place.name)
    if asked is not None and place.is_file():
        return [DiskFolder(place.parent, asked)]
    found = {each.parent for each in place.rglob(f"*{LINES}") if sequence_of(each.name) is not None}
    return [DiskFolder(each) for each in sorted(found)] or _none(str(place))


def s3_folders(store: LockedStorePort, place: S3Uri) -> list[S3Folder]:
    """The runs at or below ``place``, which may be a pack's file; NotFoundError when there is none."""
    folder, _, name = place.key.rpartition("/")
    asked = sequence_of(name)
    last = _LAST if asked is None else asked
    by_folder: dict[S3Uri, list[StoredObject]] = defaultdict(list)
    for each in store.listing(place if asked is None else S3Uri(place.bucket, folder)):
        above, _, file = each.uri.key.rpartition("/")
        number = sequence_of(file)
        if number is not None and number <= last:
            by_folder[S3Uri(each.uri.bucket, above)].append(each)
    return [S3Folder(store, uri, tuple(files)) for uri, files in sorted(by_folder.items())] or _none(str(place))


def _none(place: str) -> NoReturn:
    raise NotFoundError(
        "find a pack",
        resource=place,
        came_back=f"no file such as {stem_of(0)}{LINES}",
        remedy="name the file, the folder that has the run's id, or a folder above it",
    )


def _run_of(name: str) -> str:
    """The run that a folder of that name is for; empty for a folder that somebody has named otherwise."""
    try:
        return name if str(UUID(name)) == name else ""
    except ValueError:
        return ""


def _there(names: Iterable[str]) -> list[int]:
    return sorted({number for name in names if (number := sequence_of(name)) is not None})


@contextmanager
def _writing(folder: Path) -> Iterator[Path]:
    """Yield the folder, made when it is not there. Raises RefusedError when it, or a file in it, cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as refused:
        raise RefusedError(
            "write beside the packs",
            resource=str(folder),
            came_back=str(refused),
            remedy="who reads evidence is written down: copy the packs to where you may write, or read them in S3",
        ) from refused
