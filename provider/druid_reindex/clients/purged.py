"""What a purge has left out, by the records of its batches, and what it leaves that may still have rows of the keys."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from druid_reindex.clients.run_files import OF_ROWS, kind_of
from druid_reindex.clients.stored_versions import Place
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import ALL_TIME
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.superseded import superseded
from druid_reindex.ports import DruidPort, ObjectStorePort


@dataclass(frozen=True, slots=True)
class Purged:
    """What the ``batches`` of a purge tell, of which those ``done`` are rebuilt and proven.

    ``rows_with`` keys were left out, ``rows_without`` kept, ``rows_left`` counted in the new segments; ``emptied`` has,
    for each chunk of which no row was kept, the versions that it had.
    """

    batches: int
    done: int
    keys: int
    rows_with: int
    rows_without: int
    rows_left: int
    emptied: Mapping[str, Collection[str]]

    @classmethod
    def of(
        cls, datasource: str, run_id: RunId, batches: Collection[int], place: Boundary, store: ObjectStorePort
    ) -> Self:
        """What the records of the run's ``batches`` tell; one that was not carried out, or taken back, has none."""
        uris = [names.result_uri(place, run_id, number) for number in batches]
        records: list[dict[str, Any]] = [json.loads(store.get(uri)) for uri in uris if store.exists(uri)]
        told = [record["purge"] for record in records if "purge" in record]
        return cls(
            batches=len(batches),
            done=len(told),
            keys=max((each["keys"] for each in told), default=0),
            rows_with=sum(sum(each["rows_with"].values()) for each in told),
            rows_without=sum(sum(each["rows_without"].values()) for each in told),
            rows_left=sum(each["rows_left"] for each in told),
            emptied={
                chunk: sorted({SegmentName.parse(datasource, each).version for each in record["before"][chunk]})
                for record in records
                if "purge" in record
                for chunk, rows in record["purge"]["rows_without"].items()
                if not rows
            },
        )

    @property
    def is_whole(self) -> bool:
        """Whether each of its batches is rebuilt, with no row of the keys."""
        return self.done == self.batches and not self.rows_left

    def __str__(self) -> str:
        if not self.batches:
            return "nothing is served, or nothing was planned: no row of the keys was looked for"
        return (
            f"{self.done} of {self.batches} batches rebuilt without {self.keys} keys: {self.rows_with:,} rows left "
            f"out, {self.rows_without:,} kept, {self.rows_left} of the keys in the new segments"
        )


def etag_of(store: ObjectStorePort, uri: S3Uri) -> str | None:
    """The ETag of the object as it is now, None where there is none; its folder is listed, it is not read."""
    folder = S3Uri(uri.bucket, uri.key.rpartition("/")[0])
    return next((each.etag for each in store.listing(folder) if each.uri == uri), None)


def old_versions(
    datasource: str, purged: Purged, druid: DruidPort, places: Iterable[Place]
) -> tuple[list[SegmentName], list[SegmentName]]:
    """The segments in the ``places`` that are old versions, and those of which that is unknown."""
    stored = {name for place in places for name in place.stored(datasource, [ALL_TIME]).versions}
    return superseded(stored, druid.used_segments(datasource, [ALL_TIME]), purged.emptied)


def files_of_rows(place: Boundary, store: ObjectStorePort) -> dict[str, int]:
    """How many files with rows runs have left, by what they are: unloaded, prepared, exported or kept by a purge."""
    runs, found = S3Uri.parse(place.runs_uri), dict.fromkeys(sorted(OF_ROWS), 0)
    for each in store.listing(runs):
        if kind := kind_of(each.uri, runs):
            found[kind] += 1
    return {what: number for what, number in found.items() if number}
