"""What the nights of a datasource have replaced, and when, as the records below the runs' prefixes say.

What it costs: a listing of all runs of the boundary, and a read for each batch of which something is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from druid_reindex.clients.rollback import DONE
from druid_reindex.clients.shelf import RecordPlace
from druid_reindex.errors import ProtocolError
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan import names
from druid_reindex.plan.deep_storage import SegmentName
from druid_reindex.plan.retire import Replacement
from druid_reindex.plan.rollback import is_kept
from druid_reindex.ports import ObjectStorePort

_RECORD = re.compile(r"/batches/\d+/(result|rollback)\.json$")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Replaced:
    """The records of one datasource's nights."""

    store: ObjectStorePort
    place: RecordPlace
    datasource: str

    def replacements(self) -> list[Replacement]:
        """What was replaced, but for what is known to be gone. Raises ProtocolError for an unreadable record."""
        listed = self.store.listing(S3Uri.parse(self.place.runs_uri))
        there = {each.uri for each in listed}
        records = [(each, match[1]) for each in listed if (match := _RECORD.search(each.uri.key))]
        open_ones = [(each, kind) for each, kind in records if names.disposed_uri(each) not in there]
        return [found for each, kind in open_ones for found in self._replacements(each, kind, there)]

    def forget(self, replacement: Replacement, disposal: S3Uri) -> None:
        """Keep that all of it is gone, and which record says so."""
        body = json.dumps({"protocol": 1, "disposal": str(disposal)}, sort_keys=True).encode()
        self.store.put(replacement.marker, body, kms_key_arn=self.place.kms_key_arn)

    def _replacements(self, found: StoredObject, kind: str, there: set[S3Uri]) -> Iterator[Replacement]:
        record = self._read(found.uri)
        make = partial(Replacement, found.uri, found.modified_at, marker=names.disposed_uri(found))
        if kind == "rollback":
            ids = self._own(record.get("unused", ()))
            is_settled = record.get("state") == DONE
        else:
            is_mine = record.get("datasource") == self.datasource
            ids = self._own(_replaced(record)) if is_mine else frozenset()
            is_settled = self._has_passed(found.uri, there)
        if ids:
            yield make(ids, is_settled)

    def _has_passed(self, result: S3Uri, there: set[S3Uri]) -> bool:
        verdict = S3Uri(result.bucket, f"{result.key.rpartition('/')[0]}/verdict.json")
        return verdict in there and is_kept(self._read(verdict))

    def _own(self, ids: Iterable[str]) -> frozenset[SegmentName]:
        found = set()
        for each in ids:
            try:
                found.add(SegmentName.parse(self.datasource, each))
            except ValueError:
                continue  # another datasource's: a rollback's record does not say whose it is
        return frozenset(found)

    def _read(self, uri: S3Uri) -> Record:
        try:
            record: Record = json.loads(self.store.get(uri))
            record.get("protocol")
        except (ValueError, AttributeError) as unreadable:
            raise ProtocolError(
                "read what a night has replaced",
                resource=str(uri),
                came_back=f"{type(unreadable).__name__}",
                remedy="look at it with the release of druid-reindex that ran the night",
            ) from unreadable
        return record


def _replaced(record: Record) -> Iterator[str]:
    """What was there before the batch, and what others had added to it by the time that it was published."""
    for field in ("before", "appended"):
        for ids in record.get(field, {}).values():
            yield from ids
