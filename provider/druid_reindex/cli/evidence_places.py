"""Where a command finds evidence, and who it says is reading."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from druid_reindex.cli.nights import AWS_ATTEMPTS, Desk
from druid_reindex.clients.evidence_folders import PACKS, EvidenceFolder, disk_folders, s3_folders
from druid_reindex.errors import ConfigurationError, NotFoundError, ProtocolError
from druid_reindex.evidence.access import Access
from druid_reindex.evidence.public_key import PublicKey
from druid_reindex.evidence.report_read import Evidence, read_packs
from druid_reindex.evidence.sign_off import Doubtful, SignOff, read_sign_off
from druid_reindex.model.evidence_place import EvidencePlace
from druid_reindex.model.uri import S3Uri

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Reader:
    """Whoever runs the command: with these configurations, and the keys that it trusts, if it names any."""

    desk: Desk
    trusted: Sequence[PublicKey] = ()

    @cached_property
    def session(self) -> boto3.Session:
        """AWS by boto3's chain."""
        from druid_reindex.clients.session import build_session  # noqa: PLC0415  # boto3 is slow to import

        return build_session()

    def folders(self, place: str | None) -> list[EvidenceFolder]:
        """The runs at ``place``, or else where boundaries.yaml keeps evidence. Raises what reading them raises."""
        if place is None:
            return self._of_all_sides()
        if not place.startswith("s3://"):
            return disk_folders(Path(place))
        from druid_reindex.clients.locked_store import LockedStore  # noqa: PLC0415  # boto3 is slow to import

        return [*s3_folders(LockedStore(self.session, attempts=AWS_ATTEMPTS), S3Uri.parse(place))]

    def _of_all_sides(self) -> list[EvidenceFolder]:
        """Those of each side of the boundary that has had a night. Raises NotFoundError where none has."""
        found: list[EvidenceFolder] = []
        nothing: list[NotFoundError] = []
        for each in self._configured():
            try:
                found += self.folders(each)
            except NotFoundError as none:
                nothing.append(none)
        if not found:
            raise nothing[0]
        return found

    def places(self) -> list[EvidencePlace]:
        """Where boundaries.yaml keeps evidence. Raises ConfigurationError when nowhere."""
        boundaries = self.desk.boundaries
        found = [each.evidence for each in (boundaries.phi, boundaries.general) if each is not None and each.evidence]
        if not found:
            raise ConfigurationError(
                "find the nights' evidence",
                resource=str(self.desk.configs / "boundaries.yaml"),
                came_back="no boundary has evidence",
                remedy="name a pack, or the place of packs with --place",
            )
        return found

    def _configured(self) -> list[str]:
        return [str(S3Uri.parse(each.uri) / PACKS) for each in self.places()]

    def evidence(self, folder: EvidenceFolder) -> tuple[Evidence, list[SignOff | Doubtful]]:
        """What the run's packs tell, and the decisions on it."""
        keys = self.trusted or folder.keys()
        return read_packs(folder.packs(), keys), [read_sign_off(each, keys) for each in folder.sign_offs()]

    def note(self, folder: EvidenceFolder, evidence: Evidence, how: str) -> None:
        """Write down that it is read. Raises an error of ``errors`` when that is refused: then nothing is shown."""
        shown = tuple(each.sha256 for each in evidence.packs)
        folder.note(Access(datetime.now(UTC), getpass.getuser(), self.identity(folder), how, shown))

    def identity(self, folder: EvidenceFolder) -> str:
        """Whom AWS takes the caller for; for packs on a disk, the machine."""
        if not folder.where.startswith("s3://"):
            return socket.gethostname()
        from druid_reindex.clients.survey import AwsSurvey  # noqa: PLC0415  # boto3 is slow to import

        return AwsSurvey(self.session).identity().arn


def trusted_keys(files: Sequence[Path] | None) -> list[PublicKey]:
    """The keys in these files. Raises ProtocolError for one that is not there, or is no key."""
    return [PublicKey.parse(_body(file)) for file in files or ()]


def _body(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as unreadable:
        raise ProtocolError(
            "read a public key", resource=str(file), came_back=str(unreadable), remedy="name a PEM file"
        ) from unreadable
