"""Takes the batches of a night back together: all are marked before anything is waited for, then each is verified.

So Druid loads everything at once, and what keeps one batch from being taken back keeps none of the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from druid_reindex.clients.rollback import BatchRollback, Record
from druid_reindex.errors import IntegrityError
from druid_reindex.model.interval import Interval, umbrella

_NAMED = 5


@dataclass
class NightRollback:
    """What was ``begun``, batch by batch, and why others ``failed``."""

    begun: list[tuple[BatchRollback, Record]] = field(default_factory=list)
    failed: list[IntegrityError] = field(default_factory=list)

    @classmethod
    def begin(cls, batches: Iterable[BatchRollback]) -> NightRollback:
        """Each batch's record, kept before anything is marked; of those that left nothing there is none."""
        found = cls()
        for batch in batches:
            try:
                record = batch.begin()
            except IntegrityError as error:
                found.failed.append(error)
            else:
                found.begun += [(batch, record)] if record is not None else []
        return found

    @property
    def whole(self) -> Interval:
        """From the first chunk of what was begun to the last."""
        return umbrella(interval for batch, _ in self.begun for interval in batch.batch.intervals)

    def pending(self) -> str:
        """What is still to happen until all is served again, after marking what is not marked; empty for nothing."""
        left = [f"batch {b.batch.number}: {said}" for b, record in self.begun if (said := b.pending(record))]
        more = f", and {len(left) - 1} batches more" if len(left) > 1 else ""
        return f"{left[0]}{more}" if left else ""

    def finish(self) -> list[Record]:
        """The records of the batches of which Druid answers as it did before.

        To be called once nothing is pending; ``refuse`` tells of the others.
        """
        records = []
        for batch, record in self.begun:
            try:
                records.append(batch.finish(record))
            except IntegrityError as error:
                self.failed.append(error)
        return records

    def refuse(self, datasource: str) -> None:
        """Raises IntegrityError for what could not be taken back, once all else has been."""
        if self.failed:
            raise self.failed[0]
        refused = [said for _, record in self.begun for said in record["refused"]]
        if refused:
            raise IntegrityError(
                "take back what a night published",
                resource=f"{datasource}, {len(refused)} chunks",
                came_back=f"neither the night's nor from before: {'; '.join(refused[:_NAMED])}",
                remedy="these chunks are left as they are: find out who wrote them, and whether their rows are right",
            )
