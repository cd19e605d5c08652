"""The files with rows that the runs of one DAG have left in S3: found, deleted in each version, looked for again.

What is a run's is proven by the ``owner.json`` beside it. Records stay: what a step was told and what it left, and
manifests, which hold counts and addresses.
What it costs: a listing of the versions below each run's prefix, in each place, and one read for each run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

from druid_reindex.clients.disposals import DisposalShelf
from druid_reindex.errors import IntegrityError
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import ObjectVersion, S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.orphans import owner_of
from druid_reindex.ports import ObjectStorePort, ObjectVersionsPort

# The folders of a run in which its tasks keep rows, and what lies there beside them.
OF_ROWS = frozenset({"unload", "prepared", "export", "purge"})
_RECORDS = frozenset({"spec.json", "result.json", "manifest"})
_VERSIONS_AT_ONCE = 500  # deleted between two looks at the lease
_NAMED = 3


def kind_of(uri: S3Uri, runs: S3Uri) -> str | None:
    """Which folder of a run below ``runs`` a file with rows lies in; None for what is no such file."""
    parts = uri.key.removeprefix(runs.key).strip("/").split("/")
    return parts[1] if len(parts) > 2 and parts[1] in OF_ROWS and parts[-1] not in _RECORDS else None


@dataclass(frozen=True)
class RunsPlace:
    """Where runs keep their files, or a copy of that lies, and how its versions are asked for."""

    store: ObjectVersionsPort
    root: S3Uri

    def of(self, folder: str) -> list[ObjectVersion]:
        """Each version of the files with rows in a run's folder."""
        return [each for each in self.store.versions(self.root / folder) if kind_of(each.uri, self.root)]


@dataclass(frozen=True)
class RunFiles:
    """What the runs of the DAG of ``run`` have left, but for that run's own files, of which none has a row of the keys.

    The first of ``places`` is where the runs of this deployment keep their files, the others are copies of it;
    ``require`` raises when the lease is lost, under which no run of the DAG is at work.
    """

    run: RunId
    deployment_id: UUID
    store: ObjectStorePort
    places: tuple[RunsPlace, ...]
    shelf: DisposalShelf
    require: Callable[[], None]

    def found(self) -> list[tuple[RunsPlace, list[ObjectVersion]]]:
        """The versions, by the place that has them."""
        return [(place, [each for name in self._earlier for each in place.of(name)]) for place in self.places]

    def disposed(self, record: Disposal) -> Disposal:
        """The record with all versions, once none of them is left in any place; each is kept before it is deleted.

        Raises IntegrityError where one is left.
        """
        found = self.found()
        roots = [str(place.root) for place in self.places]
        versions = {*record.files, *(each for _, listed in found for each in listed)}
        record = replace(record, files=tuple(sorted(versions)), checked=tuple(dict.fromkeys((*record.checked, *roots))))
        self.require()
        self.shelf.keep(record)
        for place, listed in found:
            for first in range(0, len(listed), _VERSIONS_AT_ONCE):
                self.require()
                place.store.delete_versions(listed[first : first + _VERSIONS_AT_ONCE])
        _refuse_left(self.run, (each for _, listed in self.found() for each in listed))
        return record

    @cached_property
    def _earlier(self) -> list[str]:
        """The folders of the other runs of this DAG, known by what they prove."""
        root, found = self.places[0].root, []
        for name in self.places[0].store.folders(root):
            body = self.store.get_with_etag(root / name / names.OWNER_FILE)
            owner = owner_of(name, body[0], self.deployment_id) if body is not None else None
            if owner is not None and owner.dag_id == self.run.dag_id and owner != self.run:
                found.append(name)
        return found


def _refuse_left(run: RunId, versions: Iterable[ObjectVersion]) -> None:
    left = [str(each.uri) for each in versions]
    if left:
        raise IntegrityError(
            "look whether all files are gone",
            resource=f"{run.dag_id}, {len(left)} versions",
            came_back=f"there still: {', '.join(left[:_NAMED])}",
            remedy="find out who writes there, or what holds them (Object Lock, a legal hold), then do it again",
        )
