"""The lease of a datasource as a value: which run may write it, until when, and who held it before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from druid_reindex.model import record
from druid_reindex.model.identity import RunId
from druid_reindex.model.interval import parse_instant

SLACK = timedelta(minutes=3)
_TEXTS = ("datasource", "owner", "deployment_id", "dag_id", "run_id")


@dataclass(frozen=True, slots=True)
class Broken:
    """That a person took the lease away from its owner: by whom, why and when (UTC)."""

    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """One datasource's lease; ``fence`` is one higher each time that it is taken, and never falls.

    ``owner`` is the owning run's identity as text, ``dag_id`` and ``run_id`` are that run's names in Airflow; times are
    UTC by the owner's clock. ``displaced`` are earlier owners who did not give it back and whose work on AWS and Druid
    nobody has ended yet, oldest first.
    """

    datasource: str
    owner: str
    deployment_id: str
    dag_id: str
    run_id: str
    fence: int
    since: datetime
    until: datetime
    released_at: datetime | None = None
    broken: Broken | None = None
    displaced: tuple[Lease, ...] = ()

    @property
    def run(self) -> RunId:
        """The identity of the owning run."""
        return RunId(UUID(self.owner), self.dag_id, self.run_id)

    @property
    def is_given_back(self) -> bool:
        """Whether the owner released it."""
        return self.released_at is not None

    @property
    def is_open(self) -> bool:
        """Whether the owner neither gave it back nor lost it to a person; it may have expired."""
        return self.released_at is None and self.broken is None

    @property
    def free_at(self) -> datetime:
        """When another run may take it: at once after a release, else ``SLACK`` after its end or its breaking.

        Clocks of two machines may differ by as much as ``SLACK``, and what the old owner was sending when it lost the
        lease has reached AWS or Druid by then, so that it is found.
        """
        if self.released_at is not None:
            return self.released_at
        return (self.broken.at if self.broken is not None else self.until) + SLACK

    def __str__(self) -> str:
        return f"DAG {self.dag_id}, run {self.run_id} (deployment {self.deployment_id})"


def to_json(lease: Lease) -> bytes:
    """``lease`` as canonical JSON; equal leases give equal bytes."""
    return record.to_json(_document(lease))


def from_json(body: bytes) -> Lease:
    """The lease in ``body``. Raises ProtocolError when this release cannot read it."""
    return record.from_json(body, "lease", _lease)


def _document(lease: Lease) -> dict[str, Any]:
    broken = lease.broken
    return {
        "datasource": lease.datasource,
        "owner": lease.owner,
        "deployment_id": lease.deployment_id,
        "dag_id": lease.dag_id,
        "run_id": lease.run_id,
        "fence": lease.fence,
        "since": lease.since.isoformat(),
        "until": lease.until.isoformat(),
        "released_at": lease.released_at.isoformat() if lease.released_at is not None else None,
        "broken": {"by": broken.by, "reason": broken.reason, "at": broken.at.isoformat()} if broken else None,
        "displaced": [_document(each) for each in lease.displaced],
    }


def _lease(document: dict[str, Any]) -> Lease:
    released_at, broken = document["released_at"], document["broken"]
    if not isinstance(document["fence"], int) or not all(isinstance(document[name], str) for name in _TEXTS):
        raise TypeError("a field of another type")
    lease = Lease(
        **{name: document[name] for name in _TEXTS},
        fence=document["fence"],
        since=parse_instant(document["since"]),
        until=parse_instant(document["until"]),
        released_at=parse_instant(released_at) if released_at is not None else None,
        broken=_broken(broken) if broken is not None else None,
        displaced=tuple(_lease(each) for each in document["displaced"]),
    )
    return replace(lease, owner=str(lease.run))


def _broken(document: dict[str, Any]) -> Broken:
    return Broken(str(document["by"]), str(document["reason"]), parse_instant(document["at"]))
