"""Lays a run's journal beside the trail, and adds a signed supplement to its packs where something new is known.

Each look reads the files of the run's time anew, so that it rests on nothing that anybody could have changed since the
last one. What it comes to in detail, each call and each event, is kept under the packs' lock and named by the
supplement. The run's time is that from its first call to its last: what happened between nights is not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from druid_reindex.clients.evidence_folders import EvidenceFolder
from druid_reindex.clients.night_evidence import LATER
from druid_reindex.clients.packs import Kept, PackKeeper
from druid_reindex.clients.run_journals import read_journals
from druid_reindex.clients.trail_sight import Sight, TrailLook, around
from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.evidence.attribution import RunFacts, search_keys
from druid_reindex.evidence.parts import Kind, Part, Record, Run, pending
from druid_reindex.evidence.parts_trail import Findings, told_by_trail
from druid_reindex.evidence.reconcile import Others, Reconciliation, advance
from druid_reindex.evidence.report_read import Evidence, instant_of, read_packs
from druid_reindex.evidence.run_facts import arn_of, facts_of
from druid_reindex.evidence.trail_parts import Alert, damage_of, findings_body, journal_body, matches_body
from druid_reindex.evidence.trail_view import GRACE
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.evidence_place import EvidencePlace, Trail
from druid_reindex.model.identity import digest
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri
from druid_reindex.ports import ClusterSurveyPort, LockedStorePort, SigningPort, TrailPort

FOLDER = "reconciliations"
# The longest that a role's session may last.
# Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
SESSION_LIFE = timedelta(hours=12)
BY_TRAIL = (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to: the run's latest pack, what a person must look at, and whether more is to come."""

    run: Run
    kept: Kept
    alert: Alert
    is_pending: bool


@dataclass(frozen=True)
class Reconciling:
    """One side of the boundary: where its evidence, its runs' journals and its trail are.

    ``actors`` gives the declared actors of a datasource, ``instances`` the EC2 ids of a cluster's instances.
    """

    boundary: Boundary
    place: EvidencePlace
    store: LockedStorePort
    signer: SigningPort
    trail: TrailPort
    actors: Callable[[str], Sequence[DeclaredActor]]
    instances: Callable[[str], Iterable[str]]
    processes: int = 1

    def look(self, folder: EvidenceFolder, now: datetime) -> Looked:
        """Look once at the run whose packs lie in ``folder``.

        Raises IntegrityError that names what was changed in a pack, ProtocolError for a journal or a trail in a form
        that is not known, and what reading and writing raise.
        """
        evidence = _unchanged(folder)
        run = Run(**evidence.told(Kind.RUN))
        journal = read_journals(self.store, self.boundary.runs_uri, run.run)
        calls = [each for each in journal if isinstance(each, AwsCall)]
        span, instances = _span(evidence, calls), self._instances_of(evidence)
        facts = facts_of(run.run, calls, around(span), self._resources(run), instances)
        sight = self._look().see(search_keys(facts, calls), span)
        found = self._reconciled(run, facts, calls, sight, now)
        damage = damage_of(sight.reports, span, () if sight.is_awaited(now) else sight.untold())
        findings = findings_body(found, calls, damage, evidence.told(Kind.FINDINGS), now)
        is_pending = bool(found.pending) or sight.is_awaited(now)
        parts = [told_by_trail(journal_body(journal)), *self._told(run, found, calls, findings, is_pending=is_pending)]
        kept = PackKeeper(self.place, self.store, self.signer, run).add(parts, now)
        return Looked(run, kept, Alert.of(findings), is_pending)

    def _look(self) -> TrailLook:
        """The sandbox's trail delivers all that it has at once, to the second."""
        grace = GRACE if self.place.trail is Trail.CLOUDTRAIL else timedelta(seconds=1)
        return TrailLook(self.trail, self.place.trail_arn, grace, self.processes)

    def _reconciled(
        self, run: Run, facts: RunFacts, calls: Sequence[AwsCall], sight: Sight, now: datetime
    ) -> Reconciliation:
        """Journal and trail side by side, the runs that are told of as others by what nobody else explains included."""
        start, actors, view = Reconciliation(run.run), self.actors(run.datasource), sight.view
        alone = advance(start, calls, sight.events, Others((facts,), (), actors), view, now)
        others = self._others(run, alone, facts.window)
        if not others:
            return alone
        theirs = [call for made in others.values() for call in made]
        runs = [facts_of(name, made, facts.window) for name, made in others.items()]
        return advance(start, calls, sight.events, Others((facts, *runs), theirs, actors), view, now)

    def _others(self, run: Run, found: Reconciliation, window: Window) -> Mapping[str, list[AwsCall]]:
        """The calls of others, by run: the triggers', the commands', and those of the sources that open events name.

        A source is a claim; what explains an event is then that run's journal, by request or by key.
        """
        sources = [
            who.session_context.source_identity
            for each in found.open_events
            if (who := each.event.identity).session_context is not None
        ]
        named = dict.fromkeys([run.deployment_id, *filter(_is_uuid, sources)])
        others: dict[str, list[AwsCall]] = defaultdict(list)
        for each in named:
            made = read_journals(self.store, self.boundary.runs_uri, each) if each != run.run else []
            for call in made:
                if isinstance(call, AwsCall) and _lies_in(call, window):
                    others[call.run].append(call)
        return others

    def _resources(self, run: Run) -> Iterator[str]:
        """What is the run's own: its files, the datasource's segments, the key."""
        yield arn_of(S3Uri.parse(self.boundary.runs_uri) / run.run)
        yield arn_of(S3Uri.parse(self.boundary.segments_uri) / run.datasource)
        yield self.boundary.kms_key_arn

    def _instances_of(self, evidence: Evidence) -> list[str]:
        clusters: Sequence[str] = evidence.told(Kind.CLUSTER).get("clusters", ())
        return [instance for cluster in clusters for instance in self.instances(cluster)]

    def _told(
        self, run: Run, found: Reconciliation, calls: Sequence[AwsCall], findings: Findings, *, is_pending: bool
    ) -> list[Part]:
        """Matches once all is known; findings as soon as there is one that a person must look at."""
        if not is_pending:
            return [told_by_trail(matches_body(found, calls, self._keep(run, found))), told_by_trail(findings)]
        known = told_by_trail(findings) if Alert.of(findings) else pending(Kind.FINDINGS, LATER)
        return [pending(Kind.MATCHES, LATER), known]

    def _keep(self, run: Run, found: Reconciliation) -> Record:
        """Keep the whole document, locked, under a name that is made of what it says."""
        body = found.as_json()
        name = f"{FOLDER}/{run.datasource}/{run.run}/{digest(body)}.json"
        uri = S3Uri.parse(self.place.uri) / name
        if not self.store.exists(uri):
            lock = self.place.lock(datetime.fromisoformat(run.made_at))
            self.store.put_locked(uri, body, kms_key_arn=self.place.kms_key_arn, lock=lock)
        return Record(str(uri), digest(body))


