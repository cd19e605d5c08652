"""Who may write a datasource: what a run has to do with the lease as it finds it.

The lease is one object that is only ever replaced by compare-and-swap, so two runs never hold it at once, whatever
their clocks say. Clocks decide one thing: when an owner that has fallen silent is given up. A run that looks at its
lease before each outside write has at least two thirds of ``TTL`` left when it writes; with ``SLACK`` on top, two
clocks may differ by 20 minutes before a live owner is displaced while it writes. S3 refuses the requests of a machine
whose clock is more than 15 minutes off.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from druid_reindex.model.identity import RunId
from druid_reindex.model.lease import Broken, Lease

TTL = timedelta(minutes=30)
RENEW_AFTER = TTL / 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that wants a datasource's lease.

    ``fence`` is that of the lease under which the run was planned: with it, the run goes on only when nobody else has
    held the lease since. None is for the run that has still to plan.
    """

    datasource: str
    owner: RunId
    deployment_id: UUID
    fence: int | None = None

    def owns(self, lease: Lease) -> bool:
        """Whether ``lease`` names this run as its owner."""
        return lease.owner == str(self.owner)


@dataclass(frozen=True, slots=True)
class Take:
    """Write ``lease``, under a fence higher than any before."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Renew:
    """Write ``lease``: the run holds it, and a third of its time is gone."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Keep:
    """Write nothing: the run holds ``lease``, which is fresh."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Busy:
    """Another run has ``lease``, or has lost it so lately that it may still be writing."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Fenced:
    """The run must stop; ``lease`` says who has it or had it since. None when there is no lease at all."""

    lease: Lease | None


Going = Renew | Keep | Fenced
Decision = Take | Renew | Keep | Busy | Fenced


def decide(current: Lease | None, claim: Claim, now: datetime) -> Decision:
    """What the run does to hold the lease, where ``current`` is the lease as it stands."""
    if current is None:
        return Take(_taken(None, claim, now))
    if current.is_open and claim.owns(current):
        return go_on(current, claim, now)
    if _is_planned_before(current, claim):
        return Fenced(current)
    if now < current.free_at:
        return Busy(current)
    return Take(_taken(current, claim, now))


def go_on(current: Lease | None, claim: Claim, now: datetime) -> Going:
    """Whether a run that held the lease holds it still; also after its end, as long as nobody else took it."""
    if current is None or not current.is_open or not claim.owns(current):
        return Fenced(current)
    if now < current.until - TTL + RENEW_AFTER:
        return Keep(current)
    return Renew(replace(current, until=now + TTL))


def settle(current: Lease | None, claim: Claim, now: datetime) -> Going:
    """As ``go_on``, once nothing of the earlier owners lives any more."""
    going = go_on(current, claim, now)
    if isinstance(going, Fenced) or not going.lease.displaced:
        return going
    return Renew(replace(going.lease, displaced=()))


def give_back(current: Lease | None, claim: Claim, now: datetime) -> Lease | None:
    """The lease given back, if it is this run's to give; the record stays, so that the fence never falls."""
    if current is None or current.is_given_back or not claim.owns(current):
        return None
    return replace(current, released_at=now)


def broken(lease: Lease, *, by: str, reason: str, now: datetime) -> Lease:
    """``lease`` taken away from its owner by a person."""
    return replace(lease, broken=Broken(by, reason, now))


def _is_planned_before(current: Lease, claim: Claim) -> bool:
    """Whether the lease has left this run's hands, otherwise than by its own release, since the run was planned."""
    if claim.fence is None:
        return False
    return not current.is_given_back if claim.owns(current) else current.fence > claim.fence


def _taken(current: Lease | None, claim: Claim, now: datetime) -> Lease:
    highest = max(current.fence if current else 0, claim.fence or 0)
    return Lease(
        datasource=claim.datasource,
        owner=str(claim.owner),
        deployment_id=str(claim.deployment_id),
        dag_id=claim.owner.dag_id,
        run_id=claim.owner.dag_run_id,
        fence=highest + 1,
        since=now,
        until=now + TTL,
        displaced=_displaced(current, claim) if current else (),
    )


def _displaced(current: Lease, claim: Claim) -> tuple[Lease, ...]:
    """Whose work is still to be ended: what ``current`` inherited, and its owner unless it gave the lease back."""
    earlier = (*current.displaced, *(() if current.is_given_back else (replace(current, displaced=()),)))
    latest = {each.owner: each for each in earlier if not claim.owns(each)}
    return tuple(latest.values())
