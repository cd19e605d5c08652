"""Suspends supervisors and resumes them: what is suspended is kept in the object store from before the call on.

Each part finds what was done before, so that it may be begun again after any call, by another run too: Druid's history
of a supervisor says whether its suspension is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from druid_reindex.clients.leases import utc_now
from druid_reindex.clients.shelf import RecordPlace, Shelf
from druid_reindex.errors import DruidReindexError
from druid_reindex.model import suspension as stored
from druid_reindex.model.suspension import Suspended, Suspension
from druid_reindex.plan import names
from druid_reindex.plan import suspension as rules
from druid_reindex.ports import DruidPort, ObjectStorePort, RecordStorePort


@dataclass(frozen=True)
class SuspensionShelf:
    """Where it is kept what is suspended of one datasource; every change is conditional on what was read."""

    store: RecordStorePort
    place: RecordPlace
    datasource: str

    def read(self) -> Suspension | None:
        """What is suspended; None where nothing has ever been."""
        return self._record.read()

    def swap(self, change: rules.Change) -> Suspension | None:
        """What is suspended after ``change``. Raises ConflictError when others were quicker each time."""
        return self._record.swap(change)

    @property
    def _record(self) -> Shelf[Suspension]:
        uri = names.suspension_uri(self.place, self.datasource)
        return Shelf(self.store, uri, self.place.kms_key_arn, stored.from_json, stored.to_json)


def suspension_shelves(store: ObjectStorePort, place: RecordPlace) -> list[SuspensionShelf]:
    """Those of all datasources of one side of the boundary that have ever had something suspended."""
    listed = [each.uri.key.rpartition("/")[2] for each in store.listing(names.suspensions_uri(place))]
    return [SuspensionShelf(store, place, name.removesuffix(".json")) for name in listed if name.endswith(".json")]


@dataclass(frozen=True)
class Suspender:
    """One run's hand on the supervisors of its datasource, whose name ``mine`` carries; ``log`` hears what it does."""

    shelf: SuspensionShelf
    druid: DruidPort
    mine: Suspension
    log: Callable[[str], None]
    clock: Callable[[], datetime] = field(default=utc_now)

    def adopt(self) -> tuple[str, ...]:
        """The supervisors that this run is to resume: its own, and what an earlier run has left suspended.

        Only the holder of the datasource's lease adopts. Raises ConflictError while somebody is resuming them.
        """
        record = self.shelf.swap(rules.adopt(self.mine, self.clock()))
        return tuple(each.supervisor_id for each in record.supervisors) if record is not None else ()

    def suspend(self, supervisor_ids: Iterable[str], require: Callable[[], None]) -> None:
        """Suspend them, each kept as this run's before the call; what somebody else suspends meanwhile is not.

        ``require`` raises when the run may not write any more.
        """
        for supervisor_id in supervisor_ids:
            earlier = self._kept(supervisor_id)
            if not self._suspended(supervisor_id, require) and not self._had_arrived(earlier):
                self.log(f"supervisor {supervisor_id} was suspended by somebody else, or is gone: it is left so")
                self.shelf.swap(rules.settled(self.mine, supervisor_id))

    def resume(self) -> tuple[str, ...]:
        """Those that were resumed, of what this run has suspended or taken over; others' doings are left as they are.

        One that cannot be resumed hinders no other: its error is raised after that, and it stays this run's.
        """
        record, resumed, failed = self.shelf.read(), [], []
        for each in record.supervisors if record is not None and record.run == self.mine.run else ():
            try:
                if self._resume(each):
                    resumed.append(each.supervisor_id)
            except DruidReindexError as error:
                self.log(f"supervisor {each.supervisor_id} is not resumed: {error}")
                failed.append(error)
        if failed:
            raise failed[0]
        return tuple(resumed)

    def _suspended(self, supervisor_id: str, require: Callable[[], None]) -> bool:
        """Whether a request of this try suspended it; none is made where it is suspended by now."""
        versions = self.druid.supervisor_versions(supervisor_id)
        if versions and versions[0].is_suspended:
            return False
        before = versions[0].version if versions else ""
        self.shelf.swap(rules.ask(self.mine, supervisor_id, before, self.clock()))
        require()
        self.log(f"suspending supervisor {supervisor_id}")
        return self.druid.suspend_supervisor(supervisor_id)

    def _resume(self, each: Suspended) -> bool:
        """Whether it was resumed; what runs, or what somebody else has suspended, is only forgotten."""
        is_ours = rules.is_ours(each, self.druid.supervisor_versions(each.supervisor_id))
        if is_ours:
            record = self.shelf.swap(rules.resuming(self.mine, each.supervisor_id, self.clock()))
            if record is None or record.run != self.mine.run:
                return False
            self.log(f"resuming supervisor {each.supervisor_id}")
            self.druid.resume_supervisor(each.supervisor_id)
        else:
            self.log(f"supervisor {each.supervisor_id} runs, or somebody else has suspended it: it is left so")
        self.shelf.swap(rules.settled(self.mine, each.supervisor_id))
        return is_ours

    def _kept(self, supervisor_id: str) -> Suspended | None:
        record = self.shelf.read()
        found = (each for each in (record.supervisors if record else ()) if each.supervisor_id == supervisor_id)
        return next(found, None)

    def _had_arrived(self, earlier: Suspended | None) -> bool:
        """Whether a request of an earlier try, whose answer was lost, has suspended it after all."""
        if earlier is None:
            return False
        return rules.is_ours(earlier, self.druid.supervisor_versions(earlier.supervisor_id))
