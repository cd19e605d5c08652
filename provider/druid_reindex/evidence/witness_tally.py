"""Counts what a run's other records tell, by whose act it was: the night's, a service's own, a declared one's, others'.

On the run's own cluster an act of somebody else is a finding. Druid and Redshift serve others too: there it is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from druid_reindex.evidence.parts_trail import Seen, Touched, Unexplained
from druid_reindex.evidence.witness_act import Act, without_host
from druid_reindex.model.trail import Window
from druid_reindex.model.witness import Witness, WitnessPlaces

FINDS = frozenset({Witness.HDFS, Witness.KDC})
MOST = 5000
BEYOND_MOST = "further identities"
# What EMR's nodes run as, and `hadoop`, who runs steps: as in the sandbox, unconfirmed by a page of AWS.
_STEPS, _DAEMONS = "hadoop", frozenset({"hdfs", "yarn", "mapred", "HTTP", "host"})
# Redshift's own user for maintenance: as samples of its logs have it, unconfirmed by a page of AWS.
_OF_REDSHIFT = "rdsdb"
_PRINCIPAL = re.compile(r"([^/@]+)(?:/[^@]+@(.+))?")


class Standing(StrEnum):
    """Whose an act is."""

    NIGHT = "the night"
    SERVICE = "the service itself"
    DECLARED = "declared"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Names:
    """By which names the night is known: its users of Druid and Redshift, and the realms of its cluster.

    ``queries`` are the ids of its SQL queries. One of its user that is none of these is another run's, or anybody's who
    has that user's password.
    """

    realms: frozenset[str] = frozenset()
    druid_users: frozenset[str] = frozenset()
    redshift_users: frozenset[str] = frozenset()
    queries: frozenset[str] = frozenset()

    def standing(self, witness: Witness, act: Act, places: WitnessPlaces) -> Standing:
        """Whose ``act`` is; where one acts through another, both must be known."""
        found = {self._of(witness, each, act) for each in act.who}
        if Standing.OTHER not in found:
            return min(found, key=list(Standing).index)
        known = [without_host(each) for each in act.who]
        return Standing.DECLARED if places.declares(witness, known, act.at.date()) else Standing.OTHER

    def _of(self, witness: Witness, name: str, act: Act) -> Standing:
        match witness:
            case Witness.HDFS | Witness.KDC:
                return self._on_cluster(name)
            case Witness.DRUID:
                is_ours = name in self.druid_users and act.query_id in self.queries
                return Standing.NIGHT if is_ours else Standing.OTHER
            case Witness.REDSHIFT:
                if name == _OF_REDSHIFT:
                    return Standing.SERVICE
                return Standing.NIGHT if name.lower() in self.redshift_users else Standing.OTHER

    def _on_cluster(self, name: str) -> Standing:
        """A principal of a node in a realm of the cluster's, or a bare name where there is no Kerberos."""
        found = _PRINCIPAL.fullmatch(name)
        if found is None or not (found[2] is None or found[2] in self.realms):
            return Standing.OTHER
        if found[1] == _STEPS:
            return Standing.NIGHT
        return Standing.SERVICE if found[1] in _DAEMONS else Standing.OTHER


@dataclass
class _Group:
    """Equal acts, counted."""

    first_at: datetime
    last_at: datetime
    count: int = 0
    refused: int = 0
    days: tuple[str, str] | None = None

    def add(self, act: Act) -> None:
        self.first_at, self.last_at = min(self.first_at, act.at), max(self.last_at, act.at)
        self.count += 1
        self.refused += act.is_refused
        if act.days is not None:
            first, last = self.days or act.days
            self.days = min(first, act.days[0]), max(last, act.days[1])


_Key = tuple[Witness, str, Standing, str, str]


@dataclass
class Tally:
    """The acts within ``window``, in groups: at most ``most``, so that nobody's many names fill the memory."""

    window: Window
    standing: Callable[[Witness, Act], Standing]
    most: int = MOST
    _groups: dict[_Key, _Group] = field(default_factory=dict)

    def add(self, witness: Witness, act: Act) -> None:
        """Count the act, where it lies within the window."""
        if not self.window.start <= act.at <= self.window.end:
            return
        standing = self.standing(witness, act)
        key = (witness, " via ".join(map(without_host, act.who)), standing, act.did, act.where)
        if key not in self._groups and len(self._groups) >= self.most:
            key = (witness, BEYOND_MOST, standing, "anything", "anywhere")
        self._groups.setdefault(key, _Group(act.at, act.at)).add(act)

    def seen(self) -> list[Seen]:
        """What was counted, in order."""
        return [_seen(key, self._groups[key]) for key in sorted(self._groups)]


def _seen(key: _Key, group: _Group) -> Seen:
    witness, who, standing, did, where = key
    return Seen(
        witness=witness,
        who=who,
        standing=standing,
        did=did,
        where=where,
        count=group.count,
        refused=group.refused,
        first_at=group.first_at.isoformat(),
        last_at=group.last_at.isoformat(),
        days="/".join(group.days) if group.days else None,
    )


def touched_by_others(seen: Iterable[Seen]) -> Iterator[Touched]:
    """What a person must look at: acts on the run's own cluster of somebody who is neither its own nor declared."""
    for each in seen:
        if each.witness in FINDS and each.standing == Standing.OTHER:
            yield Touched(
                Unexplained.FOREIGN, each.who, each.witness, each.did, each.where, each.count, each.first_at,
                each.last_at, "",
            )  # fmt: skip


def names_of(users: Iterable[str], queries: Iterable[str | None], roles: Sequence[str], realms: Iterable[str]) -> Names:
    """The names of a night that asked Druid as ``users`` and AWS as ``roles`` (ARNs).

    Source: https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html
    """
    signed_in = frozenset(f"iamr:{each.rpartition('/')[2].lower()}" for each in roles)
    return Names(frozenset(realms), frozenset(users), signed_in, frozenset(each for each in queries if each))
