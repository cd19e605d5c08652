"""The lease of a datasource in the object store: taken, renewed, checked and given back by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import assert_never

from druid_reindex.clients.calls import apart
from druid_reindex.clients.shelf import RecordPlace, Shelf
from druid_reindex.errors import ConflictError, DruidReindexError, FencedOutError
from druid_reindex.model import lease as stored
from druid_reindex.model.lease import Lease
from druid_reindex.plan import lease as rules
from druid_reindex.plan import names
from druid_reindex.plan.lease import Busy, Claim, Decision, Fenced, Keep, Renew, Take
from druid_reindex.ports import RecordStorePort

LEASE = "lease"  # what is asked for its sake is counted apart


def utc_now() -> datetime:
    """This machine's time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class LeaseShelf:
    """Where one datasource's lease is kept; every change is conditional on what was read."""

    store: RecordStorePort
    boundary: RecordPlace
    datasource: str

    @property
    def where(self) -> str:
        """The lease's address."""
        return str(self._record.uri)

    def read(self) -> Lease | None:
        """The lease as it stands; None when nobody has ever held it."""
        with apart(LEASE):
            return self._record.read()

    def swap(self, change: Callable[[Lease | None], Lease | None]) -> Lease | None:
        """The lease after ``change``, which is asked again whenever somebody else was quicker; None leaves it alone.

        Raises ConflictError when others were quicker each time.
        """
        with apart(LEASE):
            return self._record.swap(change)

    def break_it(self, seen: Lease, *, by: str, reason: str, now: datetime) -> Lease:
        """The lease, taken away from the owner in ``seen``. Raises ConflictError when it is no longer theirs."""

        def change(current: Lease | None) -> Lease | None:
            if current is None or not current.is_open or (current.owner, current.fence) != (seen.owner, seen.fence):
                raise ConflictError(
                    f"break the lease of {self.datasource}",
                    resource=self.where,
                    came_back=f"it is no longer that of {seen} (fence {seen.fence})",
                    remedy=f"look again with `druid-reindex lease show {self.datasource}`",
                )
            return rules.broken(current, by=by, reason=reason, now=now)

        return self.swap(change) or seen

    @property
    def _record(self) -> Shelf[Lease]:
        uri = names.lease_uri(self.boundary, self.datasource)
        return Shelf(self.store, uri, self.boundary.kms_key_arn, stored.from_json, stored.to_json)


@dataclass(frozen=True)
class LeaseKeeper:
    """One run's hold on one datasource. Cheap to make anew: what it knows is in the store."""

    store: RecordStorePort
    boundary: RecordPlace
    claim: Claim
    clock: Callable[[], datetime] = field(default=utc_now)

    def hold(self) -> Lease:
        """The lease in this run's hands: taken, renewed, or held already.

        ``displaced`` names earlier owners whose work has to be ended before anything else is done; it stays until
        ``settled`` is called. Raises ConflictError that names the owner while another run holds it, and FencedOutError
        when the run was planned under a lease that it has lost since.
        """
        return self._carry_out(lambda current: rules.decide(current, self.claim, self.clock()))

    def require(self) -> Lease:
        """The lease, still in this run's hands, with at least two thirds of its time to go: before each outside write.

        Raises FencedOutError when another run, or a person, has taken it.
        """
        return self._carry_out(lambda current: rules.go_on(current, self.claim, self.clock()))

    def settled(self) -> Lease:
        """The lease without the earlier owners, once nothing of theirs lives. Raises FencedOutError as ``require``."""
        return self._carry_out(lambda current: rules.settle(current, self.claim, self.clock()))

    def release(self) -> DruidReindexError | None:
        """Give the lease back if it is this run's; twice is once.

        Never raises, because the night is over by then: the error that is returned is for the log, and the lease then
        ends by itself.
        """
        try:
            self._shelf.swap(lambda current: rules.give_back(current, self.claim, self.clock()))
        except DruidReindexError as error:
            return error
        return None

    @property
    def _shelf(self) -> LeaseShelf:
        return LeaseShelf(self.store, self.boundary, self.claim.datasource)

    def _carry_out(self, decide: Callable[[Lease | None], Decision]) -> Lease:
        """The lease once what was decided is written; decided anew when somebody else was quicker."""
        held = self._shelf.swap(lambda current: self._wanted(decide(current)))
        if held is None:
            raise AssertionError("a run goes on only under a lease")
        return held

    def _wanted(self, decision: Decision) -> Lease | None:
        """The lease to write, None for none. Raises ConflictError or FencedOutError where the run may not go on."""
        match decision:
            case Take(lease) | Renew(lease):
                return lease
            case Keep():
                return None
            case Busy(lease):
                raise self._busy(lease)
            case Fenced(lease):
                raise self._fenced_out(lease)
            case _:
                assert_never(decision)

    def _busy(self, lease: Lease) -> ConflictError:
        lost = f"; {lease.broken.by} broke it at {_shown(lease.broken.at)}" if lease.broken else ""
        return ConflictError(
            f"hold the lease of {lease.datasource}",
            resource=self._shelf.where,
            came_back=f"{lease} has held it since {_shown(lease.since)}, until {_shown(lease.until)}{lost}",
            remedy=f"wait until that run gives it back, or loses it at {_shown(lease.free_at)} if it is dead; "
            f"or, when it is known to be dead, run: druid-reindex lease break {lease.datasource} --reason TEXT",
        )

    def _fenced_out(self, lease: Lease | None) -> FencedOutError:
        return FencedOutError(
            f"go on under the lease of {self.claim.datasource}",
            resource=self._shelf.where,
            came_back=_who_fenced_out(lease, self.claim),
            remedy="what this run had submitted is ended by the next owner; if the run is still wanted, clear it from "
            "its task plan on, so that it is planned anew",
        )


def _who_fenced_out(lease: Lease | None, claim: Claim) -> str:
    if lease is None:
        return "there is no lease any more: somebody has deleted it"
    if not claim.owns(lease):
        return f"{lease} took it at {_shown(lease.since)} (fence {lease.fence})"
    if lease.broken is not None and lease.released_at is None:
        return f"{lease.broken.by} broke it at {_shown(lease.broken.at)}: {lease.broken.reason}"
    return "this run has given it back"


def _shown(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
