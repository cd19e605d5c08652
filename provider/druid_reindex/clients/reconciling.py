"""Lays a run's journal beside the trail, and adds a signed supplement to its packs where something new is known.

What HDFS, the KDC, Druid and Redshift wrote down themselves is read once the trail has told all.

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
from druid_reindex.clients.run_journals import journal_files, read_journal
from druid_reindex.clients.trail_sight import Sight, TrailLook, around
from druid_reindex.clients.witnessing import Witnessed, Witnessing
from druid_reindex.errors import IntegrityError, NotFoundError
from druid_reindex.evidence.attribution import RunFacts, search_keys
from druid_reindex.evidence.held import Held
from druid_reindex.evidence.lineage_trail import Supplement, TrailRun, trail_run
from druid_reindex.evidence.parts import Kind, Listed, Part, Record, Run, pending
from druid_reindex.evidence.parts_trail import Findings, Witnesses, told_by_trail
from druid_reindex.evidence.reconcile import Others, Reconciliation, advance
from druid_reindex.evidence.report_read import Evidence, instant_of, read_packs
from druid_reindex.evidence.run_facts import arn_of, facts_of
from druid_reindex.evidence.trail_parts import Alert, damage_of, findings_body, journal_body, matches_body
from druid_reindex.evidence.trail_view import GRACE
from druid_reindex.evidence.witness_tally import touched_by_others
from druid_reindex.model.aws_call import AwsCall
from druid_reindex.model.boundary import Boundary
from druid_reindex.model.declared_actor import DeclaredActor
from druid_reindex.model.evidence_place import EvidencePlace, Trail
from druid_reindex.model.identity import digest
from druid_reindex.model.journal import JournalledCall
from druid_reindex.model.trail import Window
from druid_reindex.model.uri import S3Uri, StoredObject
from druid_reindex.ports import ClusterSurveyPort, LockedStorePort, LogFilesPort, SigningPort, TrailPort

FOLDER = "reconciliations"
# A cluster's id is in the answer. Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html
LAUNCH, CLUSTER_PREFIX = "RunJobFlow", "j-"
# The longest that a role's session may last.
# Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
SESSION_LIFE = timedelta(hours=12)
BY_TRAIL = (Kind.JOURNAL, Kind.MATCHES, Kind.FINDINGS, Kind.WITNESSES)
AWAITED = "logs of Druid or Redshift that may tell more of the night are awaited; a supplement tells them"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look came to: the run's latest pack, what a person must look at, and whether more is to come.

    ``told`` are the parts that the pack tells of CloudTrail.
    """

    run: Run
    kept: Kept
    alert: Alert
    is_pending: bool
    told: tuple[Part, ...]

    @property
    def trail_run(self) -> TrailRun | None:
        """What lineage is told of the look; None where it found nothing new, or of a night that lineage knows not."""
        if not self.kept.is_new:
            return None
        pack = self.kept.pack
        made = Supplement(
            uri=str(self.kept.uri),
            sha256=pack.sha256,
            sequence=pack.title.sequence,
            parts=self.told,
            must_be_looked_at=bool(self.alert),
            is_awaited=self.is_pending,
        )
        return trail_run(self.run, made)


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
    logs: LogFilesPort
    processes: int = 1

    def look(self, folder: EvidenceFolder, now: datetime) -> Looked:
        """Look once at the run whose packs lie in ``folder``.

        Raises IntegrityError that names what was changed in a pack, ProtocolError for a journal or a trail in a form
        that is not known, and what reading and writing raise.
        """
        evidence = _unchanged(folder)
        run = Run.read(evidence.told(Kind.RUN))
        files = journal_files(self.store, self.boundary.runs_uri, run.run)
        journal = read_journal(self.store, files)
        calls = [each for each in journal if isinstance(each, AwsCall)]
        span, instances = _span(evidence, calls), self._instances_of(evidence)
        facts = facts_of(run.run, calls, around(span), self._resources(run), instances)
        sight = self._look().see(search_keys(facts, calls), span)
        found = self._reconciled(run, facts, calls, sight, now)
        damage = damage_of(sight.reports, span, () if sight.is_awaited(now) else sight.untold())
        is_pending = bool(found.pending) or sight.is_awaited(now)
        heard = None if is_pending else self._heard(run, evidence, journal, around(span), now)
        touched = [*damage, *touched_by_others(heard.seen if heard is not None else ())]
        held = Held.of(evidence.told(Kind.SEGMENTS), evidence.told(Kind.FILES))
        findings = findings_body(found, calls, touched, evidence.told(Kind.FINDINGS), now, held)
        parts = (
            told_by_trail(journal_body(journal, map(_listed, files))),
            *self._told(run, found, calls, findings, is_pending=is_pending),
            told_by_trail(heard) if heard is not None else pending(Kind.WITNESSES, LATER if is_pending else AWAITED),
        )
        kept = PackKeeper(self.place, self.store, self.signer, run).add(parts, now)
        return Looked(run, kept, Alert.of(findings), is_pending or heard is None, parts)

    def _heard(
        self, run: Run, evidence: Evidence, journal: Sequence[JournalledCall], window: Window, now: datetime
    ) -> Witnesses | None:
        """What others wrote down of the night; None while more of it may come."""
        night = Witnessed(run.datasource, evidence.told(Kind.CLUSTER).get("clusters", ()), journal, window)
        return Witnessing(self.boundary, self.place.witnesses, self.logs).hear(night, now)

    def is_due(self, folder: EvidenceFolder) -> bool:
        """Whether there may be more to tell of the run whose packs lie in ``folder``.

        Its newest pack still waits for the trail, or a file of its journal has come that no pack was made with; packs
        that were changed are looked at, and told by that.
        """
        evidence = read_packs(folder.packs(), folder.keys())
        if evidence.changed is not None or not evidence.packs:
            return True
        if not set(evidence.packs[-1].untold["pending"]).isdisjoint(BY_TRAIL):
            return True
        told = {(each["uri"], each["etag"]) for each in evidence.told(Kind.JOURNAL).get("files", ())}
        there = journal_files(self.store, self.boundary.runs_uri, evidence.told(Kind.RUN)["run"])
        return any((str(each.uri), each.etag) not in told for each in there)

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
        runs = [facts_of(name, made, facts.window, (), self._launched(made, facts)) for name, made in others.items()]
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
            files = journal_files(self.store, self.boundary.runs_uri, each) if each != run.run else []
            for call in read_journal(self.store, files):
                if isinstance(call, AwsCall) and _lies_in(call, window):
                    others[call.run].append(call)
        return others

    def _launched(self, calls: Iterable[AwsCall], own: RunFacts) -> list[str]:
        """The instances of clusters that ``calls`` launched, but those that the run has as its own."""
        answered = {name for each in calls if each.operation == LAUNCH for name in each.resources}
        clusters = sorted(name for name in answered if name.startswith(CLUSTER_PREFIX))
        return [each for cluster in clusters for each in self.instances(cluster) if each not in own.instances]

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
        """Keep the whole document, locked, under a name that is made of what it says; one that is there stays.

        It is not asked for first: S3 refuses to say that an object is not there to whom lists by prefix alone.
        Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html (permissions)
        """
        body = found.as_json()
        name = f"{FOLDER}/{run.datasource}/{run.run}/{digest(body)}.json"
        uri = S3Uri.parse(self.place.uri) / name
        lock = self.place.lock(datetime.fromisoformat(run.made_at))
        self.store.put_locked(uri, body, kms_key_arn=self.place.kms_key_arn, lock=lock)
        return Record(str(uri), digest(body))


def instance_ids(survey: ClusterSurveyPort, cluster_id: str) -> list[str]:
    """The EC2 ids of all instances that the cluster had; none of one that EMR has forgotten, after two months.

    Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-clusters.html
    """
    try:
        return [each.instance_id for each in survey.instances(cluster_id)]
    except NotFoundError:
        return []


def _listed(stored: StoredObject) -> Listed:
    return Listed(str(stored.uri), stored.etag)


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
