"""The records of what was disposed of, in the object store: one for each run that did so, written by it alone."""

from __future__ import annotations

from dataclasses import dataclass

from druid_reindex.clients.shelf import RecordPlace
from druid_reindex.model import disposal as stored
from druid_reindex.model.disposal import Disposal
from druid_reindex.model.identity import RunId
from druid_reindex.model.uri import S3Uri
from druid_reindex.plan import names
from druid_reindex.ports import ObjectStorePort


@dataclass(frozen=True)
class DisposalShelf:
    """Where it is kept what was disposed of one datasource."""

    store: ObjectStorePort
    place: RecordPlace
    datasource: str

    def uri(self, run_id: RunId) -> S3Uri:
        """Where the run's record is."""
        return names.disposal_uri(self.place, self.datasource, run_id)

    def read(self, run_id: RunId) -> Disposal | None:
        """What the run disposes of; None where it has not begun. Raises ProtocolError for an unknown form."""
        found = self.store.get_with_etag(self.uri(run_id))
        return stored.from_json(found[0]) if found is not None else None

    def keep(self, disposal: Disposal) -> S3Uri:
        """Where ``disposal`` is kept from now on."""
        uri = self.uri(disposal.run)
        self.store.put(uri, stored.to_json(disposal), kms_key_arn=self.place.kms_key_arn)
        return uri
