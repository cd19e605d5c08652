"""What was disposed of: segments and files, and each version of their objects, with when and by which run; a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from druid_reindex.model import record
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import parse_instant
from druid_reindex.model.uri import ObjectVersion, S3Uri


@dataclass(frozen=True, slots=True)
class Disposal:
    """What one run disposes of, or has once it has ``ended_at``; times are UTC.

    ``segments`` are ids; ``kills`` the intervals of the kill tasks by their ids; ``objects`` all versions that were
    seen of the segments' objects, delete markers included, ``files`` those of files with rows that earlier runs left.
    ``absent`` are ids of which nothing was there any more; ``left`` says of ids why they stay. ``checked`` are the
    places in which no version was found in the end.
    """

    datasource: str
    deployment_id: UUID
    run: RunId
    began_at: datetime
    segments: tuple[str, ...] = ()
    kills: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[ObjectVersion, ...] = ()
    files: tuple[ObjectVersion, ...] = ()
    absent: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    checked: tuple[str, ...] = ()
    ended_at: datetime | None = None

    @property
    def is_done(self) -> bool:
        """Whether all of it is gone, and was looked for."""
        return self.ended_at is not None

    @property
    def gone(self) -> frozenset[str]:
        """The ids of which nothing is there any more, once it is done."""
        return frozenset((*self.segments, *self.absent)) if self.is_done else frozenset()

    @property
    def markers(self) -> int:
        """How many of the versions were marks of a deletion."""
        return sum(each.is_delete_marker for each in self.objects)


def to_json(disposal: Disposal) -> bytes:
    """``disposal`` as canonical JSON; equal ones give equal bytes."""
    return record.to_json({
        "datasource": disposal.datasource,
        "deployment_id": str(disposal.deployment_id),
        "dag_id": disposal.run.dag_id,
        "run_id": disposal.run.dag_run_id,
        "began_at": disposal.began_at.isoformat(),
        "ended_at": disposal.ended_at.isoformat() if disposal.ended_at is not None else None,
        "segments": sorted(disposal.segments),
        "kills": dict(disposal.kills),
        "objects": [_told(each) for each in sorted(disposal.objects)],
        "files": [_told(each) for each in sorted(disposal.files)],
        "absent": sorted(disposal.absent),
        "left": dict(disposal.left),
        "checked": list(disposal.checked),
        "counts": {
            "segments": len(disposal.segments),
            "versions": len(disposal.objects) - disposal.markers,
            "delete_markers": disposal.markers,
            "files": len({each.uri for each in disposal.files}),
        },
    })  # fmt: skip


def from_json(body: bytes) -> Disposal:
    """The disposal in ``body``. Raises ProtocolError when this release cannot read it."""
    return record.from_json(body, "disposal", _disposal)


def _told(each: ObjectVersion) -> dict[str, Any]:
    return {"uri": str(each.uri), "version_id": each.version_id, "is_delete_marker": each.is_delete_marker}


def _disposal(document: dict[str, Any]) -> Disposal:
    deployment_id, ended_at = UUID(document["deployment_id"]), document["ended_at"]
    return Disposal(
        datasource=str(document["datasource"]),
        deployment_id=deployment_id,
        run=RunId.of(deployment_id, dag_id=document["dag_id"], run_id=document["run_id"]),
        began_at=parse_instant(document["began_at"]),
        segments=tuple(document["segments"]),
        kills=dict(document["kills"]),
        objects=tuple(_object(told) for told in document["objects"]),
        files=tuple(_object(told) for told in document.get("files", ())),  # earlier releases disposed of none
        absent=tuple(document["absent"]),
        left=dict(document["left"]),
        checked=tuple(document["checked"]),
        ended_at=parse_instant(ended_at) if ended_at is not None else None,
    )


def _object(told: dict[str, Any]) -> ObjectVersion:
    uri = S3Uri.parse(told["uri"])
    return ObjectVersion(uri, str(told["version_id"]), is_delete_marker=bool(told["is_delete_marker"]))
