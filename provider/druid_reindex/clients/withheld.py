"""Which keys' rows are kept out of what a pipeline's nights unload, in the object store."""

from __future__ import annotations

from dataclasses import dataclass

from druid_reindex.clients.shelf import RecordPlace, Shelf
from druid_reindex.plan import names
from druid_reindex.plan import withheld as rules
from druid_reindex.plan.purge import KeyFile
from druid_reindex.plan.withheld import Withheld
from druid_reindex.ports import RecordStorePort


@dataclass(frozen=True)
class WithheldShelf:
    """Where it is kept what is withheld of one datasource; every change is conditional on what was read."""

    store: RecordStorePort
    place: RecordPlace
    datasource: str

    def read(self) -> Withheld:
        """The files of keys; none where nothing has ever been withheld. Raises ProtocolError for an unknown form."""
        return self._record.read() or ()

    def add(self, keys: KeyFile) -> None:
        """Withhold ``keys`` from now on."""
        self._record.swap(lambda known: rules.withholding(known, keys))

    def lift(self, uri: str) -> Withheld:
        """What of the file at ``uri`` was withheld, whatever its ETag and column, and is no more."""
        gone = tuple(each for each in self.read() if each.uri == uri)
        self._record.swap(lambda known: rules.lifted(known, gone))
        return gone

    @property
    def _record(self) -> Shelf[Withheld]:
        uri = names.withheld_uri(self.place, self.datasource)
        return Shelf(self.store, uri, self.place.kms_key_arn, rules.from_json, rules.to_json)
