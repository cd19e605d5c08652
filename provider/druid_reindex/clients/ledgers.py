"""The ledger of a datasource in the object store: what its chunks' versions were built from, and how it is found again.

A ledger that is not there is made anew from the results that batches left below the runs' prefixes, newest first, as
far as they can have made what serves now. What no result explains has an unknown origin, and is adopted by the plan.
What it costs: one listing of all runs, and one read for each batch since the oldest version that serves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from druid_reindex.clients.shelf import RecordPlace, Shelf
from druid_reindex.model.interval import parse_instant
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.plan import built as stored
from druid_reindex.plan import names
from druid_reindex.plan.built import Built, Ledger
from druid_reindex.ports import ObjectStorePort

_RESULT = re.compile(r"/batches/\d+/result\.json$")


@dataclass(frozen=True)
class LedgerShelf:
    """Where one datasource's ledger is kept."""

    store: ObjectStorePort
    boundary: RecordPlace
    datasource: str

    def read(self) -> Ledger | None:
        """The ledger; None when there is none. Raises ProtocolError for one that this release cannot read."""
        return self._record.read()

    def keep(self, found: Mapping[str, Built], *, lost: Ledger | None = None) -> None:
        """Add what was ``found``; a ledger that is not there begins with ``lost``."""
        self._record.swap(lambda known: stored.merged(known or lost or {}, found))

    def recovered(self, versions: Iterable[str]) -> Ledger:
        """What the results of batches say of ``versions``, those that serve now."""
        unexplained = {version: _instant(version) for version in versions}
        ledger: Ledger = {}
        for result in self._results():
            if not unexplained or result.modified_at < min(unexplained.values()):
                break  # what was written before a version was there says nothing of it
            found = self._built(result.uri)
            ledger = stored.merged(ledger, found)
            for built in found.values():
                unexplained.pop(built.version, None)
        return ledger

    def _results(self) -> list[StoredObject]:
        """The batches' results of all runs, newest first."""
        listed = self.store.listing(S3Uri.parse(self.boundary.runs_uri))
        results = (each for each in listed if _RESULT.search(each.uri.key))
        return sorted(results, key=lambda each: each.modified_at, reverse=True)

    def _built(self, uri: S3Uri) -> dict[str, Built]:
        record: dict[str, Any] = json.loads(self.store.get(uri))
        if record.get("datasource") != self.datasource:
            return {}
        return {chunk: Built(**entry) for chunk, entry in record["built"].items()}

    @property
    def _record(self) -> Shelf[Ledger]:
        uri = names.built_uri(self.boundary, self.datasource)
        return Shelf(self.store, uri, self.boundary.kms_key_arn, stored.from_json, stored.to_json)


def _instant(version: str) -> datetime:
    """The instant that a version of Druid's names; the beginning of time for one of another form."""
    try:
        return parse_instant(version)
    except ValueError:
        return parse_instant("0001-01-01")