def is_open(folder: EvidenceFolder) -> bool:
    """Whether the newest pack there still waits for the trail; one that was changed is looked at, and told by that."""
    evidence = read_packs(folder.packs(), folder.keys())
    if evidence.changed is not None or not evidence.packs:
        return True
    return not set(evidence.packs[-1].untold["pending"]).isdisjoint(BY_TRAIL)


def instance_ids(survey: ClusterSurveyPort, cluster_id: str) -> list[str]:
    """The EC2 ids of all instances that the cluster had; none of one that EMR has forgotten, after two months.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-clusters.html
    """
    try:
        return [each.instance_id for each in survey.instances(cluster_id)]
    except NotFoundError:
        return []


def _unchanged(folder: EvidenceFolder) -> Evidence:
    evidence = read_packs(folder.packs(), folder.keys())
    if evidence.changed is not None:
        raise IntegrityError(
            "reconcile a run with CloudTrail",
            resource=folder.where,
            came_back=str(evidence.changed),
            remedy="keep what lies there; S3's versions have what was there before, CloudTrail who changed it",
        )
    return evidence


def _span(evidence: Evidence, calls: Sequence[AwsCall]) -> Window:
    """The time from the run's first call to its last, and from its start to its first pack."""
    told = [instant_of(evidence.told(Kind.ASKED).get("started_at")), instant_of(evidence.packs[0].title.made_at)]
    instants = [*(each.attempted_at for each in calls), *(each for each in told if each is not None)]
    return Window(min(instants), max(instants))


def _lies_in(call: AwsCall, window: Window) -> bool:
    """Whether it was made within ``window``, or so long before that the session which it began may still live there."""
    return window.start - SESSION_LIFE <= call.attempted_at <= window.end


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
