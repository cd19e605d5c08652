"""Who has read a pack: a report shows what it knows only once this is written down beside the packs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from druid_reindex.model.identity import canonical, digest

START = "0" * 64


@dataclass(frozen=True, slots=True)
class Access:
    """One reading or export: ``by`` is the person, ``identity`` what stands for that, such as an ARN or a host.

    ``how`` is what was done, ``packs`` are the SHA-256 of the packs that it was done with; ``at`` is UTC.
    """

    at: datetime
    by: str
    identity: str
    how: str
    packs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The record's name among those of its run: by its time, and different for different records."""
        return f"{self.at:%Y%m%dT%H%M%S.%fZ}-{digest(self.to_json())[:12]}.json"

    def to_json(self) -> bytes:
        """The record as canonical JSON."""
        return canonical(asdict(self) | {"at": self.at.isoformat()})


def chained(access: Access, before: bytes) -> bytes:
    """The line that is added to the lines ``before``: it names the SHA-256 of the last of them."""
    lines = before.splitlines(keepends=True)
    previous = digest(lines[-1]) if lines else START
    return canonical(json.loads(access.to_json()) | {"previous": previous}) + b"\n"


def first_broken(lines: bytes) -> int | None:
    """The number of the first line, from 1, that does not follow from the one before it; None when all do."""
    previous = START
    for number, line in enumerate(lines.splitlines(keepends=True), 1):
        try:
            told = json.loads(line)["previous"]
        except (ValueError, TypeError, KeyError):
            return number
        if told != previous:
            return number
        previous = digest(line)
    return None
